// `GET /metrics`: what Prometheus scrapes, and that the manual and the dashboard name what is there.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { chat, until, words } from '../common/harness.mjs'
import { request } from '../common/raw.mjs'

const ON = { config: { metrics: { enabled: true } } }
const file = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

async function scrape(daemon, headers) {
  const { status, headers: answered, body } = await request(daemon, '/metrics', { headers })
  assert.equal(status, 200)
  const samples = new Map()
  for (const line of body.split('\n').filter((line) => line && !line.startsWith('#'))) {
    const [, sample, value] = /^(.+) (\S+)$/.exec(line)
    assert.ok(!samples.has(sample), `${sample} twice`)
    samples.set(sample, Number(value))
  }
  const families = new Set([...body.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name))
  return { body, families, type: answered['content-type'], of: (sample) => samples.get(sample) }
}

chat('nobody is told figures that were not asked for', async ({ daemon }) => {
  assert.equal((await request(daemon, '/metrics')).status, 404)
})

chat('what happens is counted', ON, async (scene) => {
  const { daemon } = scene
  const before = await scrape(daemon)
  assert.equal(before.type, 'text/plain; version=0.0.4; charset=utf-8')
  assert.equal(before.of('chatd_events_total{event="message:send",outcome="ok"}'), 0, 'a rate begins at zero')
  const [ann, bob, carol] = await scene.users('ann', 'bob', 'carol')
  const room = await scene.create(ann, [bob, carol])
  for (let n = 0; n < 5; n += 1) await ann.say(room, words())
  await ann.fails('NOT_FOUND', 'message:history', { conversationId: 'elsewhere' })
  await ann.fails('UNKNOWN_EVENT', 'message:sing', {})
  await scene.fence(ann, room, bob, carol)
  assert.match(await scene.refused('dave', { token: 'no token' }), /^TOKEN_INVALID/)
  await scene.operator.ok('--yes', 'kick', 'carol')
  await carol.next('error')
  await until(async () => (await scrape(daemon)).of('chatd_connections{transport="websocket"}') === 2, 'carol to be gone')
  const after = await scrape(daemon)
  for (const [sample, value] of Object.entries({
    'chatd_messages_total': 6,
    'chatd_events_total{event="message:send",outcome="ok"}': 6,
    'chatd_events_total{event="message:history",outcome="NOT_FOUND"}': 1,
    'chatd_events_total{event="unknown",outcome="UNKNOWN_EVENT"}': 1,
    'chatd_handshakes_total{outcome="ok"}': 3,
    'chatd_handshakes_total{outcome="TOKEN_INVALID"}': 1,
    'chatd_evictions_total{reason="kicked"}': 1,
    'chatd_message_ack_seconds_count': 6,
    'chatd_message_handover_seconds_count': 6,
    'chatd_message_fanout_devices_bucket{le="1.0"}': 0,
    'chatd_message_fanout_devices_bucket{le="3.0"}': 6,
    'chatd_message_fanout_devices_sum': 18,
    'chatd_users': 2,
    'chatd_store_writable': 1,
    'chatd_queue_depth{queue="store"}': 0,
  })) assert.equal(after.of(sample), value, sample)
  assert.ok(after.of('chatd_store_commit_seconds_count') >= 7)
  assert.ok(after.of('chatd_message_ack_seconds_sum') > 0)
  assert.ok(after.of('chatd_network_transmit_bytes_total') > after.of('chatd_network_receive_bytes_total') / 10)
  assert.ok(after.of('process_resident_memory_bytes') > 1 << 20)
  assert.ok(after.of('process_open_fds') > 3 && after.of('process_open_fds') <= after.of('process_max_fds'))
  assert.ok(Math.abs(after.of('process_start_time_seconds') - Date.now() / 1_000) < 120)
  assert.ok(!/ann|bob|carol/.test(after.body), 'no user stands in a label')
  const { totals } = await scene.operator.json('stats')
  assert.equal(after.of('chatd_messages_total'), totals.messages, 'chatctl reads the same counts')
})

chat('bytes of connections that have ended stay counted', ON, async (scene) => {
  const { daemon } = scene
  const ann = await scene.connect('ann')
  const { conversation } = await ann.ok('conversation:create', { type: 'group' })
  await ann.say(conversation.id, randomBytes(15_000).toString('base64'))
  const received = (await scrape(daemon)).of('chatd_network_receive_bytes_total')
  assert.ok(received > 15_000, `${received}`)
  ann.close()
  await until(async () => (await scrape(daemon)).of('chatd_streams') <= 1, 'her stream to end')
  assert.ok((await scrape(daemon)).of('chatd_network_receive_bytes_total') >= received)
})

chat('a listener of its own keeps figures from clients', { config: { metrics: { enabled: true, listen: '127.0.0.1:0' } } }, async ({ daemon }) => {
  assert.equal((await request(daemon, '/metrics')).status, 404)
  const { address } = await daemon.logged('metrics')
  const at = `http://${address}`
  const answer = await fetch(`${at}/metrics`)
  assert.equal(answer.status, 200)
  assert.match(await answer.text(), /^chatd_users 0$/m)
  assert.equal((await fetch(`${at}/socket.io/?EIO=4&transport=polling`)).status, 404)
  assert.equal((await fetch(`${at}/metrics`, { method: 'POST' })).status, 405)
})

chat('every name that is served is in the manual, and the other way round', ON, async ({ daemon }) => {
  const { families } = await scrape(daemon)
  const documented = [...file('man/chatd.8').matchAll(/^\.It Ic ((?:chatd|process)_\S+)$/gm)].map(([, name]) => name)
  assert.deepEqual([...documented].sort(), [...families].sort())
})

chat('a message takes from its receipt on, with what a plugin takes', {
  ...ON,
  plugins: { slow: 'fn on_message(m) { let from = now(); while now() - from < 60 { } }' },
  config: { ...ON.config, plugins: { timeout: '5s', max_operations: 2_000_000_000 } },
}, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.say(room, 'x')
  const figures = await scrape(scene.daemon)
  for (const name of ['ack', 'handover']) assert.ok(figures.of(`chatd_message_${name}_seconds_sum`) >= 0.06, name)
})

chat('the dashboard draws what is served', ON, async ({ daemon }) => {
  const { families } = await scrape(daemon)
  const { panels } = JSON.parse(file('share/grafana/chatd.json'))
  const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  assert.ok(expressions.length > 30)
  const drawn = new Set()
  for (const expression of expressions) {
    const names = expression.match(/\b(?:chatd|process)_\w+/g)
    assert.ok(names, expression)
    for (const name of names) {
      const family = families.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '')
      assert.ok(families.has(family), `${name} in ${expression}`)
      drawn.add(family)
    }
  }
  const rest = [...families].filter((name) => !drawn.has(name))
  assert.deepEqual([...rest].sort(), ['chatd_build_info', 'process_start_time_seconds', 'process_virtual_memory_bytes'])
})

chat('scrapers that ask for OpenMetrics get it', ON, async ({ daemon }) => {
  const { type, body, families } = await scrape(daemon, { accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' })
  assert.equal(type, 'application/openmetrics-text; version=1.0.0; charset=utf-8')
  assert.ok(body.endsWith('\n# EOF\n'))
  assert.ok(families.has('chatd_messages') && !families.has('chatd_messages_total'))
})
