// A daemon whose rules are wrong does not start without them.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

import { Daemon, chat } from '../common/harness.mjs'
import { binary, cleanEnvironment } from '../common/daemon.mjs'

const broken = 'fn on_message(message) {\n    if message.content == "x" { return deny("no" }\n}'

for (const args of [[], ['--check']]) {
  test(`a script that is wrong is told with its place, and the exit status is 78 (${args})`, { timeout: 30_000 }, async () => {
    const daemon = new Daemon({ plugins: { broken } })
    const command = ['--config', daemon.configFile, '--state-dir', daemon.stateDir, '--listen', '127.0.0.1:0', ...args]
    const { status, stderr } = spawnSync(binary(), command, { env: cleanEnvironment({ HOME: daemon.dir, RUNTIME_DIRECTORY: daemon.dir }), encoding: 'utf8' })
    assert.equal(status, 78)
    assert.match(stderr, /error: .*\n +--> .*broken\.rhai:2:\d+\n2 \| .*deny\("no" \}\n/)
    await daemon.dispose()
  })
}

test('a plugin that there is not is named with the nearest', { timeout: 30_000 }, async () => {
  const daemon = new Daemon({ plugins: { hello: '' }, config: { plugins: { enabled: ['helo'] } } })
  const { status, stderr } = spawnSync(binary(), ['--check', '--config', daemon.configFile], { env: cleanEnvironment({ HOME: daemon.dir }), encoding: 'utf8' })
  assert.equal(status, 78)
  assert.match(stderr, /there is no plugin helo in .*\n +--> .*config\.toml:\d+.*\n.*enabled.*\n.*did you mean hello\?/s)
  await daemon.dispose()
})

chat('messages on hold and what plugins keep outlive a crash', {
  plugins: { keeper: 'fn on_message(m) { kv::set("last", m.content); if m.content == "wait" { return hold(); } } fn on_admin() { kv::get("last") }' },
  comesBack: true,
}, async (scene) => {
  const { daemon, operator } = scene
  const ann = await scene.connect('ann')
  const { conversation } = await ann.ok('conversation:create', { type: 'group' })
  const { message } = await ann.ok('message:send', { conversationId: conversation.id, content: 'wait', clientId: 'c' })
  await daemon.crash()
  await daemon.start()
  const again = await scene.connect('ann')
  const retry = await again.ok('message:send', { conversationId: conversation.id, content: 'wait', clientId: 'c' })
  assert.deepEqual([retry.message.id, retry.duplicate, retry.message.pending], [message.id, true, true])
  const { messages } = await operator.json('review', 'list')
  assert.equal(messages.length, 1)
  assert.equal((await operator.json('review', 'approve', message.id)).seq, 1)
  const own = await again.ok('message:history', { conversationId: conversation.id })
  assert.deepEqual(own.messages.map(({ id, seq }) => [id, seq]), [[message.id, 1]])
})

chat('reloads under load lose nothing and let nothing through', {
  plugins: { gate: 'fn on_message(m) { if m.content.starts_with("bad") { return deny("BAD", "no"); } }' },
}, async (scene) => {
  const { daemon, operator } = scene
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  let running = true
  const talk = (async () => {
    let count = 0
    for (; running; count += 1) {
      const [good, bad] = await Promise.all(['good', 'bad'].map((word) => ann.emit('message:send', { conversationId: room, content: `${word} ${count}` })))
      assert.ok(good.ok)
      assert.equal(bad.error?.code, 'BAD')
    }
    return count
  })()
  for (let n = 0; n < 15; n += 1) {
    daemon.writePlugin('extra', `fn on_message(m) { m.metadata.n = ${n}; m }`)
    await operator.ok('plugin', 'reload')
  }
  running = false
  const count = await talk
  await scene.fence(bob, room, ann)
  assert.ok(count > 5)
  const got = bob.got('message:new')
  assert.equal(got.length, count)
  assert.deepEqual(got.map(({ content }) => content), Array.from({ length: count }, (_, n) => `good ${n}`))
})
