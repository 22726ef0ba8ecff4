import assert from 'node:assert/strict'

import { chat, until } from '../common/harness.mjs'

chat('status tells what an operator asks first', async (scene) => {
  const { daemon, operator } = scene
  await scene.connect('ann')
  await scene.connect('bob', { transport: 'polling' })
  const status = await operator.json('status')
  assert.equal(status.state, 'ready')
  assert.equal(status.pid, daemon.pid)
  assert.deepEqual(status.listen, [daemon.address])
  assert.deepEqual(status.stats.connections, { total: 2, websocket: 1, polling: 1 })
  assert.equal(status.stats.users, 2)
  assert.ok(status.stats.store.writable && status.stats.store.bytes > 0)
  const text = await operator.ok('status')
  assert.match(text, /^● chatd \d+\.\d+\.\d+ {2}ready {3}up .* pid \d+ {3}node .+\n/)
  assert.match(text, /Connections 2 \(ws 1 · polling 1\) {3}Users 2/)
  assert.ok(!text.includes('\u{1b}'), 'no colours in a pipe')
})

chat('stats count what happens', async (scene) => {
  const { operator } = scene
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const before = await operator.json('stats')
  for (let n = 0; n < 20; n += 1) await ann.say(room, `hello ${n}`)
  await ann.fails('NOT_FOUND', 'message:history', { conversationId: 'elsewhere' })
  await scene.fence(ann, room, bob)
  const after = await operator.json('stats')
  const grown = (name) => after.totals[name] - before.totals[name]
  assert.equal(grown('messages'), 21)
  assert.equal(grown('refused'), 1)
  assert.equal(grown('events'), 22)
  assert.ok(grown('deliveries') >= 21)
  assert.ok(after.latency.p50Ms > 0 && after.latency.p50Ms <= after.latency.p99Ms)
  await until(async () => (await operator.json('stats')).rates.messages > 0, 'a rate')
})

chat('stats --watch goes on, a line of JSON each', async (scene) => {
  const lines = scene.operator.follow('--json', 'stats', '--watch', '--interval', '50ms')
  for (let n = 0; n < 3; n += 1) assert.equal((await lines.next(() => true, 'stats')).connections.total, 0)
  lines.stop()
})

chat('a reader that has seen enough ends it quietly', async ({ operator }) => {
  const lines = operator.follow('stats', '--watch', '--interval', '20ms')
  await lines.next(() => true, 'a line')
  lines.stop()
})
