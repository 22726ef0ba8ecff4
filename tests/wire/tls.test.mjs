// TLS: the stock client over it, the certificate renewed under living connections, and pairs that cannot be used.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import tls from 'node:tls'

import { certificate, scratch } from '../common/certificate.mjs'
import { binary, cleanEnvironment } from '../common/daemon.mjs'
import { chat, range, until, within, words } from '../common/harness.mjs'
import { exchange, request } from '../common/raw.mjs'

const dir = scratch()
const first = certificate(dir, 'first')
const second = certificate(dir, 'second', { kind: 'rsa' })
const expired = certificate(dir, 'expired', { from: -3, to: -1 })

const secured = ({ cert, key } = first) => ({ config: { server: { tls: { cert, key } } } })

/** A pair that a test may overwrite. */
function live(name, { cert, key }) {
  const pair = { cert: join(dir, `${name}.crt`), key: join(dir, `${name}.key`) }
  const put = (from) => {
    copyFileSync(from.cert, pair.cert)
    copyFileSync(from.key, pair.key)
  }
  put({ cert, key })
  return { ...pair, put }
}

/** Shakes hands; resolves to what was agreed on, or to the code of the failure. */
function shake(daemon, options = {}) {
  return new Promise((answer) => {
    const socket = tls.connect({ port: daemon.port, host: '127.0.0.1', rejectUnauthorized: false, ...options }, () => {
      const { subject } = socket.getPeerCertificate()
      answer({ name: subject.CN, version: socket.getProtocol(), alpn: socket.alpnProtocol })
      socket.destroy()
    })
    socket.once('error', ({ code }) => answer(code))
  })
}

for (const transport of ['websocket', 'polling', 'upgrade']) {
  chat(`a conversation over ${transport} within TLS`, secured(), async (scene) => {
    const options = { ca: first.pem }
    const [ann, bob] = [await scene.connect('ann', { transport, options }), await scene.connect('bob', { transport, options })]
    const room = await scene.create(ann, [bob])
    const large = words('large') + 'ä€😀'.repeat(20_000).slice(0, 16_000)
    const sent = await ann.say(room, large)
    assert.deepEqual(await bob.next('message:new'), sent)
    const chatter = scene.chatter([ann, bob], room)
    for (const n of range(1, 50)) await bob.next('message:new', ({ seq }) => seq > n)
    await chatter.stop()
  })
}

chat('a client that does not know the certificate does not speak', secured(), async (scene) => {
  assert.match(await scene.refused('ann', { options: { ca: second.pem } }), /error/)
})

chat('TLS 1.2 and 1.3, for HTTP/1.1', secured(), async (scene) => {
  const agreed = (version, options) => shake(scene.daemon, { minVersion: version, maxVersion: version, ...options })
  assert.deepEqual(await agreed('TLSv1.2'), { name: 'first', version: 'TLSv1.2', alpn: false })
  assert.deepEqual(await agreed('TLSv1.3', { ALPNProtocols: ['h2', 'http/1.1'] }), { name: 'first', version: 'TLSv1.3', alpn: 'http/1.1' })
  assert.equal(await agreed('TLSv1.3', { ALPNProtocols: ['h2'] }), 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')
  assert.match(await agreed('TLSv1.1', { ciphers: 'DEFAULT@SECLEVEL=0' }), /^ERR_SSL_.*(VERSION|HANDSHAKE_FAILURE)/)
})

const renewed = live('renewed', first)
chat('a reload takes a new certificate and keeps every connection', secured(renewed), async (scene) => {
  const { daemon } = scene
  const options = { ca: [first.pem, second.pem] }
  const [ann, bob] = [await scene.connect('ann', { options }), await scene.connect('bob', { transport: 'polling', options })]
  const room = await scene.create(ann, [bob])
  renewed.put(second)
  assert.equal((await daemon.reload()).message, 'configuration reloaded')
  assert.equal((await shake(daemon)).name, 'second')
  await scene.fence(ann, room, bob)
  await scene.fence(bob, room, ann)
  await scene.connect('cyd', { options: { ca: second.pem } })
  assert.ok(ann.isOpen && bob.isOpen)
})

const spoiled = live('spoiled', first)
chat('a pair that cannot be used changes nothing, and the log says why', secured(spoiled), async (scene) => {
  const { daemon } = scene
  const ann = await scene.connect('ann', { options: { ca: first.pem } })
  const cases = [
    [() => copyFileSync(second.key, spoiled.key), /spoiled\.key is not the key of the certificate in .*spoiled\.crt/],
    [() => writeFileSync(spoiled.cert, 'nonsense'), /spoiled\.crt holds no PEM block with a certificate/],
    [() => writeFileSync(spoiled.cert, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'), /spoiled\.crt cannot be used/],
    [() => copyFileSync(first.cert, spoiled.key), /spoiled\.key holds no PEM block with a private key/],
  ]
  for (const [spoil, reason] of cases) {
    spoiled.put(first)
    spoil()
    const outcome = await daemon.reload()
    assert.equal(outcome.message, 'configuration not reloaded')
    assert.match(outcome.reason, reason)
    assert.equal((await shake(daemon)).name, 'first')
  }
  const gone = await daemon.reload({ server: { tls: { key: join(dir, 'gone.key') } } })
  assert.match(gone.reason, /`server\.tls\.key`: cannot read .*gone\.key: No such file/)
  await scene.create(ann)
})

test('a pair that cannot be used ends a start and a check with 78 and the reason', () => {
  const file = join(dir, 'config.toml')
  writeFileSync(file, `[server.tls]\ncert = "${first.cert}"\nkey = "${second.key}"\n`)
  for (const args of [['--check'], ['--listen', '127.0.0.1:0', '--state-dir', join(dir, 'state')]]) {
    const { status, stderr } = spawnSync(binary(), ['--config', file, ...args], { env: cleanEnvironment({ HOME: dir }), encoding: 'utf8' })
    assert.equal(status, 78, stderr)
    assert.match(stderr, /error: `server\.tls\.key`: .*second\.key is not the key of the certificate in .*first\.crt/)
    assert.match(stderr, /config\.toml:3:1/)
  }
})

chat('a certificate that has expired is served with a warning', secured(expired), async (scene) => {
  const { level, date } = await scene.daemon.logged('the certificate has expired')
  assert.equal(level, 'WARN')
  assert.ok(Date.parse(date) < Date.now())
  assert.equal((await shake(scene.daemon)).name, 'expired')
})

chat('a handshake that does not end is not waited for, nor one that is none', secured(), async (scene) => {
  const slow = [exchange(scene.daemon, ''), exchange(scene.daemon, '\x16\x03\x01')]
  assert.doesNotMatch(await within(5_000, exchange(scene.daemon, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'), 'the end of what is no TLS'), /HTTP/)
  assert.deepEqual(await within(14_000, Promise.all(slow), 'the end of the connections'), ['', ''])
})

chat('pages of the own origin are those of https', secured(), async (scene) => {
  const page = (scheme) => request(scene.daemon, '/socket.io/?EIO=4&transport=polling', { headers: { origin: `${scheme}://${scene.daemon.address}` } })
  assert.equal((await page('https')).status, 200)
  assert.equal((await page('http')).status, 403)
})

chat('who stops reading within TLS is cut off, and recovers', { config: { server: secured().config.server, transports: { write_timeout: '2s' } } }, async (scene) => {
  const ann = await scene.connect('ann', { options: { ca: first.pem } })
  const slow = await scene.raw('slow')
  const room = await scene.create(ann, [], { members: ['slow'] })
  slow.pause()
  for (let n = 0; n < 400; n += 10) await Promise.all(range(1, 10).map(() => ann.say(room, 'x'.repeat(32 * 1024))))
  await until(async () => (await ann.ok('presence:get', { userIds: ['slow'] })).presence[0].devices === 0, 'the slow one to be cut off')
  const back = await scene.connect('slow', { options: { ca: first.pem }, resume: { epoch: ann.connected.epoch, conversations: { [room]: 0 } } })
  assert.equal(back.connected.resumed[room].messages[0].seq, 1)
})

chat('a reload turns TLS on for connections to come, and those that exist stay', async (scene) => {
  const ann = await scene.connect('ann')
  const { cert, key } = first
  assert.equal((await scene.daemon.reload({ server: { tls: { cert, key } } })).message, 'configuration reloaded')
  assert.equal((await shake(scene.daemon)).name, 'first')
  await scene.create(ann)
})
