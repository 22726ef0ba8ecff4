// Clients of Engine.IO 3: the real socket.io-client 2 in a conversation with one of today, and the protocol by hand.

import assert from 'node:assert/strict'

import io from 'socket.io-client-2'

import { chat, until, within, words } from '../common/harness.mjs'
import { RawSocket, handshake, request } from '../common/raw.mjs'
import { DEADLINE_MS, Feed } from '../common/wait.mjs'

const config = { transports: { allow_eio3: true }, auth: { allow_query_token: true } }
const TRANSPORTS = { websocket: ['websocket'], polling: ['polling'], upgrade: ['polling', 'websocket'] }
const POLL = '/socket.io/?EIO=3&transport=polling'

/** A device on socket.io-client 2, with what came to it. */
class Veteran {
  events = new Feed()

  constructor({ daemon }, options) {
    this.socket = io(daemon.url, { forceNew: true, reconnection: false, ...options })
    for (const name of ['connected', 'message:new', 'message:read', 'conversation:updated', 'server:shutdown', 'error', 'disconnect', 'pong'])
      this.socket.on(name, (payload) => this.events.push({ name, payload }))
    this.socket.on('connect', () => daemon.confidential.add(this.socket.io.engine.id))
  }

  async next(name, fits = () => true) {
    return (await this.events.next((event) => event.name === name && fits(event.payload), name)).payload
  }

  async ok(event, payload) {
    const answer = await within(DEADLINE_MS, new Promise((ack) => this.socket.emit(event, payload, ack)), `the answer to ${event}`)
    assert.equal(answer.ok, true, JSON.stringify(answer))
    return answer
  }
}

for (const [name, transports] of Object.entries(TRANSPORTS)) {
  for (const way of ['query', 'header']) {
    chat(`socket.io-client 2 in a conversation: ${name}, token in the ${way}`, { config: { ...config, ping: { interval: '300ms', timeout: '5s' } } }, async (scene) => {
      const token = scene.daemon.token('vera')
      const extraHeaders = { Authorization: `Bearer ${token}` }
      const credentials = way === 'query' ? { query: { token } } : { transportOptions: { polling: { extraHeaders }, websocket: { extraHeaders } } }
      const ann = await scene.connect('ann')
      const vera = new Veteran(scene, { transports, ...credentials })
      try {
        assert.equal((await vera.next('connected')).userId, 'vera')
        if (name === 'upgrade') await until(() => vera.socket.io.engine.transport.name === 'websocket', 'the upgrade')
        const room = await scene.create(ann, [], { members: ['vera'] })
        await vera.next('conversation:updated', ({ id }) => id === room)

        for (const content of ['Grüße, 世界 👋🏽 "quoted" \\ and \u2028', `${words()} ${'long 👋 '.repeat(5_000)}`]) {
          const { message } = await vera.ok('message:send', { conversationId: room, content })
          assert.equal(message.content, content)
          assert.deepEqual(await ann.nextIn('message:new', room), message)
        }
        // Several in one answer to a poll.
        const said = []
        for (let n = 0; n < 30; n += 1) said.push(ann.say(room, words('👋🏽')))
        const ids = (await Promise.all(said)).map(({ id }) => id)
        for (const id of ids) await vera.next('message:new', (message) => message.id === id)
        assert.deepEqual(vera.events.all(({ name }) => name === 'message:new').map(({ payload }) => payload.id), ids)

        // It sends the PINGs, at the interval that it was told.
        for (let n = 0; n < 3; n += 1) await vera.next('pong')
        const { messages } = await vera.ok('message:history', { conversationId: room })
        assert.equal(messages.length, 32)
        assert.equal((await vera.ok('message:read', { messageId: ids.at(-1) })).unread, 0)

        const refused = await new Promise((ack) => vera.socket.emit('message:send', { conversationId: room, content: Buffer.from('binary') }, ack))
        assert.equal(refused.error.code, 'INVALID')
        await vera.ok('conversation:list', {})
        await ann.ok('conversation:delete', { conversationId: room })
      } finally {
        vera.socket.close()
      }
    })
  }
}

for (const [name, transports] of Object.entries(TRANSPORTS)) {
  chat(`a token that does not hold is refused as an error, and the session does not stay: ${name}`, { config: { ...config, transports: { allow_eio3: true, connect_timeout: '1s' } } }, async (scene) => {
    const vera = new Veteran(scene, { transports, query: { token: 'x' } })
    try {
      assert.match((await vera.next('error')).message, /^TOKEN_INVALID: /)
      await vera.next('disconnect')
    } finally {
      vera.socket.close()
    }
  })
}

for (const [name, transports] of Object.entries(TRANSPORTS)) {
  chat(`an end of the daemon is told: ${name}`, { config }, async (scene) => {
    const vera = new Veteran(scene, { transports, query: { token: scene.daemon.token('vera') } })
    try {
      await vera.next('connected')
      const stopped = scene.daemon.stop()
      assert.ok((await vera.next('server:shutdown')).reconnectAfterMs > 0)
      await vera.next('disconnect')
      await stopped
    } finally {
      vera.socket.close()
    }
  })
}

chat('a client that sends no PING is gone after interval and timeout', { config: { ...config, ping: { interval: '300ms', timeout: '300ms' } } }, async (scene) => {
  const raw = await scene.rawUnknown({ query: `EIO=3&transport=websocket&token=${scene.daemon.token('vera')}` })
  await raw.next((text) => text.startsWith('42["connected"'))
  const since = performance.now()
  raw.send('2')
  await raw.next((text) => text === '3', 'the answer to a PING')
  await within(5_000, raw.closed, 'the end')
  assert.ok(performance.now() - since >= 600)
})

chat('packets of a polling session come with their lengths, and what has none is refused', { config }, async (scene) => {
  const opened = await request(scene.daemon, `${POLL}&token=${scene.daemon.token('vera')}`)
  assert.equal(opened.status, 200)
  const [, length, json] = /^(\d+):0(.*)$/.exec(opened.body)
  assert.equal(Number(length), json.length + 1)
  const { sid, upgrades } = JSON.parse(json)
  scene.daemon.confidential.add(sid)
  assert.deepEqual(upgrades, ['websocket'])
  const path = `${POLL}&sid=${sid}`
  let came = ''
  while (!came.includes('42["connected"')) came += (await request(scene.daemon, path)).body
  assert.match(came, /^2:40\d+:42\["connected"/)
  assert.equal((await request(scene.daemon, path, { method: 'POST', body: '1:2' })).body, 'ok')
  assert.equal((await request(scene.daemon, path)).body, '1:3')

  // The other version's requests are none of this session's.
  assert.equal((await request(scene.daemon, path.replace('EIO=3', 'EIO=4'))).status, 400)

  // A poll that waits is released as it should be for the upgrade.
  const raw = await scene.rawUnknown({ query: `EIO=3&transport=websocket&sid=${sid}` })
  const poll = request(scene.daemon, path)
  raw.send('2probe')
  await raw.next((text) => text === '3probe')
  assert.equal((await poll).body, '1:6')
  raw.send('5')
  assert.equal((await raw.ask('conversation:list', {}, 3)).ok, true)

  for (const body of ['x', '2', '5:2', '0:', '1:', ':', '99999999999999999999:2', '-1:2', '\x00\x01\xff2', '1:2x', '2:👋']) {
    const { body: open } = await request(scene.daemon, `${POLL}&token=${scene.daemon.token('vera')}`)
    const own = JSON.parse(open.slice(open.indexOf('{'))).sid
    scene.daemon.confidential.add(own)
    const { status } = await request(scene.daemon, `${POLL}&sid=${own}`, { method: 'POST', body })
    assert.ok(status === 200 || status === 400, `${JSON.stringify(body)}: ${status}`)
    await request(scene.daemon, `${POLL}&sid=${own}`, { method: 'POST', body: '1:1' })
  }
  assert.equal((await raw.ask('conversation:list', {}, 4)).ok, true)
})

chat('by default they are refused as Engine.IO says, and those of version 4 are let in', async (scene) => {
  const { status, body } = await request(scene.daemon, POLL)
  assert.equal(status, 400)
  assert.deepEqual(JSON.parse(body), { code: 5, message: 'Unsupported protocol version' })
  assert.equal((await RawSocket.open(scene.daemon, { query: 'EIO=3&transport=websocket' })).status, 400)
  const { sid } = await handshake(scene.daemon)
  assert.equal((await request(scene.daemon, `${POLL}&sid=${sid}`)).status, 400)
  assert.equal((await scene.rawUnknown({ query: `EIO=3&transport=websocket&sid=${sid}` })).status, 400)
  const vera = new Veteran(scene, { transports: ['polling'], query: { token: scene.daemon.token('vera') } })
  await new Promise((refused) => vera.socket.on('connect_error', refused))
  vera.socket.close()
  await scene.users('ann')
})

chat('clients of version 4 are as ever beside them', { config }, async (scene) => {
  for (const transport of Object.keys(TRANSPORTS)) {
    const ann = await scene.connect('ann', { transport })
    await scene.create(ann)
  }
})
