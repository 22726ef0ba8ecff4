// The benchmark itself: that its load does what it says, sees what goes wrong, and that the runner tells.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { API, KEY } from '../common/api.mjs'
import { ROOT, binary, built, cleanEnvironment } from '../common/daemon.mjs'
import { chat, until } from '../common/harness.mjs'

const loadBinary = () => built('LOAD_BIN', 'examples/load', 'cargo build --example load')

const execute = (file, args, options) =>
  new Promise((done) => execFile(file, args, options, (error, stdout, stderr) => done({ code: error?.code ?? 0, stdout, stderr })))

/** The load's report about a few small rooms; `port` where it shall not go to the daemon directly. */
async function load(daemon, scenario, { port = daemon.port, ...more } = {}) {
  const small = { rooms: 3, size: 4, senders: 1, seconds: 0.3, 'warm-up': 0.1, rate: 100 }
  const all = { port, peer: 'chatd', pid: daemon.pid, secret: daemon.secret, scenario, ...small, ...more }
  const flags = Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)])
  const { code, stdout, stderr } = await execute(loadBinary(), flags)
  assert.equal(code, 0, stderr)
  await until(async () => (await health(daemon)).connected === 0, 'the daemon to see that all have gone')
  return JSON.parse(stdout)
}

const health = async ({ url }) => (await (await fetch(`${url}/api/socket/health`)).json()).socket

const clean = ({ lost, again, failed, complaint }) => assert.deepEqual({ lost, again, failed, complaint }, { lost: 0, again: 0, failed: 0, complaint: null })

for (const [scenario, does, options] of [
  ['messages', 'delivered', {}],
  ['messages', 'acked', { size: 2 }],
  ['paced', 'delivered', {}],
  ['typing', 'delivered', {}],
  ['connects', 'connected', {}],
  ['storm', 'connected', {}],
]) {
  chat(`${scenario}, ${does}, counts work and finds nothing amiss`, async ({ daemon }) => {
    const report = await load(daemon, scenario, options)
    clean(report)
    assert.ok(report[does] > 10, `${does}: ${report[does]}`)
    assert.ok(Math.abs(report[`${does}_per_second`] * report.seconds - report[does]) < 1)
  })
}

for (const [does, more] of [['with a clientId', {}], ['with an Idempotency-Key', { idempotent: true }]]) {
  chat(`what a back end sends ${does} is counted at both ends`, { config: API }, async ({ daemon }) => {
    const report = await load(daemon, 'api', { 'api-key': daemon.keepSecret(KEY), ...more })
    clean(report)
    assert.ok(report.acked > 10 && report.ack_ms.p99 > 0, JSON.stringify(report))
    // At both ends of the window some are on their way.
    assert.ok(Math.abs(report.delivered - 3 * report.acked) <= 3 * 3 * 2, `${report.acked} messages to three others, ${report.delivered} deliveries`)
  })
}

chat('what a back end is refused is told', { config: API }, async ({ daemon }) => {
  const { acked, failed, complaint } = await load(daemon, 'api', { 'api-key': 'x' })
  assert.deepEqual([acked, failed], [0, 3])
  assert.match(complaint, /401 Unauthorized/)
})

chat('compressed messages are read as well', async ({ daemon }) => {
  const report = await load(daemon, 'paced', { rooms: 1, size: 40, senders: 2, bytes: 3000, rate: 20, deflate: true })
  clean(report)
  assert.ok(report.delivered > 100, `${report.delivered}`)
  assert.ok(report.bytes_per_delivery < 2000, `${report.bytes_per_delivery} of 3000`)
})

chat('every message comes to all others of its room', async ({ daemon }) => {
  const { acked, delivered } = await load(daemon, 'messages', { rooms: 1, size: 6 })
  // At both ends of the window some are on their way.
  assert.ok(Math.abs(delivered - 5 * acked) <= 2 * 5, `${acked} messages to five others, ${delivered} deliveries`)
})

for (const [flood, outcomes] of [
  ['polling', { 200: 40, 503: 60 }],
  ['websockets', { 101: 40, 503: 60 }],
  ['heads', { open: 100 }],
]) {
  chat(`a flood of ${flood} is counted, and who talks meanwhile loses nothing`, { config: { limits: { unauthenticated: 40 } } }, async ({ daemon }) => {
    const report = await load(daemon, 'flood', { size: 2, flood, strangers: 100, rest: 0.2 })
    clean(report)
    assert.deepEqual(report.outcomes, outcomes)
    assert.ok(report.peak_kib >= report.before_kib && report.after_kib > 0, JSON.stringify(report))
    assert.ok(report.ack_ms.p99 > 0)
  })
}

chat('idle counts what connections cost in memory', async ({ daemon }) => {
  const report = await load(daemon, 'idle', { rooms: 50 })
  clean(report)
  assert.equal(report.connections, 200)
  assert.ok(report.kib_per_connection > 0 && report.kib_per_connection < 500, `${report.kib_per_connection} KiB`)
})

/** How far a frame of a server reaches that begins `bytes`; 0 where it is not whole. */
function frameLength(bytes) {
  if (bytes.length < 2) return 0
  const short = bytes[1] & 0x7f
  const head = { 126: 4, 127: 10 }[short] ?? 2
  if (bytes.length < head) return 0
  const length = { 126: () => bytes.readUInt16BE(2), 127: () => Number(bytes.readBigUInt64BE(2)) }[short]?.() ?? short
  return bytes.length < head + length ? 0 : head + length
}

/** A server before the daemon that passes each of its frames on so many times as `copies` says. */
async function relay(daemon, copies) {
  const sockets = new Set()
  const server = net.createServer((client) => {
    const upstream = net.connect(daemon.port, '127.0.0.1')
    for (const [socket, other] of [[client, upstream], [upstream, client]]) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => other.destroy())
    }
    client.pipe(upstream)
    let waiting = Buffer.alloc(0)
    let isUpgraded = false
    upstream.on('data', (data) => {
      waiting = Buffer.concat([waiting, data])
      for (;;) {
        const length = isUpgraded ? frameLength(waiting) : waiting.indexOf('\r\n\r\n') + 4
        if (length < (isUpgraded ? 1 : 4)) return
        const piece = waiting.subarray(0, length)
        waiting = waiting.subarray(length)
        for (let copy = isUpgraded ? copies(piece.toString('latin1')) : 1; copy > 0; copy -= 1) client.write(piece)
        isUpgraded = true
      }
    })
  })
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  const close = () => {
    sockets.forEach((socket) => socket.destroy())
    return new Promise((done) => server.close(done))
  }
  return { port: server.address().port, close }
}

/** Copies for the nth frame that holds `text`, and one for all others. */
function nth(text, copiesByNumber) {
  let count = 0
  return (frame) => (frame.includes(text) ? (copiesByNumber[(count += 1)] ?? 1) : 1)
}

for (const [name, scenario, copies, expected] of [
  ['a lost delivery', 'messages', nth('42["message:new"', { 20: 0 }), { lost: 1, again: 0, failed: 0 }],
  ['a doubled delivery', 'messages', nth('42["message:new"', { 20: 2 }), { lost: 0, again: 1, failed: 0 }],
  ['a doubled start of typing', 'typing', nth('42["typing:start"', { 5: 2 }), { lost: 0, again: 1, failed: 0 }],
]) {
  chat(`${name} is noticed`, async ({ daemon }) => {
    const { port, close } = await relay(daemon, copies)
    try {
      const { lost, again, failed } = await load(daemon, scenario, { port })
      assert.deepEqual({ lost, again, failed }, expected)
    } finally {
      await close()
    }
  })
}

const dir = mkdtempSync(join(tmpdir(), 'chatd-bench-test-'))
after(() => rmSync(dir, { recursive: true }))

/** The runner, for chatd and direct messages alone. */
function run(loadPath, out) {
  const args = [join(ROOT, 'tests/bench/run.mjs'), '--server', 'chatd', '--scenario', 'direct', '--runs', '1', '--seconds', '0.3', '--rooms', '3', '--out', out]
  return execute(process.execPath, args, { env: cleanEnvironment({ CHATD_BIN: binary(), LOAD_BIN: loadPath }) })
}

test('the runner prints a table and keeps the raw results', async () => {
  const out = join(dir, 'good')
  const { code, stdout, stderr } = await run(loadBinary(), out)
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^\| Direct messages, sends a CPU-second \| [\d,]+ \|$/m)
  const { results, chatd } = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8'))
  assert.equal(chatd.durability, 'full')
  assert.equal(results.direct.chatd.length, 1)
  clean(results.direct.chatd[0])
})

test('the runner fails where chatd lost something', async () => {
  const lossy = join(dir, 'lossy')
  writeFileSync(lossy, `#!/bin/sh\necho '{"acked_per_cpu_second": 1, "acked_per_second": 1, "lost": 2, "again": 0, "failed": 0}'\n`, { mode: 0o755 })
  const { code, stdout } = await run(lossy, join(dir, 'bad'))
  assert.equal(code, 1)
  assert.match(stdout, /direct: chatd lost 2 deliveries/)
})
