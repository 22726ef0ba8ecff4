// A storm: the daemon dies, comes back, and everybody returns at once with what they have.

import assert from 'node:assert/strict'

import { chat, pluck, range, until, words } from '../common/harness.mjs'

const DEVICES = 500
const USERS = 50
const ROOMS = 10

chat('five hundred devices return at once and miss nothing', { comesBack: true, timeout: 180_000 }, async (scene) => {
  const { daemon } = scene
  const writer = await scene.connect('writer')
  const rooms = await Promise.all(
    range(1, ROOMS).map(async (n) => {
      const members = range(1, USERS).filter((user) => user % ROOMS === n % ROOMS).map((user) => `user-${user}`)
      return (await writer.ok('conversation:create', { type: 'group', members })).conversation.id
    }),
  )
  const { epoch } = writer.connected

  /** A device as an application would have it: it remembers what it has and resumes with it. */
  const device = (n) => {
    const user = `user-${(n % USERS) + 1}`
    const room = rooms[(((n % USERS) + 1) % ROOMS || ROOMS) - 1]
    const state = { user, room, seqs: [], connects: 0 }
    const token = daemon.token(user)
    const auth = (send) => send({ token, resume: { epoch, conversations: { [room]: state.seqs.at(-1) ?? 0 } } })
    const transport = n % 25 === 0 ? 'polling' : 'websocket'
    const options = { reconnection: true, reconnectionDelay: 200, reconnectionDelayMax: 1_500, randomizationFactor: 0.5 }
    const client = scene.client(user, { auth, transport, options })
    client.socket.on('connected', ({ resumed }) => {
      state.connects += 1
      assert.equal(resumed[room].status, 'complete')
      state.seqs.push(...pluck(resumed[room].messages, 'seq'))
    })
    client.socket.on('message:new', ({ conversationId, seq }) => {
      if (conversationId === room) state.seqs.push(seq)
    })
    client.socket.connect()
    return state
  }
  const devices = range(0, DEVICES - 1).map(device)
  const all = (what, ms, holds) => until(() => devices.every(holds), what, { ms, every: 100 })
  await all('the first arrival of all', 60_000, ({ connects }) => connects === 1)
  await Promise.all(rooms.flatMap((room) => range(1, 5).map(() => writer.say(room, words()))))
  await all('five messages to each', 30_000, ({ seqs }) => seqs.length === 5)

  // The last words before the end: acknowledged, so they must come to everybody, whoever had them on the way.
  await Promise.all(rooms.flatMap((room) => range(1, 5).map(() => writer.say(room, words()))))
  await daemon.crash()
  await daemon.start()
  const since = performance.now()
  const again = await scene.connect('writer')
  // And others while they all come back.
  const during = Promise.all(rooms.flatMap((room) => range(1, 5).map(() => again.say(room, words()))))
  await all('the return of all', 60_000, ({ connects }) => connects >= 2)
  const took = performance.now() - since
  await during
  await Promise.all(rooms.map((room) => again.say(room, words('the last'))))
  await all('sixteen messages to each', 30_000, ({ seqs }) => seqs.at(-1) === 16)
  for (const { user, seqs } of devices) assert.deepEqual(seqs, range(1, 16), user)
  assert.ok(took < 45_000, `the return took ${Math.round(took)} ms`)
})

chat('connections that come and go leave nothing behind', { timeout: 120_000 }, async (scene) => {
  const { daemon } = scene
  const round = async () => {
    const clients = await scene.users(...range(1, 60).map((n) => `user-${n}`))
    for (const [i, client] of clients.entries()) i % 2 ? client.close() : client.cut()
    await Promise.all(clients.map((client) => client.ended()))
  }
  for (let n = 0; n < 3; n += 1) await round()
  const settled = daemon.memoryKib()
  for (let n = 0; n < 10; n += 1) await round()
  const grown = daemon.memoryKib() - settled
  assert.ok(grown < 16 * 1024, `${grown} KiB more after 600 connections`)
})
