// Where the daemon listens: several addresses, IPv6, Unix sockets, and sockets that systemd hands in.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'

import { certificate, scratch } from '../common/certificate.mjs'
import { ROOT, binary, cleanEnvironment, reservedPort } from '../common/daemon.mjs'
import { Daemon, chat } from '../common/harness.mjs'

const dir = scratch()
const listen = (...addresses) => ({ args: addresses.flatMap((address) => ['--listen', address]) })

/** Asks a listener whether all is well; `where` is for Node's http. */
function health(where) {
  return new Promise((answer, fail) => {
    const sent = http.get({ path: '/api/socket/health', agent: false, ...where }, (response) => {
      response.resume()
      response.on('end', () => answer(response.statusCode))
    })
    sent.on('error', fail)
  })
}

/** A start that must fail; gives what it said. */
function refused(args, { status, wrap = [] }) {
  const command = [...wrap, binary(), '--state-dir', join(dir, 'refused'), ...args]
  const ended = spawnSync(command[0], command.slice(1), { env: cleanEnvironment({ HOME: dir }), encoding: 'utf8', timeout: 20_000 })
  assert.equal(ended.status, status, ended.stderr)
  return ended.stderr
}

const activated = (...sockets) => ['python3', join(ROOT, 'tests/common/activate.py'), ...sockets, '--']

chat('several addresses, of IPv6 as well', listen('[::1]:0', '127.0.0.2:0'), async (scene) => {
  const [six, four] = [await scene.daemon.logged('listening'), await scene.daemon.logged('listening')]
  assert.match(six.address, /^\[::1\]:\d+$/)
  assert.equal(await health({ host: '::1', port: six.address.split(':').at(-1) }), 200)
  assert.equal(await health({ host: '127.0.0.2', port: four.address.split(':').at(-1) }), 200)
  assert.equal(await health({ port: scene.daemon.port, host: '127.0.0.1' }), 200)
})

const port = await reservedPort()
chat('one port for all addresses of both families', listen(`[::]:${port}`, `0.0.0.0:${port}`), async () => {
  for (const host of ['127.0.0.1', '::1']) assert.equal(await health({ host, port }), 200)
})

test('an address that is taken ends the start with its name', async () => {
  const daemon = await Daemon.start()
  try {
    assert.match(refused(['--listen', daemon.address], { status: 69 }), new RegExp(`cannot listen on ${daemon.address}: Address already in use`))
  } finally {
    await daemon.dispose()
  }
})

const path = join(dir, 'chatd.sock')
chat('a Unix socket, with its mode, gone after the end', { ...listen(`unix:${path}`), config: { server: { unix_mode: '0620' } } }, async (scene) => {
  assert.equal((await scene.daemon.logged('listening')).address, `unix:${path}`)
  assert.equal(statSync(path).mode & 0o777, 0o620)
  const options = { agent: new http.Agent({ socketPath: path }) }
  const [ann, bob] = [await scene.connect('ann', { options }), await scene.connect('bob', { transport: 'polling', options })]
  const room = await scene.create(ann, [bob])
  await scene.fence(ann, room, bob)
  await scene.fence(bob, room, ann)
  assert.match(refused(['--listen', `unix:${path}`], { status: 69 }), /another process listens there/)
  scene.close()
  await scene.daemon.stop()
  assert.ok(!existsSync(path))
})

chat('a Unix socket that was left behind is replaced', listen(`unix:${path}`), async (scene) => {
  await scene.daemon.crash()
  assert.ok(existsSync(path))
  await scene.daemon.start()
  assert.equal(await health({ socketPath: path }), 200)
})

test('what is no socket is left alone', () => {
  const file = join(dir, 'notes')
  writeFileSync(file, 'precious')
  assert.match(refused(['--listen', `unix:${file}`], { status: 69 }), /something else than a socket is there/)
  assert.ok(existsSync(file))
})

const behind = join(dir, 'behind.sock')
const proxied = { config: { server: { trusted_proxies: ['unix'] }, limits: { connections_per_ip: 1 } } }
chat('a proxy on a Unix socket may be trusted', { ...listen(`unix:${behind}`), ...proxied }, async () => {
  const poll = (address) =>
    new Promise((answer) => http.get({ socketPath: behind, agent: false, path: '/socket.io/?EIO=4&transport=polling', headers: { 'x-forwarded-for': address } }, (response) => answer(response.statusCode)))
  assert.deepEqual([await poll('192.0.2.1'), await poll('192.0.2.1'), await poll('192.0.2.2')], [200, 503, 200])
})

const pair = certificate(dir, 'pair')
const plain = join(dir, 'plain.sock')
chat('a Unix socket is without TLS', { ...listen(`unix:${plain}`), config: { server: { tls: { cert: pair.cert, key: pair.key } } } }, async () => {
  assert.equal(await health({ socketPath: plain }), 200)
})

const handed = await reservedPort()
const local = join(dir, 'handed.sock')
chat('sockets that systemd hands in', { ...listen('systemd'), wrap: activated(`web=127.0.0.1:${handed}`, `six=[::1]:${handed}`, `local=${local}`) }, async (scene) => {
  const addresses = [await scene.daemon.logged('listening'), await scene.daemon.logged('listening'), await scene.daemon.logged('listening')].map(({ address }) => address)
  assert.deepEqual(addresses, [`127.0.0.1:${handed}`, `[::1]:${handed}`, `unix:${local}`])
  for (const where of [{ host: '127.0.0.1', port: handed }, { host: '::1', port: handed }, { socketPath: local }]) assert.equal(await health(where), 200)
  await scene.daemon.stop()
  assert.ok(existsSync(local), 'whoever made it removes it')
})

const named = await reservedPort()
chat('sockets of one name', { ...listen('systemd:web'), wrap: activated(`web=127.0.0.1:${named}`, `other=127.0.0.3:${named}`) }, async (scene) => {
  assert.equal((await scene.daemon.logged('listening')).address, `127.0.0.1:${named}`)
  assert.equal(await health({ host: '127.0.0.1', port: named }), 200)
})

test('where systemd hands in nothing for this process, the start says so', async () => {
  const spare = await reservedPort()
  assert.match(refused(['--listen', 'systemd'], { status: 69 }), /cannot listen on systemd: no sockets were handed in/)
  assert.match(refused(['--listen', 'systemd'], { status: 69, wrap: activated('--stranger', `web=127.0.0.1:${spare}`) }), /no sockets were handed in/)
  assert.match(refused(['--listen', 'systemd:admin'], { status: 69, wrap: activated(`web=127.0.0.1:${spare}`) }), /no socket named `admin` was handed in/)
})
