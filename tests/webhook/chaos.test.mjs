// Everything at once: an application that answers as badly as it can, one that never answers, one that comes and goes by reloads,
// an operator who pauses, resumes and replays, and kills in between. Afterwards every message was told, each first in its order.

import assert from 'node:assert/strict'

import { pause, pluck, range, until } from '../common/harness.mjs'
import { tell, told } from './common.mjs'

const ROOMS = ['red', 'green', 'blue']
const ROUNDS = 4
const EACH = 40

/** What is answered to one request after the other: three of nine are taken. */
const answers = [
  () => 204,
  () => 500,
  () => ({ status: 302, headers: { location: 'http://127.0.0.1:1/' } }),
  () => 200,
  () => ({ status: 429, headers: { 'retry-after': '0' } }),
  (request) => {
    request.socket.destroy()
    return 500
  },
  () => ({ status: 503, headers: { 'retry-after': new Date(Date.now() - 5_000).toUTCString() } }),
  () => ({ status: 200, headers: { 'content-type': 'text/html' }, body: 'x'.repeat(3_000_000) }),
  () => ({ status: 500, headers: { 'content-encoding': 'gzip' }, body: 'no gzip at all' }),
]

told('whatever applications, operators and kills do, each message is told, first in its order', { comesBack: true, timeout: 180_000, count: 3 }, async (scene, { apps: [app, silent, passing] }) => {
  let asked = 0
  app.answer = (_, request) => answers[(asked += 1) % answers.length](request)
  silent.answer = () => new Promise(() => {})
  const events = ['message.created']
  const first = app.table({ name: 'app', events, retry_delay: '20ms' })
  const never = silent.table({ name: 'silent', events, timeout: '2s' })
  const guest = passing.table({ name: 'guest', events })
  await tell(scene, [first, never, guest])
  const { operator, daemon } = scene
  const said = []
  for (const round of range(1, ROUNDS)) {
    const ann = await scene.connect('ann')
    for (const id of ROOMS) if (round === 1) await ann.ok('conversation:create', { id, type: 'group' })
    const sending = Promise.all(ROOMS.map(async (room) => {
      for (const n of range(1, EACH)) said.push(await ann.say(room, `${round}-${n}`))
    }))
    for (const table of [[first, never], [first, never, { ...guest, events: ['message.*'] }], [never, first]]) {
      await operator.ok('webhook', 'pause', 'app')
      await tell(scene, table)
      await operator.ok('webhook', 'resume', 'app')
      await operator.run(['webhook', 'replay', 'app'])
      await pause(Math.random() * 60)
    }
    await sending
    await daemon.crash()
    await daemon.start()
  }
  const missing = () => {
    const heard = new Set(app.taken.all().map(({ data }) => data.id))
    return said.filter(({ id }) => !heard.has(id))
  }
  await until(() => missing().length === 0, () => `all to be told; missing ${missing().length} of ${said.length}`, { ms: 90_000 })
  const ids = new Map()
  for (const { id, data } of app.requests.all()) {
    assert.equal(ids.get(data.id) ?? id, id, `message ${data.id} came under two ids`)
    ids.set(data.id, id)
  }
  for (const room of ROOMS) {
    const seen = new Set()
    const firsts = app.taken.all(({ data }) => data.conversationId === room && !seen.has(data.seq) && seen.add(data.seq))
    assert.deepEqual(firsts.map(({ data }) => data.seq), range(1, ROUNDS * EACH), room)
  }
  const { webhooks } = await operator.json('webhook', 'list')
  assert.deepEqual(pluck(webhooks, 'name').sort(), ['app', 'silent'])
})
