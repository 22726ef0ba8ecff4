// Clients that take their time: each step of a connection has a deadline, and nobody else waits meanwhile.

import assert from 'node:assert/strict'
import net from 'node:net'

import { certificate, scratch } from '../common/certificate.mjs'
import { chat, range, until, within, words } from '../common/harness.mjs'
import { POLL, PollingSession, RawSocket, handshake, request } from '../common/raw.mjs'

const { cert, key, pem } = certificate(scratch(), 'slow')

const LIMIT_MS = 1_000
const SLOW = 20

const limit = (...names) => ({ config: { transports: Object.fromEntries(names.map((name) => [name, `${LIMIT_MS}ms`])) } })

/** A connection that sends `bytes` at once, then one byte of `trickle` at a time. Resolves at its end to what came back. */
function dawdle(daemon, bytes, trickle = '') {
  return new Promise((end) => {
    let answer = ''
    let since = 0
    const socket = net.connect(daemon.port, '127.0.0.1', () => {
      since = performance.now()
      socket.write(bytes)
    })
    const rest = [...trickle]
    const timer = setInterval(() => (rest.length > 0 ? socket.write(rest.shift()) : clearInterval(timer)), 100)
    socket.on('data', (data) => (answer += data))
    socket.on('error', () => {}) // A reset is one way in which the server ends it.
    socket.on('close', () => {
      clearInterval(timer)
      end({ answer, ms: performance.now() - since })
    })
  })
}

/** Ann and Bob talk for as long as `slow` takes, and nothing gets lost or out of order. */
async function whileOthersTalk(scene, slow, options) {
  const [ann, bob] = await Promise.all(['ann', 'bob'].map((user) => scene.connect(user, { options })))
  const room = await scene.create(ann, [bob])
  const chatter = scene.chatter([ann], room)
  const outcome = await within(20_000, slow, 'the end of the slow ones')
  const said = await chatter.stop()
  await scene.fence(ann, room, bob)
  assert.ok(said.length > 10, `${said.length} messages meanwhile`)
  assert.deepEqual(bob.got('message:new').map(({ seq }) => seq), range(1, said.length + 1))
  return outcome
}

const inTime = ({ ms }) => assert.ok(ms > LIMIT_MS - 50 && ms < LIMIT_MS + 4_000, `ended after ${Math.round(ms)} ms`)

const POST = (sid) => `POST ${POLL}&sid=${sid} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n`

for (const [what, bytes, trickle] of [
  ['nothing comes', ''],
  ['a head that is never finished', `GET ${POLL} HTTP/1.1\r\nHost: x\r\n`],
  ['a head that comes byte by byte', 'GET /', 'x'.repeat(600)],
  ['a request for an upgrade that is never finished', 'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nUpgrade: websocket\r\n', 'Connection: upg'.repeat(20)],
]) {
  chat(`${what}: its connection ends`, limit('header_timeout'), async (scene) => {
    const slow = range(1, SLOW).map(() => dawdle(scene.daemon, bytes, trickle))
    const outcomes = await whileOthersTalk(scene, Promise.all(slow))
    outcomes.forEach(inTime)
  })
}

chat('a connection that is kept alive and asks nothing more ends', limit('header_timeout'), async (scene) => {
  const outcomes = await whileOthersTalk(scene, Promise.all(range(1, SLOW).map(() => dawdle(scene.daemon, 'GET /api/socket/health HTTP/1.1\r\nHost: x\r\n\r\n'))))
  for (const outcome of outcomes) {
    assert.match(outcome.answer, /^HTTP\/1.1 200 /)
    inTime(outcome)
  }
})

chat('a poll that waits is not idle', limit('header_timeout', 'body_timeout'), async (scene) => {
  const [ann] = await scene.users('ann')
  const session = await PollingSession.connect(scene.daemon, 'bob')
  const room = await scene.create(ann, [], { members: ['bob'] })
  await session.until('42["conversation:updated"')
  const poll = session.until('42["message:new"')
  for (let n = 0; n < 3; n += 1) await dawdle(scene.daemon, '')
  const sent = await ann.say(room, words())
  assert.match(await poll, new RegExp(sent.id))
})

chat('a body that trickles in: its connection ends, and the session lives', limit('body_timeout'), async (scene) => {
  const sessions = await Promise.all(range(1, SLOW).map(() => handshake(scene.daemon)))
  const slow = sessions.map(({ sid }) => dawdle(scene.daemon, POST(sid), '4'.repeat(900)))
  const outcomes = await whileOthersTalk(scene, Promise.all(slow))
  for (const outcome of outcomes) {
    assert.match(outcome.answer, /^HTTP\/1.1 408 /)
    inTime(outcome)
  }
  const { status } = await request(scene.daemon, `${POLL}&sid=${sessions[0].sid}`, { method: 'POST', body: '40' })
  assert.equal(status, 200)
})

chat('a TLS handshake that never comes, or never ends: its connection ends', { config: { ...limit('header_timeout').config, server: { tls: { cert, key } } } }, async (scene) => {
  const clientHello = Buffer.from('16030100fa010000f60303', 'hex')
  const slow = ['', clientHello].flatMap((bytes) => range(1, SLOW).map(() => dawdle(scene.daemon, bytes)))
  const outcomes = await whileOthersTalk(scene, Promise.all(slow), { ca: pem })
  outcomes.forEach(inTime)
})

chat('a PROXY header that never comes, or never ends: its connection ends', { config: { ...limit('header_timeout').config, server: { trusted_proxies: ['127.0.0.1'] } } }, async (scene) => {
  const slow = ['', 'PROXY TCP4 192.0.2.1', '\r\n\r\n\0\r\nQUIT\n'].flatMap((bytes) => range(1, SLOW).map(() => dawdle(scene.daemon, bytes)))
  const outcomes = await whileOthersTalk(scene, Promise.all(slow))
  outcomes.forEach(inTime)
})

chat('an upgrade that never goes on: its connection ends', limit('upgrade_timeout'), async (scene) => {
  const sessions = await Promise.all(range(1, SLOW).map(() => handshake(scene.daemon)))
  const slow = sessions.map(async ({ sid }) => {
    const raw = await scene.rawUnknown({ query: `EIO=4&transport=websocket&sid=${sid}` })
    const since = performance.now()
    assert.equal(raw.status, 101)
    await raw.closed
    return { ms: performance.now() - since }
  })
  const outcomes = await whileOthersTalk(scene, Promise.all(slow))
  outcomes.forEach(inTime)
})

chat('a session that never sends CONNECT ends, and gives its place back', { config: { transports: { connect_timeout: `${LIMIT_MS}ms` }, limits: { unauthenticated: 2 * SLOW + 2 } } }, async (scene) => {
  const silent = range(1, SLOW).map(async () => {
    const raw = await scene.rawUnknown()
    const since = performance.now()
    await raw.closed
    return { ms: performance.now() - since }
  })
  const polling = await Promise.all(range(1, SLOW).map(() => handshake(scene.daemon)))
  const outcomes = await whileOthersTalk(scene, Promise.all(silent))
  outcomes.forEach(inTime)
  for (const { sid } of polling) {
    await until(async () => (await request(scene.daemon, `${POLL}&sid=${sid}`)).status === 400, 'the session to be gone')
  }
  const again = await Promise.all(range(1, 2 * SLOW).map(() => RawSocket.open(scene.daemon)))
  assert.deepEqual(new Set(again.map(({ status }) => status)), new Set([101]))
  again.forEach((raw) => raw.close())
})
