// kill -9 under load, again and again. Writers retry by clientId until each message is acknowledged, readers resume with what
// they have. Afterwards: what was acknowledged is stored, what is stored is unique, no number is missing, all readers agree,
// and every retry of a stored message was called a duplicate.

import assert from 'node:assert/strict'

import { chat, pluck, range, until } from '../common/harness.mjs'

const ROUNDS = 8
const WRITERS = 6
const READERS = 4
const ROOMS = ['alpha', 'beta', 'gamma']

const RECONNECT = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 200, timeout: 5_000 }

/** Sends one message after the other and knows of each whether it was acknowledged. */
class Writer {
  acked = new Map()
  attempts = new Map()
  refusals = []
  stopped = false

  constructor(scene, n) {
    this.user = `writer-${n}`
    this.client = scene.client(this.user, { transport: n % 3 === 0 ? 'polling' : 'websocket', options: RECONNECT })
  }

  async run(rooms) {
    for (let n = 0; !this.stopped; n += 1) await this.deliver(rooms[n % rooms.length], `${this.user}-${n}`)
  }

  /** Until it is acknowledged, over any number of connections. */
  async deliver(conversationId, clientId) {
    const key = `${conversationId} ${clientId}`
    for (;;) {
      const { socket } = this.client
      await until(() => socket.connected, `${this.user} to be connected`, { ms: 30_000, every: 5 })
      this.attempts.set(key, (this.attempts.get(key) ?? 0) + 1)
      const ack = await this.ask({ conversationId, clientId, content: `text of ${clientId}` })
      if (ack?.ok) {
        this.acked.set(key, { ...ack.message, duplicate: ack.duplicate })
        return
      }
      if (ack) {
        this.refusals.push(ack.error)
        assert.equal(ack.error.code, 'UNAVAILABLE', JSON.stringify(ack.error))
      }
    }
  }

  /** The answer, or nothing where the connection went before it came. */
  ask(payload) {
    const { socket } = this.client
    return new Promise((answer) => {
      const lost = () => answer(null)
      socket.once('disconnect', lost)
      socket.emit('message:send', payload, (ack) => {
        socket.off('disconnect', lost)
        answer(ack)
      })
    })
  }
}

/** Keeps what came, per conversation, and resumes behind it. */
class Reader {
  seen = new Map()
  faults = []

  constructor(scene, n, epoch, rooms) {
    this.rooms = rooms
    for (const room of rooms) this.seen.set(room, [])
    const user = `reader-${n}`
    const token = scene.daemon.token(user)
    const auth = (send) => send({ token, resume: { epoch, conversations: Object.fromEntries(rooms.map((room) => [room, this.last(room)])) } })
    this.client = scene.client(user, { transport: ['websocket', 'polling', 'upgrade'][n % 3], auth, options: RECONNECT })
    this.client.socket.on('connected', ({ resumed }) => {
      for (const room of rooms) {
        if (resumed[room].status === 'reset') this.faults.push(`${user}: reset of ${room}`)
        this.take(room, resumed[room].messages)
        if (resumed[room].status === 'truncated') this.catchUp(room)
      }
    })
    this.client.socket.on('message:new', (message) => this.take(message.conversationId, [message]))
    this.client.socket.on('sync:required', ({ conversationIds }) => conversationIds.forEach((room) => this.catchUp(room)))
  }

  last(room) {
    return this.seen.get(room).at(-1)?.seq ?? 0
  }

  /** Takes what follows; a gap is asked for, what is known already is compared. */
  take(room, messages) {
    const seen = this.seen.get(room)
    for (const message of messages) {
      if (message.seq === seen.length + 1) seen.push(message)
      else if (message.seq > seen.length) return this.catchUp(room)
      else if (seen[message.seq - 1].id !== message.id) this.faults.push(`${this.client.user}: two messages with seq ${message.seq} of ${room}`)
    }
    return undefined
  }

  catchUp(room) {
    this.client.socket.emit('message:history', { conversationId: room, after: this.last(room), limit: 200 }, (ack) => {
      if (!ack.ok) return this.faults.push(`${this.client.user}: ${JSON.stringify(ack.error)}`)
      this.take(room, ack.messages)
      if (ack.hasMore) this.catchUp(room)
      return undefined
    })
  }
}

chat('what was acknowledged survives kill -9', { comesBack: true, timeout: 240_000 }, async (scene) => {
  const { daemon } = scene
  const names = [...range(1, WRITERS).map((n) => `writer-${n}`), ...range(1, READERS).map((n) => `reader-${n}`)]
  const owner = await scene.connect('owner')
  for (const id of ROOMS) await owner.ok('conversation:create', { id, type: 'group', members: names })
  const { epoch } = owner.connected

  const readers = range(1, READERS).map((n) => new Reader(scene, n, epoch, ROOMS))
  const writers = range(1, WRITERS).map((n) => new Writer(scene, n))
  for (const { client } of [...readers, ...writers]) client.socket.connect()
  const writing = writers.map((writer) => writer.run(ROOMS))
  const acked = () => writers.reduce((sum, writer) => sum + writer.acked.size, 0)

  for (let round = 1; round <= ROUNDS; round += 1) {
    const goal = acked() + 40 + Math.floor(Math.random() * 200)
    await until(() => acked() >= goal, `round ${round} to write`, { ms: 30_000, every: 2 })
    await daemon.crash()
    await daemon.start()
  }
  const goal = acked() + 100
  await until(() => acked() >= goal, 'the last words', { ms: 30_000 })
  for (const writer of writers) writer.stopped = true
  await Promise.all(writing)

  const checker = await scene.connect('owner')
  assert.equal(checker.connected.epoch, epoch)
  const stored = new Map()
  for (const room of ROOMS) stored.set(room, await checker.everything(room))

  for (const [room, messages] of stored) {
    assert.deepEqual(pluck(messages, 'seq'), range(1, messages.length), `the numbers of ${room}`)
    assert.equal(new Set(pluck(messages, 'id')).size, messages.length, 'ids are unique')
    assert.equal(new Set(messages.map(({ senderId, clientId }) => `${senderId} ${clientId}`)).size, messages.length, 'no retry was stored twice')
    for (const { content, clientId } of messages) assert.equal(content, `text of ${clientId}`)
  }

  const byKey = new Map([...stored.values()].flat().map((message) => [`${message.conversationId} ${message.clientId}`, message]))
  let retried = 0
  let duplicates = 0
  for (const writer of writers) {
    for (const [key, { duplicate, ...message }] of writer.acked) {
      assert.deepEqual(byKey.get(key), message, 'what was acknowledged is stored as it was acknowledged')
      const attempts = writer.attempts.get(key)
      if (attempts > 1) retried += 1
      if (duplicate) {
        duplicates += 1
        assert.ok(attempts > 1, `${key} was called a duplicate at the first attempt`)
      }
    }
    // In each conversation the messages of one writer stand in the order of writing.
    for (const messages of stored.values()) {
      const own = messages.filter(({ senderId }) => senderId === writer.user).map(({ clientId }) => Number(clientId.split('-').at(-1)))
      assert.deepEqual(own, [...own].sort((a, b) => a - b))
    }
    // And whatever is retried now is a duplicate.
    for (const [key, message] of [...writer.acked].slice(-20)) {
      const { conversationId, clientId, content } = message
      const again = await writer.ask({ conversationId, clientId, content })
      assert.equal(again.duplicate, true, key)
      assert.equal(again.message.id, message.id)
    }
  }
  assert.equal(byKey.size, acked(), 'nothing is stored that no writer wrote to its end')

  for (const reader of readers) {
    await until(
      () => ROOMS.every((room) => reader.last(room) === stored.get(room).length),
      `${reader.client.user} to have everything`,
      { ms: 30_000 },
    )
    assert.deepEqual(reader.faults, [])
    for (const room of ROOMS) assert.deepEqual(pluck(reader.seen.get(room), 'id'), pluck(stored.get(room), 'id'))
  }
  assert.ok(retried > 0, 'no message was under way at any of the kills: the load was too small to prove anything')
  console.log(`# ${acked()} messages over ${ROUNDS} kills, ${retried} retried, ${duplicates} of them stored before`)
})
