// kill -9 under load, again and again, with an application that refuses now and then. Afterwards it was told every message that is
// stored, and no other; each under one id however often it came, and in order within a conversation.

import assert from 'node:assert/strict'

import { pause, pluck, range, until } from '../common/harness.mjs'
import { told } from './common.mjs'

const ROUNDS = 8
const WRITERS = 4
const ROOMS = ['alpha', 'beta', 'gamma', 'delta', 'epsilon']

const RECONNECT = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 200, timeout: 5_000 }

/** Sends one message after the other until it is told to stop; those that were acknowledged. */
class Writer {
  acknowledged = []
  stopped = false

  constructor(scene, n) {
    this.name = `writer-${n}`
    this.client = scene.client(this.name, { options: RECONNECT })
  }

  async run() {
    for (let n = 0; !this.stopped; n += 1) await this.deliver(ROOMS[n % ROOMS.length], `${this.name}-${n}`)
  }

  async deliver(conversationId, clientId) {
    const { socket } = this.client
    for (;;) {
      await until(() => socket.connected, `${this.name} to be connected`, { ms: 30_000, every: 5 })
      const ack = await new Promise((answer) => {
        const lost = () => answer(null)
        socket.once('disconnect', lost)
        socket.emit('message:send', { conversationId, clientId, content: clientId }, (said) => {
          socket.off('disconnect', lost)
          answer(said)
        })
      })
      if (ack?.ok) return this.acknowledged.push(ack.message.id)
      if (ack) assert.equal(ack.error.code, 'UNAVAILABLE', JSON.stringify(ack.error))
    }
  }
}

told('no event is lost and none changes its id, whenever the process is killed', { comesBack: true, timeout: 180_000, webhook: { events: ['message.created'] } }, async (scene, { app }) => {
  let attempts = 0
  app.answer = () => ((attempts += 1) % 23 === 0 ? 503 : 204)
  const owner = await scene.connect('owner')
  for (const id of ROOMS) {
    await owner.ok('conversation:create', { id, type: 'group', members: range(1, WRITERS).map((n) => `writer-${n}`) })
  }
  owner.close()
  const writers = range(1, WRITERS).map((n) => new Writer(scene, n))
  writers.forEach(({ client }) => client.socket.connect())
  const runs = writers.map((writer) => writer.run())
  for (const round of range(1, ROUNDS)) {
    const before = app.taken.all().length
    await until(() => app.taken.all().length > before + 20, `events to be told in round ${round}`, { ms: 30_000, every: 5 })
    // Anywhere between two notes of what was told.
    await pause(Math.random() * 300)
    await scene.daemon.crash()
    await scene.daemon.start()
  }
  writers.forEach((writer) => (writer.stopped = true))
  await Promise.all(runs)

  const reader = await scene.connect('owner')
  const stored = (await Promise.all(ROOMS.map((room) => reader.everything(room)))).flat()
  const missing = () => {
    const heard = new Set(app.taken.all().map(({ data }) => data.id))
    return stored.filter(({ id }) => !heard.has(id))
  }
  await until(() => missing().length === 0, () => `all to be told; missing ${JSON.stringify(missing().slice(0, 5))}`, { ms: 60_000 })

  const acknowledged = writers.flatMap((writer) => writer.acknowledged)
  const ids = new Map()
  for (const { id, data } of app.requests.all()) {
    assert.equal(ids.get(data.id) ?? id, id, `message ${data.id} came under two ids`)
    ids.set(data.id, id)
  }
  assert.deepEqual(new Set(ids.keys()), new Set(pluck(stored, 'id')), 'what was told and what is stored')
  assert.equal(acknowledged.filter((id) => !ids.has(id)).length, 0)
  assert.equal(new Set(ids.values()).size, ids.size, 'an id for each message')
  for (const room of ROOMS) {
    const seen = new Set()
    const firsts = app.taken.all(({ data }) => data.conversationId === room && !seen.has(data.seq) && seen.add(data.seq))
    assert.deepEqual(firsts.map(({ data }) => data.seq), range(1, firsts.length), room)
  }
  const again = app.taken.all().length - ids.size
  assert.ok(again > 0, 'some were told again, or nothing was tested')
})
