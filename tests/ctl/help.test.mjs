import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

import { chatctl, run } from '../common/ctl.mjs'
import { chat } from '../common/harness.mjs'

/** Every command with its subcommands, as the help lists them. */
async function commands(path = []) {
  const { status, stdout } = await run([...path, '--help'])
  assert.equal(status, 0)
  const section = stdout.match(/^Commands:\n((?: {2}.*\n)+)/m)?.[1] ?? ''
  const names = [...section.matchAll(/^ {2}(\S+)/gm)].map(([, name]) => name)
  const below = await Promise.all(names.map((name) => commands([...path, name])))
  return [path, ...below.flat()]
}

test('every command has help that fits a terminal, a sentence, and a manual page', async () => {
  const all = await commands()
  assert.ok(all.length > 50, `${all.length} commands`)
  for (const path of all) {
    const { stdout } = await run([...path, '--help'])
    assert.match(stdout, /^[A-Z]/, path.join(' '))
    for (const line of stdout.split('\n')) assert.ok(line.length <= 110, `${path.join(' ')}: ${line}`)
    const { status, stdout: page } = await run(['man', ...path])
    assert.equal(status, 0)
    assert.match(page, /^\.TH chatctl/m)
  }
})

test('wrong usage ends with 2, a wrong manual page with 5', async () => {
  for (const args of [[], ['dance'], ['user'], ['user', 'ban'], ['status', '--loud'], ['--color', 'pink', 'status']]) {
    assert.equal((await run(args)).status, 2, args.join(' '))
  }
  assert.equal((await run(['man', 'dance'])).status, 5)
  assert.equal((await run(['--version'])).status, 0)
})

chat('a shell is offered what the daemon knows', async (scene) => {
  const { daemon } = scene
  const alice = await scene.connect('alice')
  await scene.create(alice, [], { id: 'lobby', type: 'channel' })
  const offered = (...words) => {
    const { stdout } = spawnSync(chatctl(), ['--', 'chatctl', ...words], {
      encoding: 'utf8',
      env: {
        ...process.env, CHATD_SOCKET: daemon.adminSocket, CHATCTL_COMPLETE: 'bash',
        _CLAP_COMPLETE_INDEX: String(words.length), _CLAP_IFS: '\n', _CLAP_COMPLETE_COMP_TYPE: '9', _CLAP_COMPLETE_SPACE: 'true',
      },
    })
    return stdout.split('\n').filter(Boolean)
  }
  assert.deepEqual(offered('kick', 'al'), ['alice'])
  assert.deepEqual(offered('conversation', 'show', 'lo'), ['lobby'])
  assert.ok(offered('config', 'get', 'limits.').includes('limits.burst'))
  assert.ok(offered('user', '').includes('ban'))
  await daemon.stop()
  assert.deepEqual(offered('kick', 'al'), [], 'silence where nobody answers')
})

test('each shell has its script', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { status, stdout } = await run(['completions', shell])
    assert.equal(status, 0)
    assert.match(stdout, /CHATCTL_COMPLETE/)
    if (spawnSync(shell, ['-c', 'true']).status === 0) {
      const { status: read, stderr } = spawnSync(shell, ['-n'], { input: stdout, encoding: 'utf8' })
      assert.equal(read, 0, stderr)
    }
  }
})

chat('colours come where they are wanted and nowhere else', async ({ operator }) => {
  assert.match(await operator.ok('--color', 'always', 'status'), /\u001b\[/)
  assert.ok(!(await operator.ok('--color', 'never', 'status')).includes('\u001b'))
  assert.equal(await operator.ok('--quiet', 'reload'), '')
})
