// One address does not take all the room there is: it gets as much as it leaves free.

import assert from 'node:assert/strict'
import net from 'node:net'

import { chat, range, until } from '../common/harness.mjs'
import { POLL, request } from '../common/raw.mjs'

const trusting = (config) => ({ config: { ...config, server: { trusted_proxies: ['127.0.0.1'] } } })
const counted = (list) => list.reduce((counts, status) => ({ ...counts, [status]: (counts[status] ?? 0) + 1 }), {})

/** The statuses of so many handshakes from an address. */
async function handshakes(scene, address, count) {
  const statuses = []
  for (let n = 0; n < count; n += 1) {
    const headers = address ? { 'x-forwarded-for': address } : {}
    const { status, body } = await request(scene.daemon, POLL, { headers })
    if (status !== 200) assert.equal(JSON.parse(body).code, 'TOO_MANY_CONNECTIONS')
    statuses.push(status)
  }
  return counted(statuses)
}

chat('sessions without a token: an address gets as many as it leaves free', trusting({ limits: { unauthenticated: 32 } }), async (scene) => {
  assert.deepEqual(await handshakes(scene, '192.0.2.1', 40), { 200: 16, 503: 24 })
  assert.deepEqual(await handshakes(scene, '2001:db8::1', 20), { 200: 8, 503: 12 })
  assert.deepEqual(await handshakes(scene, '2001:db8::ffff', 5), { 503: 5 }, 'a network of IPv6 is one address')
  assert.deepEqual(await handshakes(scene, '2001:db8:0:1::', 1), { 200: 1 })
  const ann = await scene.connect('ann', { options: { extraHeaders: { 'x-forwarded-for': '192.0.2.9' } } })
  await scene.create(ann)
})

chat('a device with a token takes nothing of it', trusting({ limits: { unauthenticated: 4 } }), async (scene) => {
  const options = { extraHeaders: { 'x-forwarded-for': '192.0.2.1' } }
  for (const n of range(1, 10)) await scene.connect(`user-${n}`, { options })
  assert.deepEqual(await handshakes(scene, '192.0.2.1', 3), { 200: 2, 503: 1 })
})

chat('who stands for many has no share: this machine, and a proxy that does not say for whom it asks', trusting({ limits: { unauthenticated: 10 } }), async (scene) => {
  assert.deepEqual(await handshakes(scene, '127.0.0.5', 5), { 200: 5 })
  assert.deepEqual(await handshakes(scene, null, 7), { 200: 5, 503: 2 })
})

const GET = 'GET /api/socket/health HTTP/1.1\r\nHost: x\r\n\r\n'

/** A connection of `address`, by the word of a proxy, that stays open; `answered` resolves to the status of its request. */
function hold(daemon, address) {
  const family = address.includes(':') ? 'TCP6' : 'TCP4'
  const to = address.includes(':') ? '2001:db8::' : '10.0.0.1'
  const held = { answer: '' }
  held.answered = new Promise((answered) => {
    held.socket = net.connect(daemon.port, '127.0.0.1', () => {
      held.socket.write(`PROXY ${family} ${address} ${to} 4711 443\r\n${GET}`)
    })
    held.socket.on('data', (data) => {
      held.answer += data
      if (held.answer.includes('}')) answered(Number(held.answer.split(' ')[1]))
    })
    held.socket.on('error', () => {}) // A reset is one way in which the server ends it.
    held.socket.on('close', () => answered(Number(held.answer.split(' ')[1] ?? 0)))
  })
  return held
}

// Half of the files are for connections.
const FEW_FILES = { ...trusting({ transports: { header_timeout: '60s' } }), wrap: ['prlimit', '--nofile=80:80'] }
const PLACES = 40

chat('connections: an address gets as many as it leaves free, and those that it has go on', FEW_FILES, async (scene) => {
  const first = []
  for (const _ of range(1, PLACES)) {
    const held = hold(scene.daemon, '192.0.2.1')
    await held.answered
    first.push(held)
  }
  const statuses = counted(await Promise.all(first.map(({ answered }) => answered)))
  assert.equal(statuses[200], PLACES / 2)
  assert.equal(statuses[503], PLACES / 2)
  assert.match(first.at(-1).answer, /"code":"TOO_MANY_CONNECTIONS"/)
  assert.equal(await hold(scene.daemon, '2001:db8::1').answered, 200)
  assert.equal(await hold(scene.daemon, '192.0.2.2').answered, 200)
  const [line] = scene.daemon.log.all(({ message }) => /one address has its share/.test(message))
  assert.equal(line['client.address'], '192.0.2.1')
  assert.equal(scene.daemon.log.all(({ message }) => /are refused/.test(message)).length, 1, 'the log is told once')

  const [kept] = first
  kept.answer = ''
  kept.socket.write(GET)
  await until(() => kept.answer.includes('200 OK'), 'an answer to one that it has')
  for (const { socket } of first.slice(1, 5)) socket.destroy()
  await until(async () => (await hold(scene.daemon, '192.0.2.1').answered) === 200, 'a place after some have gone')
})
