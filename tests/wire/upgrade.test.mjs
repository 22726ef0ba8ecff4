// From polling to WebSocket and, where that comes to nothing, not: a proxy on the way may let the WebSocket open and then
// nothing through, which is the reason why there is polling at all.

import assert from 'node:assert/strict'
import net from 'node:net'

import { io } from 'socket.io-client'

import { chat, pause, until, within, words } from '../common/harness.mjs'
import { OPCODE, PollingSession, frame, request } from '../common/raw.mjs'

const config = { transports: { upgrade_timeout: '700ms' } }
const over = ({ sid }) => ({ query: `EIO=4&transport=websocket&sid=${sid}` })

/** ann on a polling session by hand, bob, and a room of both. */
async function scenery(scene) {
  const bob = await scene.connect('bob')
  const session = await PollingSession.connect(scene.daemon, 'ann')
  const room = (await bob.ok('conversation:create', { type: 'group', members: ['ann'] })).conversation.id
  await session.until('42["conversation:updated"')
  await session.until('42["notification:new"')
  return { bob, session, room }
}

const probe = async (raw) => {
  raw.send('2probe')
  await raw.next((text) => text === '3probe')
}

const UNFINISHED = {
  'nothing comes over the WebSocket': async () => {},
  'the WebSocket closes at once': async (raw) => raw.close(),
  'the probe is answered and nothing follows': probe,
  'the WebSocket is cut after the probe': async (raw) => {
    await probe(raw)
    raw.close()
  },
  'the WebSocket closes in order after the probe': async (raw) => {
    await probe(raw)
    raw.write(frame(OPCODE.close, ''))
  },
  'the probe is cut in the middle': async (raw) => {
    raw.write(frame(OPCODE.text, '2probe').subarray(0, 5))
    raw.close()
  },
  'the switch is cut in the middle': async (raw) => {
    await probe(raw)
    raw.write(frame(OPCODE.text, '5').subarray(0, 6))
    raw.close()
  },
  'a message comes in place of the probe': async (raw) => raw.send('40'),
  'another probe comes': async (raw) => raw.send('2prove'),
  'the switch comes before the probe': async (raw) => raw.send('5'),
  'a message comes in place of the switch': async (raw) => {
    await probe(raw)
    raw.event('["conversation:list",{}]', 9)
  },
  'a binary message comes in place of the switch': async (raw) => {
    await probe(raw)
    raw.write(frame(OPCODE.binary, '5'))
  },
  'a long message comes': async (raw) => raw.send(`2${'probe'.repeat(1_000)}`),
  'frames break the rules': async (raw) => raw.write(frame(OPCODE.text, '2probe', { mask: false })),
  'a large frame is announced and does not come': async (raw) => raw.write(frame(OPCODE.text, '', { claimedLength: 100_000 })),
}

for (const [why, begin] of Object.entries(UNFINISHED)) {
  chat(`the session goes on polling and loses nothing: ${why}`, { config }, async (scene) => {
    const { bob, session, room } = await scenery(scene)
    const said = []
    const say = async () => said.push(await bob.say(room, words()))
    const raw = await scene.rawUnknown(over(session))
    await say()
    await begin(raw)
    await say()
    // A poll that waits when the upgrade is tried is answered, with packets or none, and the next one as well.
    await session.poll()
    await within(5_000, raw.closed, 'the end of the WebSocket')
    await say()
    await until(async () => (await session.poll(), session.got('message:new').length >= 3), 'all messages')
    assert.deepEqual(session.got('message:new').map(({ id }) => id), said.map(({ id }) => id))

    // What the WebSocket said was not taken for the session's, which still works, and may try again.
    await session.post('427["conversation:list",{}]')
    await session.until('437[')
    assert.ok(!session.packets.some((packet) => packet.startsWith('439')))
    const second = await scene.rawUnknown(over(session))
    await probe(second)
    second.send('5')
    assert.equal((await second.ask('conversation:list', {}, 8)).ok, true)
  })
}

/** A proxy that lets a WebSocket open, and nothing through it from then on. */
async function deafProxy({ port }) {
  const server = net.createServer((client) => {
    const upstream = net.connect(port, '127.0.0.1')
    let isDeaf = false
    const pass = (from, to) => {
      from.on('data', (data) => isDeaf || to.write(data))
      from.on('close', () => to.destroy())
      from.on('error', () => {})
    }
    pass(client, upstream)
    pass(upstream, client)
    upstream.on('data', (data) => (isDeaf ||= data.includes('HTTP/1.1 101 ')))
  })
  await new Promise((listens) => server.listen(0, '127.0.0.1', listens))
  return server
}

chat('the stock client behind a proxy that passes no WebSocket stays on polling and connected', { config }, async (scene) => {
  const bob = await scene.connect('bob')
  const proxy = await deafProxy(scene.daemon)
  const socket = io(`http://127.0.0.1:${proxy.address().port}`, { auth: { token: scene.daemon.token('ann') }, forceNew: true, reconnection: false })
  try {
    const came = []
    socket.on('message:new', ({ id }) => came.push(id))
    socket.on('connect', () => scene.daemon.confidential.add(socket.id).add(socket.io.engine.id))
    const tried = new Promise((failed) => socket.io.on('open', () => socket.io.engine.once('upgradeError', failed)))
    await within(5_000, new Promise((connected) => socket.on('connected', connected)), 'the connection')
    const room = (await bob.ok('conversation:create', { type: 'group', members: ['ann'] })).conversation.id
    const said = []
    const chatter = scene.chatter([bob], room)
    await within(5_000, tried, 'the end of the upgrade')
    said.push(...(await chatter.stop()).map(({ id }) => id))
    said.push((await bob.say(room, words())).id)
    await until(() => came.length >= said.length, 'all messages')
    assert.deepEqual(came, said)
    assert.equal(socket.io.engine.transport.name, 'polling')
    assert.equal((await socket.emitWithAck('conversation:list', {})).ok, true)
    assert.ok(socket.connected)
  } finally {
    socket.close()
    proxy.close()
  }
})

chat('what waits, what is polled meanwhile and what is said after the switch comes once and in order', async (scene) => {
  const { bob, session, room } = await scenery(scene)
  const said = []
  const say = async () => said.push(await bob.say(room, words()))
  await say()
  const raw = await scene.rawUnknown(over(session))
  await session.until('42["message:new"')
  await say()
  await probe(raw)
  await session.poll()
  await say()
  await say()
  // The switch and an event behind it in one piece: what follows is the library's.
  raw.write(Buffer.concat([frame(OPCODE.text, '5'), frame(OPCODE.text, '425["conversation:list",{}]')]))
  assert.equal((await raw.ack(5)).ok, true)
  await say()
  await raw.next((text) => text.includes(said.at(-1).id))
  const came = [...session.got('message:new'), ...raw.got('message:new')]
  assert.deepEqual(came.map(({ id }) => id), said.map(({ id }) => id))
  assert.equal((await request(scene.daemon, session.path)).status, 400, 'the session polls no more')
})

chat('a poll that waits is released when the client wants to switch, and its frames may be in pieces', async (scene) => {
  const { bob, session, room } = await scenery(scene)
  const raw = await scene.rawUnknown(over(session))
  raw.write(frame(OPCODE.ping, 'are you there'))
  assert.equal(await raw.pongs.next(() => true), 'are you there')
  const poll = request(scene.daemon, session.path)
  for (const byte of frame(OPCODE.text, '2probe')) {
    raw.write(Buffer.from([byte]))
    await pause(1)
  }
  await raw.next((text) => text === '3probe')
  assert.equal((await within(2_000, poll, 'the answer to the poll')).body, '6')
  raw.send('5')
  const sent = await bob.say(room, words())
  await raw.next((text) => text.includes(sent.id))
})

chat('one try at a time, and none where a WebSocket carries the session', async (scene) => {
  const { session } = await scenery(scene)
  const raw = await scene.rawUnknown(over(session))
  assert.equal(raw.status, 101)
  assert.equal((await scene.rawUnknown(over(session))).status, 400)
  await probe(raw)
  raw.send('5')
  assert.equal((await raw.ask('conversation:list', {}, 8)).ok, true)
  assert.equal((await scene.rawUnknown(over(session))).status, 400)
  assert.equal((await raw.ask('conversation:list', {}, 9)).ok, true)
})

chat('a WebSocket that waits to be switched to ends with its session', async (scene) => {
  const { session } = await scenery(scene)
  const raw = await scene.rawUnknown(over(session))
  await probe(raw)
  await session.close()
  await within(5_000, raw.closed, 'the end of the WebSocket')
})

chat('an end of the daemon waits for no upgrade', { config: { transports: { upgrade_timeout: '1h' } } }, async (scene) => {
  const { session } = await scenery(scene)
  await probe(await scene.rawUnknown(over(session)))
  await within(15_000, scene.daemon.stop(), 'the end of the daemon')
})

chat('an answer to a poll that cannot be written ends the session, so that its packets are asked for again', { config: { transports: { send_buffer_bytes: '64MiB' } } }, async (scene) => {
  const { bob, session, room } = await scenery(scene)
  const { epoch } = JSON.parse((await session.until('42["connected"')).slice(2))[1]
  // More than the kernel takes for a client that does not read.
  const said = []
  for (let n = 0; n < 220; n += 1) said.push(await bob.say(room, `${words()} ${'x'.repeat(60_000)}`))
  const poll = net.connect({ port: scene.daemon.port, host: '127.0.0.1' })
  poll.on('error', () => {})
  poll.write(`GET ${session.path} HTTP/1.1\r\nHost: ${scene.daemon.address}\r\n\r\n`)
  await new Promise((come) => poll.once('readable', come))
  poll.resetAndDestroy()
  await until(async () => (await request(scene.daemon, session.path, { method: 'POST', body: '3' })).status === 400, 'the end of the session')
  const again = await scene.connect('ann', { resume: { epoch, conversations: { [room]: 0 } } })
  const { messages } = again.connected.resumed[room]
  assert.deepEqual(messages.map(({ id }) => id), said.slice(0, messages.length).map(({ id }) => id))
  assert.ok(messages.length > 0)
})
