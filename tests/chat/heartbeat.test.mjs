// PING and PONG, and how a session ends whose client is gone: what the official protocol suites (tests/protocol) ask of
// the connections, asked of the daemon itself.

import assert from 'node:assert/strict'
import net from 'node:net'

import { chat, until, within } from '../common/harness.mjs'
import { POLL, PollingSession, frame, handshake, request } from '../common/raw.mjs'

const INTERVAL_MS = 600
const TIMEOUT_MS = 1_000
const config = { ping: { interval: `${INTERVAL_MS}ms`, timeout: `${TIMEOUT_MS}ms` } }

/** Holds that an event which the daemon counts from the handshake on did not come before `ms`. */
function notBefore(ms, since, what) {
  const passed = performance.now() - since
  assert.ok(passed >= ms, `${what} after ${passed} ms`)
}

/** A WebSocket past its open packet; `ping` resolves at the next PING, which only the test answers. */
async function watched(scene, query) {
  const raw = await scene.rawUnknown({ query })
  const waiting = []
  raw.answerPing = () => waiting.shift()?.()
  const ping = () => within(5_000, new Promise((met) => waiting.push(met)), 'a PING')
  return { raw, ping }
}

chat('over WebSocket the first PING comes after an interval, and so does each behind it', { config }, async (scene) => {
  const since = performance.now()
  const { raw, ping } = await watched(scene)
  for (let n = 1; n <= 3; n += 1) {
    await ping()
    notBefore(n * INTERVAL_MS, since, `PING ${n}`)
    raw.send('3')
  }
})

chat('over polling the first PING comes after an interval, and so does each behind it', { config }, async (scene) => {
  const since = performance.now()
  const { sid } = await handshake(scene.daemon)
  for (let n = 1; n <= 3; n += 1) {
    assert.equal((await request(scene.daemon, `${POLL}&sid=${sid}`)).body, '2')
    notBefore(n * INTERVAL_MS, since, `PING ${n}`)
    await request(scene.daemon, `${POLL}&sid=${sid}`, { method: 'POST', body: '3' })
  }
})

chat('an upgraded session gets its PINGs over WebSocket', { config }, async (scene) => {
  const { sid } = await handshake(scene.daemon)
  const { raw, ping } = await watched(scene, `EIO=4&transport=websocket&sid=${sid}`)
  raw.send('2probe')
  await raw.next((text) => text === '3probe')
  raw.send('5')
  for (let n = 0; n < 2; n += 1) {
    await ping()
    raw.send('3')
  }
})

chat('what a client sends in one piece with its handshake waits for the greeting and is not lost', async (scene) => {
  for (let n = 0; n < 20; n += 1) {
    const behind = frame(1, `40${JSON.stringify({ token: scene.daemon.token('ann') })}`)
    const raw = await scene.rawUnknown({ behind })
    const joined = await raw.next((text) => text.startsWith('40'), 'the answer to CONNECT')
    scene.daemon.confidential.add(JSON.parse(joined.slice(2)).sid)
    assert.equal((await raw.ask('conversation:list', {}, 1)).ok, true)
    raw.close()
    await raw.closed
  }
})

chat('a client that answers no PING is gone after interval and timeout, and not before', { config }, async (scene) => {
  const since = performance.now()
  const { raw } = await watched(scene)
  await within(5_000, raw.closed, 'the end')
  notBefore(INTERVAL_MS + TIMEOUT_MS, since, 'the end')
})

chat('a poll that waits when no PING was answered gets the close packet, and the next one an error', { config }, async (scene) => {
  const { sid } = await handshake(scene.daemon)
  const path = `${POLL}&sid=${sid}`
  assert.equal((await request(scene.daemon, path)).body, '2')
  assert.equal((await request(scene.daemon, path)).body, '1')
  assert.equal((await request(scene.daemon, path)).status, 400)
})

chat('a poll that waits when its client sends what is no packet is told that there is no session', async (scene) => {
  const { sid } = await handshake(scene.daemon)
  const path = `${POLL}&sid=${sid}`
  const poll = request(scene.daemon, path)
  assert.equal((await request(scene.daemon, path, { method: 'POST', body: 'abc' })).status, 400)
  const { status, body } = await poll
  assert.equal(status, 400, body)
  assert.match(body, /Session ID unknown/)
})

chat('a client that gives its poll up is gone at once', { config: { presence: { grace: '0s' } } }, async (scene) => {
  const bob = await scene.connect('bob')
  const session = await PollingSession.connect(scene.daemon, 'ann')
  await session.post('420["conversation:create",{"type":"group","members":["bob"]}]')
  await session.until('430[')
  const giveUp = () =>
    new Promise((done) => {
      const poll = net.connect(scene.daemon.port, '127.0.0.1').once('close', done)
      poll.write(`GET ${session.path} HTTP/1.1\r\nHost: ${scene.daemon.address}\r\n\r\n`, () => poll.destroy())
    })
  // A poll that finds packets is answered and not given up.
  const isGone = async () => (await giveUp(), bob.got('user:offline').length > 0)
  await until(isGone, 'the end of the session')
  assert.equal((await request(scene.daemon, session.path)).status, 400)
})
