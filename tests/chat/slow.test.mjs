// A reader that does not keep up, beside readers that do: these lose nothing and wait for nothing, memory stays in its
// bounds, and the slow one is told or cut off and recovers everything.

import assert from 'node:assert/strict'

import { chat, pluck, range, until, within, words } from '../common/harness.mjs'
import { PollingSession } from '../common/raw.mjs'

const BUFFER_MIB = 1
const BUFFERS = {
  config: {
    transports: { send_buffer_bytes: `${BUFFER_MIB}MiB`, write_timeout: '3s' },
    receipts: { delivered: 'client' },
  },
  timeout: 120_000,
}

/** Brings a device up to date as its developer would: resume, then history where that was not all. */
async function recover(scene, user, epoch, room, last) {
  const back = await scene.connect(user, { resume: { epoch, conversations: { [room]: last } } })
  const { status, messages } = back.connected.resumed[room]
  const seqs = pluck(messages, 'seq')
  assert.notEqual(status, 'reset')
  for (let more = status === 'truncated'; more; ) {
    const page = await back.ok('message:history', { conversationId: room, after: seqs.at(-1) ?? last, limit: 200 })
    seqs.push(...pluck(page.messages, 'seq'))
    more = page.hasMore
  }
  return seqs
}

chat('slow readers beside fast ones', BUFFERS, async (scene) => {
  const { daemon } = scene
  const [ann, fast, ...more] = await scene.users('ann', 'fast', 'fast-2', 'fast-3')
  const slow = await Promise.all(range(1, 4).map((n) => scene.raw(`slow-${n}`)))
  const room = await scene.create(ann, [fast, ...more], { members: ['fast', 'fast-2', 'fast-3', ...range(1, 4).map((n) => `slow-${n}`)] })
  const { epoch } = ann.connected
  await ann.say(room, words('all read this'))
  for (const raw of slow) {
    await until(() => raw.got('message:new').length === 1, 'the slow ones to follow')
    raw.pause()
  }
  const before = daemon.memoryKib()
  let highest = before
  const watch = setInterval(() => (highest = Math.max(highest, daemon.memoryKib())), 100)

  // Far more than the kernel's and the daemon's buffers hold.
  const content = 'x'.repeat(32 * 1024)
  const count = 1_000
  const sentAt = new Map()
  for (let n = 0; n < count; n += 10) {
    await Promise.all(
      range(1, 10).map(async () => {
        const message = await ann.say(room, content)
        sentAt.set(message.seq, performance.now())
      }),
    )
  }
  for (const reader of [fast, ...more]) {
    await reader.next('message:new', ({ seq }) => seq === count + 1)
    assert.deepEqual(pluck(reader.got('message:new'), 'seq'), range(1, count + 1), reader.user)
    const delays = reader.events
      .all(({ event, payload }) => event === 'message:new' && sentAt.has(payload.seq))
      .map(({ payload, at }) => at - sentAt.get(payload.seq))
    const worst = Math.max(...delays)
    assert.ok(worst < 5_000, `${reader.user} waited ${Math.round(worst)} ms`)
  }
  clearInterval(watch)
  const grown = (highest - before) / 1024
  // Four full buffers, what is on its way to the others, the store's cache, and what the allocator keeps.
  assert.ok(grown < 4 * BUFFER_MIB + 96, `memory grew by ${Math.round(grown)} MiB`)

  for (const [i, raw] of slow.entries()) {
    // It reads on: what was in the buffers comes, then either a word that something is missing or the end.
    raw.resume()
    await within(
      30_000,
      Promise.race([raw.closed, raw.next((text) => text.startsWith('42["sync:required"')).catch(() => raw.closed)]),
      'the slow reader to be told or cut off',
    )
    const live = pluck(raw.got('message:new'), 'seq')
    const hole = live.findIndex((seq, at) => seq !== at + 1)
    const have = hole < 0 ? live : live.slice(0, hole)
    assert.ok(have.length < count + 1, 'the buffers were too large for this test')
    if (hole >= 0) {
      const told = raw.got('sync:required')
      assert.deepEqual(told.flatMap(({ conversationIds }) => conversationIds).includes(room), true, 'a hole without a word')
    }
    const rest = await recover(scene, `slow-${i + 1}`, epoch, room, have.at(-1))
    assert.deepEqual([...have, ...rest], range(1, count + 1))
    raw.close()
  }
})

chat('a reader that stops for good is let go', BUFFERS, async (scene) => {
  const ann = await scene.connect('ann')
  const slow = await scene.raw('slow')
  const room = await scene.create(ann, [], { members: ['slow'] })
  slow.pause()
  // Memory and place of one who never reads again are given back.
  for (let n = 0; n < 600; n += 20) await Promise.all(range(1, 20).map(() => ann.say(room, 'y'.repeat(32 * 1024))))
  const { presence } = await until(
    async () => {
      const answer = await ann.ok('presence:get', { userIds: ['slow'] })
      return answer.presence[0]?.status === 'offline' && answer
    },
    'the one who stopped to be gone',
    { ms: 30_000, every: 300 },
  )
  assert.equal(presence[0].status, 'offline')
})

chat('one who is slow for a moment only misses nothing', BUFFERS, async (scene) => {
  const ann = await scene.connect('ann')
  const slow = await scene.raw('slow')
  const room = await scene.create(ann, [], { members: ['slow'] })
  slow.pause()
  for (let n = 0; n < 200; n += 1) await ann.say(room, words())
  slow.resume()
  await until(() => slow.got('message:new').length === 200, 'all messages to come')
  assert.deepEqual(pluck(slow.got('message:new'), 'seq'), range(1, 200))
  assert.deepEqual(slow.got('sync:required'), [])
})

chat('as many packets wait as are allowed, then the device is told', { config: { transports: { send_buffer: 50 }, receipts: { delivered: 'client' } } }, async (scene) => {
  const ann = await scene.connect('ann')
  const session = await PollingSession.connect(scene.daemon, 'idle')
  const room = await scene.create(ann, [], { members: ['idle'] })
  // Ten at a time: the sender's own answers wait in a buffer of the same size.
  for (let n = 0; n < 200; n += 10) await Promise.all(range(1, 10).map(() => ann.say(room, words())))
  await session.until('42["sync:required"')
  const live = pluck(session.got('message:new'), 'seq')
  assert.ok(live.length > 10 && live.length <= 50, `${live.length} waited`)
  assert.deepEqual(live, range(1, live.length))
  assert.deepEqual(session.got('sync:required'), [{ conversationIds: [room] }])
  const rest = await recover(scene, 'idle', ann.connected.epoch, room, live.at(-1))
  assert.deepEqual([...live, ...rest], range(1, 200))
  // What comes from then on comes live again.
  await ann.say(room, words('and on'))
  while (!session.got('message:new').some(({ seq }) => seq === 201)) await session.poll()
})

chat('a polling client that stops polling holds nothing back', BUFFERS, async (scene) => {
  const [ann, fast] = await scene.users('ann', 'fast')
  const idle = await scene.connect('idle', { transport: 'polling' })
  const room = await scene.create(ann, [fast, idle])
  // It leaves its session open and asks no more.
  idle.socket.io.engine.transport._poll = () => {}
  idle.socket.io.engine.transport.poll = () => {}
  const before = scene.daemon.memoryKib()
  for (let n = 0; n < 300; n += 10) await Promise.all(range(1, 10).map(() => ann.say(room, 'z'.repeat(32 * 1024))))
  await fast.next('message:new', ({ seq }) => seq === 300)
  assert.ok(scene.daemon.memoryKib() - before < 64 * 1024)
  idle.close()
  const rest = await recover(scene, 'idle', ann.connected.epoch, room, 0)
  assert.deepEqual(rest, range(1, 300))
})
