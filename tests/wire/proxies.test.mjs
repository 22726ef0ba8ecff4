// Behind proxies: whose word counts about where a client is, and for what.

import assert from 'node:assert/strict'

import { chat, within } from '../common/harness.mjs'
import { POLL, exchange, request } from '../common/raw.mjs'

const ONE_EACH = { limits: { connections_per_ip: 1 } }
const trusting = (...trusted_proxies) => ({ config: { ...ONE_EACH, server: { trusted_proxies } } })

const poll = (scene, headers) => request(scene.daemon, POLL, { headers })
const statuses = async (scene, ...list) => {
  const seen = []
  for (const headers of list) seen.push((await poll(scene, headers)).status)
  return seen
}
const from = (list) => ({ 'x-forwarded-for': list })

/** One request by hand, with these bytes before its first. */
const behind = async (scene, header) => {
  const answer = await exchange(scene.daemon, Buffer.concat([Buffer.from(header), Buffer.from(`GET ${POLL} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)]))
  return answer.slice(0, 'HTTP/1.1 200'.length)
}

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
const v2 = (address, { command = 0x21, family = 0x11 } = {}) => {
  const body = [...address.split('.').map(Number), 10, 0, 0, 1, 0x12, 0x34, 0x01, 0xbb]
  return Buffer.from([...SIGNATURE, command, family, 0, body.length, ...body])
}

chat('a trusted proxy says where a client is', trusting('127.0.0.0/8', '10.0.0.0/8'), async (scene) => {
  assert.deepEqual(await statuses(scene, from('192.0.2.1'), from('192.0.2.1'), from('192.0.2.2')), [200, 503, 200])
  assert.deepEqual(await statuses(scene, from('192.0.2.3, 192.0.2.2'), from('192.0.2.3, 10.1.1.1')), [503, 200], 'the right-most that is not trusted')
  assert.deepEqual(await statuses(scene, from('2001:db8::1'), from('[2001:db8::2]:4711'), from('2001:db8:0:1::1')), [200, 503, 200], 'a network of IPv6 is one address')
  assert.deepEqual(await statuses(scene, { forwarded: 'for="[2001:db8:1::1]:4711";proto=https' }, { forwarded: 'for="[2001:db8:1::2]"' }), [200, 503])
  assert.deepEqual(await statuses(scene, {}, { ...from('198.51.100.1'), forwarded: 'for=198.51.100.2' }), [200, 503], 'headers that disagree leave the proxy itself')
})

chat('nobody else is believed', { config: { ...ONE_EACH, server: { trusted_proxies: ['10.0.0.0/8'] } } }, async (scene) => {
  assert.deepEqual(await statuses(scene, from('192.0.2.1'), from('192.0.2.2'), { forwarded: 'for=192.0.2.3' }), [200, 503, 503])
  for (const header of ['PROXY TCP4 192.0.2.4 10.0.0.1 4711 443\r\n', v2('192.0.2.5')]) {
    assert.equal(await behind(scene, header), 'HTTP/1.1 400', 'to a stranger it is no HTTP')
  }
})

chat('a reload changes who is trusted, for connections that exist as well', { config: ONE_EACH }, async (scene) => {
  assert.deepEqual(await statuses(scene, from('192.0.2.1'), from('192.0.2.2')), [200, 503])
  const { message } = await scene.daemon.reload({ server: { trusted_proxies: ['127.0.0.1'] } })
  assert.equal(message, 'configuration reloaded')
  assert.deepEqual(await statuses(scene, from('192.0.2.2'), from('192.0.2.3')), [200, 200])
})

for (const transport of ['websocket', 'polling']) {
  chat(`the log has the client's address over ${transport}`, { config: { server: { trusted_proxies: ['127.0.0.1'] }, log: { level: 'debug' } } }, async (scene) => {
    const ann = await scene.connect('ann', { transport, options: { extraHeaders: { 'X-Forwarded-For': '203.0.113.77' } } })
    const room = await scene.create(ann)
    await ann.say(room, 'x')
    ann.close()
    await scene.daemon.logged(/"client\.address":"203\.0\.113\.77"/)
  })
}

chat('the PROXY protocol says where a connection comes from', trusting('127.0.0.1'), async (scene) => {
  const ok = 'HTTP/1.1 200'
  const full = 'HTTP/1.1 503'
  assert.equal(await behind(scene, 'PROXY TCP4 192.0.2.1 10.0.0.1 4711 443\r\n'), ok)
  assert.equal(await behind(scene, 'PROXY TCP4 192.0.2.1 10.0.0.1 4712 443\r\n'), full)
  assert.equal(await behind(scene, 'PROXY TCP6 2001:db8::1 ::1 4711 443\r\n'), ok)
  assert.equal(await behind(scene, v2('192.0.2.1')), full)
  assert.equal(await behind(scene, v2('192.0.2.2')), ok)
  assert.equal(await behind(scene, v2('192.0.2.9', { command: 0x20 })), ok, "the proxy's own check")
  assert.equal(await behind(scene, 'PROXY UNKNOWN\r\n'), full, 'which counts for the proxy')
  assert.equal(await behind(scene, ''), full, 'as does a connection without a header')
})

chat('a broken PROXY header ends its connection, and no other', trusting('127.0.0.1'), async (scene) => {
  for (const header of ['PROXY TCP4 192.0.2.1\r\n', 'PROXY nonsense\r\n', `PROXY ${'x'.repeat(200)}`, v2('192.0.2.1', { family: 0x12 }), v2('192.0.2.1', { command: 0x2f })]) {
    assert.equal(await behind(scene, header), '')
  }
  assert.equal((await poll(scene, {})).status, 200)
})

chat('a PROXY header that does not end is not waited for', trusting('127.0.0.1'), async (scene) => {
  const halves = ['PROXY TCP4 192', v2('192.0.2.1').subarray(0, 20), '\r\n']
  const answers = halves.map((half) => exchange(scene.daemon, half))
  assert.deepEqual(await within(14_000, Promise.all(answers), 'the end of the connections'), halves.map(() => ''))
})

chat('the scheme that the client used is part of the own origin', { config: { server: { trusted_proxies: ['127.0.0.1'] } } }, async (scene) => {
  const { address } = scene.daemon
  const page = (scheme, headers) => poll(scene, { origin: `${scheme}://${address}`, ...headers }).then(({ status }) => status)
  const https = { 'x-forwarded-proto': 'https' }
  assert.deepEqual([await page('https', https), await page('http', https)], [200, 403])
  assert.deepEqual([await page('https', { forwarded: 'for=192.0.2.1;proto=https' }), await page('http', { forwarded: 'for=192.0.2.1;proto=https' })], [200, 403])
  assert.deepEqual([await page('https', {}), await page('http', {})], [200, 200], 'where nobody says it either will do')
})
