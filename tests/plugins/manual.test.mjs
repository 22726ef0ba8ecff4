// chatd-plugins(7) at its word: every example in the page is checked, tested, loaded and used.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

import { chatctl } from '../common/ctl.mjs'
import { cleanEnvironment, ROOT } from '../common/daemon.mjs'
import { chat, words } from '../common/harness.mjs'

const ESCAPES = { '\\-': '-', '\\(aq': "'", '\\(dq': '"', '\\e': '\\', '\\&': '' }
const shown = (text) => text.replace(/\\(?:\(..|.)/g, (escape) => ESCAPES[escape] ?? assert.fail(`${escape} in an example`))

/** The examples in their order: `{ kind, name, text }`, by what stands in their first line. */
function examples() {
  const page = readFileSync(join(ROOT, 'man/chatd-plugins.7'), 'utf8')
  return [...page.matchAll(/^\.Bd -literal.*\n([^]*?)^\.Ed$/gm)].map(([, block]) => {
    const text = shown(block)
    const [, name] = text.match(/^(?:\/\/|#) (\S+)\n/) ?? []
    if (text.startsWith('$ ')) return { kind: 'commands', text }
    if (name?.endsWith('.rhai')) return { kind: 'script', name, text }
    return { kind: name === 'config.toml' ? 'config' : 'unknown', name, text }
  })
}

const script = (name) => examples().find((example) => example.name === name).text
const configOf = (name) => examples().find(({ kind, text }) => kind === 'config' && text.includes(`config.${name}]`)).text
const commandsOf = (name) => examples().find(({ kind, text }) => kind === 'commands' && text.includes(name)).text.trim().split('\n')

test('every example is a script, a test of one, a piece of the configuration, or commands', () => {
  const all = examples()
  assert.ok(all.length >= 10, `${all.length} examples`)
  for (const { kind, text } of all) assert.notEqual(kind, 'unknown', text)
})

/** Puts all scripts of the page and the configuration of some of them where they belong. */
function layOut(daemon, ...names) {
  const directory = join(daemon.dir, 'plugins')
  for (const place of [directory, join(daemon.dir, 'conf.d')]) mkdirSync(place, { recursive: true })
  const scripts = examples().filter(({ kind }) => kind === 'script')
  for (const { name, text } of scripts) writeFileSync(join(directory, name), text)
  for (const name of names) writeFileSync(join(daemon.dir, 'conf.d', `${name}.toml`), configOf(name))
  return directory
}

/** What a reader does with the example `name`; resolves to what each command printed. */
async function follow(scene, name) {
  const { daemon } = scene
  const directory = layOut(daemon, name)
  await scene.operator.ok('reload')
  const env = cleanEnvironment({
    PATH: `${dirname(chatctl())}:${process.env.PATH}`,
    CHATD_SOCKET: daemon.adminSocket,
    CHATD_CONFIG: daemon.configFile,
    STATE_DIRECTORY: daemon.stateDir,
  })
  const printed = []
  for (const line of commandsOf(name)) {
    const { stdout } = await promisify(execFile)('bash', ['-c', line.replace(/^\$ /, '')], { cwd: directory, env })
    printed.push(stdout)
  }
  return printed
}

chat('all scripts of the page and of the README are right, and their tests pass', async (scene) => {
  const { daemon, operator } = scene
  const directory = layOut(daemon, 'calm', 'tickets')
  const scripts = examples().filter(({ kind, name }) => kind === 'script' && !name.endsWith('.test.rhai'))
  await operator.ok('plugin', 'check', '--config', daemon.configFile, ...scripts.map(({ name }) => join(directory, name)))
  const [, inReadme] = readFileSync(join(ROOT, 'README.md'), 'utf8').match(/^```rhai\n([^]*?)^```$/m)
  daemon.writePlugin('readme', inReadme)
  const shouted = await operator.json('plugin', 'run', join(directory, 'readme.rhai'), '--input', '"WHY DOES NOBODY ANSWER ME"')
  assert.equal(shouted.code, 'CALM')
  const { passed, failed } = await operator.json('plugin', 'test', directory)
  assert.ok(passed >= 5 && failed === 0, `${passed} passed, ${failed} failed`)
})

chat('the first plugin does what the page says', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.say(room, 'WHY DOES NOBODY EVER ANSWER ME, I WONDER')
  const [checked, tested, tried, replayed] = await follow(scene, 'calm')
  assert.match(checked, /calm\.rhai: on_message/)
  assert.match(tested, /2 passed, 0 failed/)
  assert.equal(JSON.parse(tried).code, 'CALM')
  assert.match(replayed, /deny: 1\n/)
  const error = await ann.fails('CALM', 'message:send', { conversationId: room, content: 'WHY DOES NOBODY EVER ANSWER ME, I WONDER' })
  assert.equal(error.message, 'No need to shout.')
  await ann.say(room, words('calm'))
})

chat('the help desk does what the page says', async (scene) => {
  const [ann, dora] = await scene.users('ann', 'dora')
  const room = await scene.create(ann, [dora])
  await follow(scene, 'tickets')
  const say = (who, content) => who.ok('message:send', { conversationId: room, content })
  const { message } = await say(ann, '/ticket the printer is on fire')
  assert.deepEqual([message.content, message.metadata], ['Ticket 1: the printer is on fire', { ticket: 1 }])
  assert.equal((await dora.next('notification:new', ({ type }) => type === 'ticket')).title, 'Ticket 1')
  const open = await scene.operator.json('plugin', 'call', 'tickets', 'list')
  assert.match(JSON.stringify(open), /the printer is on fire/)
  await ann.fails('FORBIDDEN', 'message:send', { conversationId: room, content: '/close 1' })
  await say(dora, '/close 1')
  assert.equal((await dora.next('message:new', ({ seq }) => seq === null)).content, 'Closed.')
  assert.equal((await ann.next('notification:new', ({ message }) => message.startsWith('Done'))).message, 'Done: the printer is on fire')
})

chat('what is wrong with the first plugin is told where it stands', { expectErrors: [/configuration not reloaded/] }, async (scene) => {
  const { daemon, operator } = scene
  const right = script('calm.rhai')
  await follow(scene, 'calm')
  const file = join(daemon.dir, 'plugins', 'calm.rhai')
  const broken = (from, to) => {
    daemon.writePlugin('calm', right.replace(from, to))
    return operator.fails(1, 'plugin', 'check', file)
  }
  assert.match(await broken('deny(', 'denny('), /there is no function denny\n.*calm\.rhai:9:5\n[^]*did you mean deny\?/)
  assert.match(await broken('on_message', 'on_mesage'), /there is no hook on_mesage\n.*calm\.rhai:4:1\n[^]*did you mean on_message\?/)
  assert.match(await broken('let most', 'timer::every("1s", "x");\nlet most'), /outside of functions: on_load is for that/)
  const said = await broken('let most', 'let until')
  assert.match(said, /calm\.rhai:2:5\n/)
  assert.ok((await operator.fails(1, 'reload')).includes(said.trim().split('\n').at(-2)), 'a reload says the same')
  // What is found only when its line runs: in the log, and by chatctl.
  daemon.writePlugin('calm', right.replace('text.len <= most', 'txet.len <= most'))
  await operator.ok('reload')
  const ann = await scene.connect('ann')
  await ann.say(await scene.create(ann), words('not decided on, so allowed'))
  const line = await daemon.logged(/calm\.rhai:6:8: Variable not found: txet/)
  assert.equal(line.level, 'WARN')
  assert.match(await operator.ok('plugin', 'show', 'calm'), /last error +on_message: 6:8: Variable not found: txet/)
  daemon.writePlugin('calm', right)
  daemon.writePlugin('calm.test', 'fn test_a() {\n    assert_eq(on_message(#{ content: "Hi" }), 7);\n}\n')
  const { stdout, status } = await operator.run(['plugin', 'test', file])
  assert.equal(status, 1)
  assert.match(stdout, /✗ .*calm\.test\.rhai test_a\n.*calm\.test\.rhai:2:5: expected 7, found null\n0 passed, 1 failed/)
})
