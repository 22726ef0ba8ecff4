// Compressed answers over HTTP: what each client asks for it gets, and a polling client loses nothing by it.

import assert from 'node:assert/strict'
import http from 'node:http'
import zlib from 'node:zlib'

import { Fetch } from 'socket.io-client'

import { chat, words } from '../common/harness.mjs'
import { POLL, PollingSession, request } from '../common/raw.mjs'

const DECODERS = {
  gzip: zlib.gunzipSync,
  deflate: zlib.inflateSync,
  br: zlib.brotliDecompressSync,
  ...(zlib.zstdDecompressSync && { zstd: zlib.zstdDecompressSync }),
}

const prose = (bytes) => `${words()} ${'the server says Grüße 👋 '.repeat(bytes / 24)}`
const accepting = (coding) => ({ headers: { 'accept-encoding': coding } })

chat('a polling answer comes in what the client takes, and with it every packet', async (scene) => {
  const ann = await scene.connect('ann')
  const session = await PollingSession.connect(scene.daemon, 'bob')
  const room = (await ann.ok('conversation:create', { type: 'group', members: ['bob'] })).conversation.id
  await session.until('42["conversation:updated"')
  for (const [coding, decode] of Object.entries(DECODERS)) {
    for (const bytes of [2_000, 50_000]) {
      const said = [await ann.say(room, prose(bytes)), await ann.say(room, prose(bytes))]
      const packets = []
      while (packets.length < said.length) {
        const { status, headers, bytes: body } = await request(scene.daemon, session.path, accepting(coding))
        assert.equal(status, 200)
        const text = headers['content-encoding'] ? decode(body) : body
        assert.equal(Number(headers['content-length']), body.length)
        assert.match(headers.vary, /accept-encoding/)
        if (text.length >= 1_024) {
          assert.equal(headers['content-encoding'], coding)
          assert.ok(body.length < text.length / 2, `${body.length} of ${text.length} bytes in ${coding}`)
        }
        packets.push(...text.toString().split('\x1e').filter((packet) => packet.startsWith('42["message:new"')))
      }
      assert.deepEqual(packets.map((packet) => JSON.parse(packet.slice(2))[1]), said)
    }
  }
  await session.close()
})

chat('a request that takes nothing that there is waits for no packet, so that none is lost', async (scene) => {
  const ann = await scene.connect('ann')
  const session = await PollingSession.connect(scene.daemon, 'bob')
  const room = (await ann.ok('conversation:create', { type: 'group', members: ['bob'] })).conversation.id
  const sent = await ann.say(room, words())
  const { status, body } = await request(scene.daemon, session.path, accepting('compress, identity;q=0'))
  assert.equal(status, 406)
  assert.equal(JSON.parse(body).code, 'INVALID')
  await session.until('42["message:new"')
  assert.deepEqual(session.got('message:new').map(({ id }) => id), [sent.id])
  await session.close()
})

chat('all other routes as well: the page, its files, health; small ones and HEAD as they are', { args: ['--demo'] }, async (scene) => {
  const plain = await request(scene.daemon, '/demo/socket.io.min.js')
  assert.equal(plain.headers['content-encoding'], undefined)
  assert.match(plain.headers.vary, /accept-encoding/, 'a cache must know')
  for (const [coding, decode] of Object.entries(DECODERS)) {
    const { headers, bytes } = await request(scene.daemon, '/demo/socket.io.min.js', accepting(coding))
    assert.equal(headers['content-encoding'], coding)
    assert.equal(headers.etag, plain.headers.etag)
    assert.equal(decode(bytes).toString(), plain.body)
    const known = await request(scene.daemon, '/demo/socket.io.min.js', { headers: { 'accept-encoding': coding, 'if-none-match': headers.etag } })
    assert.equal(known.status, 304)
    assert.match(known.headers.vary, /accept-encoding/)
  }
  const head = await request(scene.daemon, '/', { method: 'HEAD', ...accepting('gzip') })
  assert.equal(head.status, 200)
  assert.equal(head.headers['content-encoding'], undefined)
  const health = await request(scene.daemon, '/api/socket/health', accepting('gzip'))
  assert.equal(health.headers['content-encoding'], undefined)
  assert.equal(JSON.parse(health.body).status, 'ok')
})

chat('a reload turns it on and off', { config: { compression: { http: false } } }, async (scene) => {
  const session = await PollingSession.connect(scene.daemon, 'ann')
  const room = JSON.parse((await ask(session, 'conversation:create', { type: 'group' })).slice(3))[0].conversation.id
  const coding = async () => {
    await session.post(`421${JSON.stringify(['message:send', { conversationId: room, content: prose(3_000) }])}`)
    for (;;) {
      const { headers, bytes } = await request(scene.daemon, session.path, accepting('gzip'))
      const text = headers['content-encoding'] ? zlib.gunzipSync(bytes) : bytes
      if (text.includes('431[')) return headers['content-encoding']
    }
  }
  assert.equal(await coding(), undefined)
  await scene.daemon.reload({ compression: { http: true } })
  assert.equal(await coding(), 'gzip')
  await scene.daemon.reload({ compression: { http: true, threshold: '1MiB' } })
  assert.equal(await coding(), undefined)
  await scene.daemon.reload({ compression: { enabled: false } })
  assert.equal(await coding(), undefined)
  await session.close()
})

/** An event by polling; resolves to the packet that answers it. */
async function ask(session, event, payload) {
  await session.post(`420${JSON.stringify([event, payload])}`)
  return session.until('430[')
}

chat('the stock client polls by fetch, which takes compressed answers', async (scene) => {
  const codings = new Set()
  const { fetch } = globalThis
  globalThis.fetch = async (...args) => {
    const response = await fetch(...args)
    codings.add(response.headers.get('content-encoding'))
    return response
  }
  try {
    const [ann, bob] = [await scene.connect('ann'), await scene.connect('bob', { options: { transports: [Fetch] } })]
    assert.equal(bob.socket.io.engine.transport.name, 'polling')
    const room = await scene.create(ann, [bob])
    for (const bytes of [10, 5_000, 50_000]) {
      const content = prose(bytes)
      await ann.say(room, content)
      assert.equal((await bob.nextIn('message:new', room)).content, content)
      assert.equal((await bob.say(room, content)).content, content)
    }
    // Which one is the client's choice; small answers have none.
    assert.ok(codings.has(null))
    assert.ok([...codings].some((coding) => coding in DECODERS), [...codings].join())
  } finally {
    globalThis.fetch = fetch
  }
})

chat('a connection that is kept gets one compressed answer after another', async (scene) => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const ask = () =>
    new Promise((answer, fail) => {
      const options = { host: '127.0.0.1', port: scene.daemon.port, agent, path: `${POLL}&sid=${'x'.repeat(20)}`, ...accepting('gzip, identity;q=0') }
      http.get(options, (response) => {
        const chunks = []
        response.on('data', (chunk) => chunks.push(chunk))
        response.on('end', () => answer({ status: response.statusCode, coding: response.headers['content-encoding'], bytes: Buffer.concat(chunks) }))
      }).on('error', fail)
    })
  for (let n = 0; n < 5; n += 1) {
    const { status, coding, bytes } = await ask()
    assert.deepEqual([status, coding], [400, 'gzip'], 'an error as well, where the client takes nothing else')
    assert.equal(JSON.parse(zlib.gunzipSync(bytes)).message, 'Session ID unknown')
  }
  agent.destroy()
})
