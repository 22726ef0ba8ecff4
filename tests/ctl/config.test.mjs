import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { chat } from '../common/harness.mjs'
import { toml } from '../common/toml.mjs'

chat('reload tells what was applied and what needs a restart', async (scene) => {
  const { daemon, operator } = scene
  const ann = await scene.connect('ann')
  daemon.writeConfig({ limits: { burst: 33 }, typing: { timeout: '9s' }, ping: { interval: '3s' } })
  const diff = await operator.json('config', 'diff')
  assert.deepEqual(diff.reload.map(({ key }) => key), ['limits.burst', 'typing.timeout'])
  assert.deepEqual(diff.restart.map(({ key }) => key), ['ping.interval'])
  assert.equal((await operator.ok('config', 'get', 'limits.burst')).trim(), '100000', 'nothing changed yet')
  const reloaded = await operator.json('reload')
  assert.deepEqual(reloaded.applied, diff.reload)
  assert.deepEqual(reloaded.needsRestart, diff.restart)
  assert.equal((await operator.ok('config', 'get', 'limits.burst')).trim(), '33')
  assert.equal((await operator.ok('config', 'get', 'ping.interval')).trim(), '"25s"', 'what is in force, not what the file says')
  assert.ok(ann.isOpen)
  const text = await operator.ok('reload')
  assert.match(text, /^✓ applied in .*: nothing changed\n! needs a restart: ping\.interval "25s" → "3s"\n$/)
  await daemon.log.next((entry) => entry['command.name'] === 'reload', 'the audit line')
})

chat('a reload that is refused changes nothing and says where', { expectErrors: [/configuration not reloaded/] }, async ({ daemon, operator }) => {
  writeFileSync(daemon.configFile, toml(daemon.config).replace('burst = 100000', 'brust = 5'))
  const said = await operator.fails(1, 'reload')
  assert.match(said, /not applied/)
  assert.match(said, /error: unknown key `limits\.brust`\n.*config\.toml:\d+:1\n.*brust = 5\n.*did you mean `burst`\?/s)
  const { error } = JSON.parse(await operator.fails(1, '--json', 'reload'))
  assert.equal(error.kind, 'INVALID')
  assert.equal((await operator.ok('config', 'get', 'limits.burst')).trim(), '100000')
})

chat('the configuration in force is shown with its sources and without its secrets', async ({ daemon, operator }) => {
  const { settings } = await operator.json('config', 'show')
  const of = Object.fromEntries(settings.map((setting) => [setting.key, setting]))
  assert.match(of['limits.burst'].origin, /config\.toml:\d+$/)
  assert.equal(of['server.listen'].origin, '--listen')
  assert.equal(of['typing.timeout'].origin, 'default')
  assert.equal(of['auth.secret'].value, '"********"')
  assert.ok(!JSON.stringify(settings).includes(daemon.secret))
  const changed = await operator.json('config', 'show', '--changed')
  assert.ok(changed.settings.every(({ origin }) => origin !== 'default'))
  const text = await operator.ok('config', 'show', 'typing')
  assert.match(text, /^KEY +VALUE +FROM\ntyping\.timeout +"6s" +default\n$/)
  assert.match(await operator.fails(5, 'config', 'get', 'limits.brust'), /there is no key/)
  const keys = await operator.json('config', 'keys')
  assert.deepEqual(keys.find(({ key }) => key === 'admin.mode'), {
    key: 'admin.mode', kind: 'a string', default: "'0660'", reloadable: false,
  })
})

chat('files are checked without a daemon', async ({ daemon, operator }) => {
  assert.match(await operator.ok('config', 'check', daemon.configFile), /^configuration ok/)
  const wrong = join(daemon.dir, 'wrong.toml')
  writeFileSync(wrong, '[admin]\nallow_uids = ["ann"]\n')
  const { status, stderr } = await operator.run(['config', 'check', wrong], { socket: '/nowhere' })
  assert.equal(status, 1)
  assert.match(stderr, /admin\.allow_uids.*whole numbers/)
})
