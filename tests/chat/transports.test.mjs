// One conversation over each transport and over their mixture, and what Engine.IO itself must hold to.

import assert from 'node:assert/strict'

import { chat, within, words } from '../common/harness.mjs'
import { POLL, PollingSession, RawSocket, handshake, request } from '../common/raw.mjs'

const TRANSPORTS = ['websocket', 'polling', 'upgrade']

for (const transport of TRANSPORTS) {
  chat(`a conversation over ${transport}`, async (scene) => {
    const ann = await scene.connect('ann', { transport })
    const bob = await scene.connect('bob', { transport })
    const room = await scene.create(ann, [bob], { title: 'Two of us' })

    await ann.ok('typing:start', { conversationId: room })
    assert.deepEqual(await bob.next('typing:start'), { userId: 'ann', conversationId: room })

    const sent = await ann.say(room, 'Grüße 👋 \u2028 "quoted" \\ back', { clientId: 'c1', metadata: { n: 1 } })
    assert.equal(sent.seq, 1)
    assert.deepEqual(await bob.next('message:new'), sent)
    await ann.next('message:delivered', ({ userId, seq }) => userId === 'bob' && seq === 1)

    assert.equal((await bob.ok('message:read', { messageId: sent.id })).unread, 0)
    await ann.next('message:read', ({ userId, seq }) => userId === 'bob' && seq === 1)

    await bob.ok('message:react', { messageId: sent.id, emoji: '👍' })
    assert.deepEqual((await ann.next('message:reaction')).reactions, { '👍': ['bob'] })

    const { message: edited } = await ann.ok('message:edit', { messageId: sent.id, content: words('edited') })
    assert.deepEqual(await bob.next('message:updated'), edited)

    const large = words('large') + 'ä€😀'.repeat(4_000)
    const big = await bob.say(room, large)
    assert.equal((await ann.next('message:new', ({ seq }) => seq === big.seq)).content, large)

    await ann.ok('message:delete', { messageId: sent.id })
    assert.equal((await bob.next('message:deleted')).content, null)

    const history = await bob.history(room)
    assert.deepEqual(history.map(({ seq }) => seq), [1, 2])
    assert.equal(history[1].content, large)
  })
}

chat('users of all transports meet in one order', async (scene) => {
  const devices = await Promise.all(TRANSPORTS.map((transport) => scene.connect(`user-${transport}`, { transport })))
  const room = await scene.create(devices[0], devices.slice(1))
  await Promise.all(
    devices.map(async (device) => {
      for (let n = 0; n < 20; n += 1) await device.say(room, words(device.transport))
    }),
  )
  for (const device of devices) {
    const others = (seen) => seen.senderId !== device.user
    for (let n = 0; n < 40; n += 1) await device.next('message:new', others)
    assert.equal(device.got('message:new').length, 40)
  }
})

chat('a message is not lost while a client upgrades', async (scene) => {
  const ann = await scene.connect('ann')
  const bob = scene.client('bob', { transport: 'upgrade' })
  const room = (await ann.ok('conversation:create', { type: 'group', members: ['bob'] })).conversation.id
  const chatter = scene.chatter([ann], room)
  await bob.open()
  const sent = await chatter.stop()
  await scene.fence(ann, room, bob)
  const live = bob.got('message:new').map(({ seq }) => seq)
  // From the first that came on, all came; what was before that stands in the history, as for any device that comes late.
  assert.deepEqual(live, live.map((_, i) => live[0] + i))
  assert.equal(live.at(-1), sent.length + 1)
})

chat('a handshake offers what the configuration says', { config: { ping: { interval: '7s', timeout: '9s' }, limits: { max_payload: '300KiB' } } }, async (scene) => {
  const offer = await handshake(scene.daemon)
  assert.equal(offer.pingInterval, 7_000)
  assert.equal(offer.pingTimeout, 9_000)
  assert.equal(offer.maxPayload, 300 * 1024)
  assert.deepEqual(offer.upgrades, ['websocket'])
})

chat('a client that does not answer pings is gone after interval and timeout', { config: { ping: { interval: '1s', timeout: '1s' } } }, async (scene) => {
  const raw = await scene.raw('ann')
  raw.send = () => {} // Deaf to pings from here on.
  const since = performance.now()
  await raw.closed
  assert.ok(performance.now() - since < 5_000)
})

chat('a client that answers pings stays', { config: { ping: { interval: '200ms', timeout: '1s' } } }, async (scene) => {
  const devices = await Promise.all(TRANSPORTS.map((transport) => scene.connect('ann', { transport })))
  await devices[0].none('error', 2_500)
  for (const device of devices) assert.ok(device.isOpen, device.transport)
})

chat('only the allowed transports answer: websocket', { config: { transports: { allow: ['websocket'] } } }, async (scene) => {
  assert.equal((await request(scene.daemon, POLL)).status, 400)
  await scene.connect('ann', { transport: 'websocket' })
})

chat('only the allowed transports answer: polling', { config: { transports: { allow: ['polling'] } } }, async (scene) => {
  assert.deepEqual((await handshake(scene.daemon)).upgrades, [])
  const raw = await RawSocket.open(scene.daemon)
  assert.notEqual(raw.status, 101)
  raw.close()
  await scene.connect('ann', { transport: 'polling' })
})

chat('where only polling is allowed a client that would upgrade stays on it', { config: { transports: { allow: ['polling'] } } }, async (scene) => {
  const [ann, bob] = [scene.client('ann', { transport: 'upgrade' }), await scene.connect('bob', { transport: 'polling' })]
  ann.transport = 'polling'
  await ann.open()
  const room = await scene.create(bob, [ann])
  await scene.fence(ann, room, bob)
  assert.equal(ann.socket.io.engine.transport.name, 'polling')
})

chat('the path can be chosen', { config: { server: { path: '/chat/' } } }, async (scene) => {
  const ann = await scene.connect('ann', { transport: 'upgrade', options: { path: '/chat/' } })
  await scene.create(ann)
  assert.equal((await request(scene.daemon, POLL)).status, 404)
})

chat('what is no Engine.IO of version 4 is refused and harms nobody', async (scene) => {
  const ann = await scene.connect('ann')
  for (const path of [
    '/socket.io/?EIO=3&transport=polling',
    '/socket.io/?EIO=4&transport=carrier-pigeon',
    '/socket.io/?EIO=4',
    '/socket.io/?transport=polling',
    '/socket.io/',
    `${POLL}&sid=unknown`,
    `${POLL}&sid=${'x'.repeat(5_000)}`,
  ]) {
    const { status } = await request(scene.daemon, path)
    assert.equal(status, 400, path)
  }
  assert.equal((await request(scene.daemon, '/nothing/here')).status, 404)
  assert.equal((await request(scene.daemon, POLL, { method: 'DELETE' })).status >= 400, true)
  await scene.create(ann)
})

chat('what is no packet ends that session alone', async (scene, t) => {
  const ann = await scene.connect('ann')
  for (const packet of ['x', '9', '', '4', '4x', '47', '42', '42{"a":1}', '42["a"', '42[]', '42[1]', '45-["a"]', '452-["a"]', '42/nowhere,["a"]', '40{"token":']) {
    await t.test(JSON.stringify(packet), async () => {
      const raw = await scene.raw('bob')
      raw.send(packet)
      raw.event('["conversation:list",{}]', 7)
      // Closed or ignored: either way the daemon lives, and the other one does not notice.
      const outcome = await Promise.race([raw.closed, raw.ack(7).catch(() => raw.closed)])
      assert.ok(outcome === false || outcome === true || outcome.ok, packet)
      await scene.create(ann)
    })
  }
})

chat('an offer of HTTP/2 with a request is passed over', async (scene) => {
  const session = await PollingSession.connect(scene.daemon, 'ann')
  const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAARAAAAAAAIAAAAA' }
  const { status } = await within(5_000, request(scene.daemon, session.path, { method: 'POST', headers, body: '427["conversation:list",{}]' }), 'an answer')
  assert.equal(status, 200)
  assert.match(await session.until('437['), /"ok":true/)
})
