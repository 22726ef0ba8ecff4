// Every limit, reached.

import assert from 'node:assert/strict'

import { chat, pause, range, until, within, words } from '../common/harness.mjs'
import { POLL, frame, handshake, request } from '../common/raw.mjs'

const limits = (table) => ({ config: { limits: table } })
const codes = (acks) => acks.map(({ ok, error }) => (ok ? 'ok' : error.code))
const countOf = (list, value) => list.filter((entry) => entry === value).length

chat('events per second and burst: what is too fast is refused, with the time to wait', limits({ events_per_second: 10, burst: 20 }), async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const acks = await Promise.all(range(1, 40).map(() => ann.emit('message:send', { conversationId: room, content: words() })))
  const passed = countOf(codes(acks), 'ok')
  assert.ok(passed >= 15 && passed < 35, `${passed} of 40 passed`)
  const refused = acks.filter(({ ok }) => !ok)
  assert.ok(refused.every(({ error }) => error.code === 'RATE_LIMITED'))
  assert.ok(refused.every(({ error }) => error.retryAfterMs > 0 && error.retryAfterMs < 10_000))
  const wait = refused.at(-1).error.retryAfterMs
  await pause(wait + 20)
  await ann.say(room, words('in time'))
  assert.equal((await ann.history(room)).length, Math.min(50, passed + 1), 'what was refused was not stored')
})

chat('the limit is per socket, and others are not held up', limits({ events_per_second: 10, burst: 20 }), async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const flood = Promise.all(range(1, 40).map(() => ann.emit('message:send', { conversationId: room, content: words() })))
  for (let n = 0; n < 10; n += 1) await bob.say(room, words())
  assert.ok(codes(await flood).includes('RATE_LIMITED'))
})

chat('what a reconnect asks for is not throttled by typing, nor sending by reading', limits({ events_per_second: 5, burst: 10, disconnect_after: 0 }), async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const first = await ann.say(room, words())
  const signals = await Promise.all(range(1, 30).map(() => ann.emit('typing:start', { conversationId: room })))
  assert.ok(codes(signals).includes('RATE_LIMITED'))
  const reads = await Promise.all(range(1, 30).map(() => ann.emit('message:history', { conversationId: room })))
  assert.deepEqual(new Set(codes(reads)), new Set(['ok']), 'thirty pages at once, behind a flood of typing')
  const receipts = await Promise.all(range(1, 30).map(() => ann.emit('message:read', { messageId: first.id })))
  assert.deepEqual(new Set(codes(receipts)), new Set(['ok']))
  await ann.say(room, words('a write has its own budget'))
  const flood = await Promise.all(range(1, 120).map(() => ann.emit('message:history', { conversationId: room })))
  assert.ok(codes(flood).includes('RATE_LIMITED'), 'reads have an end as well')
  const more = await Promise.all(range(1, 120).map(() => ann.emit('message:read', { messageId: first.id })))
  assert.ok(codes(more).includes('RATE_LIMITED'), 'receipts have an end as well')
})

chat('too many refusals in a row end the connection', limits({ events_per_second: 1, burst: 2, disconnect_after: 10 }), async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(bob, [ann])
  for (let n = 0; n < 30; n += 1) ann.cast('message:send', { conversationId: room, content: words() })
  assert.equal(await ann.ended(), 'io server disconnect')
  assert.equal(ann.got('error').at(-1).code, 'RATE_LIMITED')
  const refusals = ann.got('error').length
  assert.ok(refusals >= 10 && refusals <= 12, `${refusals} refusals`)
  while (ann.events.untaken(({ event }) => event === 'error').length > 0) await ann.next('error')
  await scene.connect('ann')
  assert.ok(bob.isOpen)
})

chat('refusals that are not in a row do not', limits({ events_per_second: 5, burst: 1, disconnect_after: 5 }), async (scene) => {
  const ann = await scene.connect('ann')
  const room = (await ann.ok('conversation:create', { type: 'group' })).conversation.id
  for (let round = 0; round < 4; round += 1) {
    const acks = await Promise.all(range(1, 4).map(() => ann.emit('message:send', { conversationId: room, content: words() })))
    const wait = acks.findLast(({ ok }) => !ok).error.retryAfterMs
    await pause(wait + 50)
    await ann.say(room, words('allowed'))
  }
  assert.ok(ann.isOpen)
})

chat('unknown and malformed events are counted too', limits({ events_per_second: 1, burst: 5, disconnect_after: 20 }), async (scene) => {
  const ann = await scene.connect('ann')
  for (let n = 0; n < 200; n += 1) ann.cast('nonsense', n)
  assert.equal(await ann.ended(), 'io server disconnect')
  while (ann.events.untaken(({ event }) => event === 'error').length > 0) await ann.next('error')
})

chat('messages per second count for the user over all devices', limits({ messages_per_second: 5 }), async (scene) => {
  const [phone, tablet, bob] = await scene.users('ann', 'ann', 'bob')
  const room = await scene.create(phone, [tablet, bob])
  const flood = (device) => Promise.all(range(1, 30).map(() => device.emit('message:send', { conversationId: room, content: words() })))
  const [one, two] = await Promise.all([flood(phone), flood(tablet)])
  const passed = countOf(codes([...one, ...two]), 'ok')
  assert.ok(passed >= 5 && passed <= 25, `${passed} of 60 passed`)
  for (const acks of [one, two]) {
    const refused = acks.find(({ ok }) => !ok)
    assert.equal(refused.error.code, 'RATE_LIMITED')
    assert.ok(refused.error.retryAfterMs > 0)
  }
  await bob.say(room, words('others have their own'))
  await phone.history(room)
})

chat('connections per user', limits({ connections_per_user: 3 }), async (scene) => {
  const devices = await scene.users('ann', 'ann', 'ann')
  for (const transport of ['websocket', 'polling']) {
    assert.match(await scene.refused('ann', { transport }), /^TOO_MANY_CONNECTIONS: ./)
  }
  await scene.connect('bob')
  devices[0].close()
  await until(() => scene.connect('ann').then(() => true, () => false), 'a place after one has gone')
})

chat('connections per address', limits({ connections_per_ip: 3 }), async (scene) => {
  const devices = [await scene.connect('ann'), await scene.connect('bob', { transport: 'polling' }), await scene.connect('cyd', { transport: 'upgrade' })]
  const { status, body } = await request(scene.daemon, POLL)
  assert.equal(status, 503)
  assert.equal(JSON.parse(body).code, 'TOO_MANY_CONNECTIONS')
  const raw = await scene.rawUnknown()
  assert.equal(raw.status, 503)
  for (const device of devices) await device.ok('conversation:list', {})
  devices[1].close()
  await until(() => scene.connect('dan').then(() => true, () => false), 'a place after one has gone')
})

chat('connections in all', limits({ connections: 2 }), async (scene) => {
  const [ann] = await scene.users('ann', 'bob')
  const { status, body } = await request(scene.daemon, POLL)
  assert.equal(status, 503)
  assert.equal(JSON.parse(body).code, 'TOO_MANY_CONNECTIONS')
  ann.close()
  await until(() => scene.connect('cyd').then(() => true, () => false), 'a place after one has gone')
})

chat('connects per second and address', limits({ connects_per_second_per_ip: 2 }), async (scene) => {
  const answers = await Promise.all(range(1, 20).map(() => request(scene.daemon, POLL)))
  const refused = answers.filter(({ status }) => status === 429)
  assert.ok(answers.some(({ status }) => status === 200), 'the first come in')
  assert.ok(refused.length >= 10, `${refused.length} of 20 refused`)
  assert.equal(JSON.parse(refused[0].body).code, 'TOO_MANY_CONNECTIONS')
  await until(() => scene.connect('ann').then(() => true, () => false), 'a place a little later', { every: 300 })
})

chat('sessions without a token', limits({ unauthenticated: 5 }), async (scene) => {
  const waiting = await Promise.all(range(1, 5).map(() => scene.rawUnknown()))
  for (const raw of waiting) assert.equal(raw.status, 101)
  assert.equal((await scene.rawUnknown()).status, 503)
  assert.equal((await request(scene.daemon, POLL)).status, 503)
  await waiting[0].next((text) => text.startsWith('0'))
  waiting[0].send(`40${JSON.stringify({ token: scene.daemon.token('ann') })}`)
  await waiting[0].next((text) => text.startsWith('40'))
  // Who has shown a token takes no such place any more.
  const next = await scene.rawUnknown()
  assert.equal(next.status, 101)
  waiting[1].close()
  await until(() => scene.connect('bob').then(() => true, () => false), 'a place after one has gone')
})

chat('sessions without a token over polling count as well', limits({ unauthenticated: 20 }), async (scene) => {
  const answers = await Promise.all(range(1, 60).map(() => request(scene.daemon, POLL)))
  assert.equal(answers.filter(({ status }) => status === 200).length, 20)
  assert.equal(answers.filter(({ status }) => status === 503).length, 40)
})

for (const transport of ['websocket', 'polling']) {
  chat(`who shows no token is cut off (${transport})`, { config: { transports: { connect_timeout: '1s' } } }, async (scene) => {
    const ann = await scene.connect('ann')
    const since = performance.now()
    if (transport === 'websocket') {
      const raw = await scene.rawUnknown()
      await raw.closed
    } else {
      const { sid } = await handshake(scene.daemon)
      await until(async () => (await request(scene.daemon, `${POLL}&sid=${sid}`)).status === 400, 'the session to be gone', { every: 200 })
    }
    const took = performance.now() - since
    assert.ok(took > 700 && took < 6_000, `after ${took} ms`)
    await pause(300)
    assert.ok(ann.isOpen)
  })
}

const SMALL = { config: { limits: { max_payload: '100KiB' }, messages: { max_content: '99KiB' } } }

for (const transport of ['websocket', 'polling']) {
  chat(`a payload within the limit passes, one over it ends that connection alone (${transport})`, SMALL, async (scene) => {
    const [ann, bob] = [await scene.connect('ann', { transport }), await scene.connect('bob')]
    const room = await scene.create(ann, [bob])
    await ann.say(room, 'x'.repeat(99 * 1024))
    ann.cast('message:send', { conversationId: room, content: 'y'.repeat(100 * 1024) })
    await ann.ended()
    const again = await scene.connect('ann', { transport })
    await scene.fence(again, room, bob)
    assert.equal((await bob.history(room)).length, 2, 'what was too large was not stored')
  })
}

chat('a frame that claims to be huge ends its connection before it comes', SMALL, async (scene) => {
  const ann = await scene.connect('ann')
  const before = scene.daemon.memoryKib()
  for (const claimedLength of [200 * 1024, 2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
    const raw = await scene.raw('bob')
    raw.write(frame(1, '42["', { claimedLength }))
    await within(10_000, raw.closed, `the end of a frame of ${claimedLength} bytes`)
    assert.equal(raw.closeCode, 1009)
  }
  assert.ok(scene.daemon.memoryKib() - before < 20_000)
  await scene.create(ann)
})

chat('fragments are counted together', SMALL, async (scene) => {
  const raw = await scene.raw('ann')
  raw.write(frame(1, '42["', { fin: false }))
  for (let n = 0; n < 30; n += 1) raw.write(frame(0, 'x'.repeat(10_000), { fin: false }))
  await within(10_000, raw.closed, 'the end of an endless message')
  assert.equal(raw.closeCode, 1009)
  await scene.connect('ann')
})

chat('a count of 0 is no limit', limits({ messages_per_second: 0, connections_per_user: 0, connections_per_ip: 0, connections: 0, connects_per_second_per_ip: 0, unauthenticated: 0, disconnect_after: 0 }), async (scene) => {
  const devices = await scene.users(...range(1, 40).map(() => 'ann'))
  const room = await scene.create(devices[0])
  await Promise.all(range(1, 200).map(() => devices[0].say(room, words())))
  await Promise.all(range(1, 30).map(() => scene.rawUnknown().then(({ status }) => assert.equal(status, 101))))
})

chat('the limits as they are without any configuration', limits({ events_per_second: undefined, burst: undefined, connections_per_user: undefined }), async (scene) => {
  const devices = await scene.users(...range(1, 16).map(() => 'ann'))
  assert.match(await scene.refused('ann'), /^TOO_MANY_CONNECTIONS: ./)
  const room = await scene.create(devices[0])
  const acks = await Promise.all(range(1, 30).map(() => devices[0].emit('message:send', { conversationId: room, content: words() })))
  const passed = countOf(codes(acks), 'ok')
  assert.ok(passed >= 18 && passed <= 26, `${passed} of 30 passed`)
})

chat('a POST that is too large is refused before it is read', SMALL, async (scene) => {
  const { sid } = await handshake(scene.daemon)
  const { status } = await request(scene.daemon, `${POLL}&sid=${sid}`, { method: 'POST', body: 'x'.repeat(300 * 1024) })
  assert.ok(status === 413 || status === 400, `status ${status}`)
  await scene.connect('ann', { transport: 'polling' })
})

chat('who leaves the namespace leaves the transport, and its place is free only then', limits({ connections: 2 }), async (scene) => {
  const raw = await scene.raw('ann')
  await scene.connect('bob')
  assert.equal((await request(scene.daemon, POLL)).status, 503)

  raw.send('41')
  await within(5_000, raw.closed, 'the end of the transport')
  await until(async () => (await request(scene.daemon, POLL)).status === 200, 'the place to be free')
})

chat('binary attachments are not gathered for a client that nobody knows', async (scene) => {
  const raw = await scene.rawUnknown()
  raw.send('4510-["x"]')
  raw.write(frame(2, Buffer.alloc(64 * 1024)))
  await within(5_000, raw.closed, 'the end of the connection')
  await scene.connect('ann')
})
