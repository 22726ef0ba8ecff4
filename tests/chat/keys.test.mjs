// Keys other than a shared secret: public keys, key sets from a file and from an address, and their rotation.

import assert from 'node:assert/strict'
import { generateKeyPairSync, sign as signBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'

import { chat } from '../common/harness.mjs'
import { seconds, sign } from '../common/token.mjs'

const KINDS = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
}

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

function token(alg, key, user, header = {}) {
  const text = `${encode({ alg, typ: 'JWT', ...header })}.${encode({ sub: user, exp: seconds(600) })}`
  const hash = alg === 'EdDSA' ? null : 'sha256'
  const signature = signBytes(hash, Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
  return `${text}.${signature.toString('base64url')}`
}

const jwk = ({ publicKey }, alg, kid) => ({ ...publicKey.export({ format: 'jwk' }), alg, kid, use: 'sig' })
const enters = async (scene, minted) => assert.equal((await scene.connect('ann', { token: scene.daemon.keepSecret(minted) })).connected.userId, 'ann')
const fails = async (scene, minted) => assert.match(await scene.refused('ann', { token: minted }), /^TOKEN_INVALID: ./)

/** Puts files beside the configuration, and has it point to them. */
async function configure(daemon, files, auth) {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(daemon.dir, name), content)
  const { message, line } = await daemon.reload({ auth })
  assert.equal(message, 'configuration reloaded', line)
}

for (const alg of Object.keys(KINDS)) {
  chat(`a public key of ${alg}`, async (scene) => {
    const { daemon } = scene
    const [pair, other] = [KINDS[alg](), KINDS[alg]()]
    const pem = pair.publicKey.export({ type: 'spki', format: 'pem' })
    await configure(daemon, { 'key.pem': pem }, { secret: undefined, algorithms: [alg], public_key_file: join(daemon.dir, 'key.pem') })
    await enters(scene, token(alg, pair.privateKey, 'ann'))
    await fails(scene, token(alg, other.privateKey, 'ann'))
    // The old trick: the public key taken for a shared secret.
    await fails(scene, sign(pem, { sub: 'ann', exp: seconds(600) }))
    await fails(scene, daemon.token('ann'))
  })
}

chat('a key set: the kid decides, and a reload takes the new keys', async (scene) => {
  const { daemon } = scene
  const [first, second] = [KINDS.ES256(), KINDS.ES256()]
  const path = join(daemon.dir, 'keys.json')
  const set = (...keys) => ({ 'keys.json': JSON.stringify({ keys }) })
  await configure(daemon, set(jwk(first, 'ES256', 'one')), { secret: undefined, algorithms: ['ES256'], jwks_file: path })
  const old = token('ES256', first.privateKey, 'ann', { kid: 'one' })
  await enters(scene, old)
  await fails(scene, token('ES256', second.privateKey, 'ann', { kid: 'two' }))
  await fails(scene, token('ES256', second.privateKey, 'ann', { kid: 'one' }))
  await fails(scene, token('ES256', first.privateKey, 'ann', { kid: '../../etc/passwd' }))
  await configure(daemon, set(jwk(second, 'ES256', 'two')), {})
  await enters(scene, token('ES256', second.privateKey, 'ann', { kid: 'two' }))
  await fails(scene, old)
})

chat('a key that the token brings along is ignored', async (scene) => {
  const { daemon } = scene
  const [good, evil] = [KINDS.ES256(), KINDS.ES256()]
  await configure(daemon, { 'keys.json': JSON.stringify({ keys: [jwk(good, 'ES256', 'one')] }) }, { secret: undefined, algorithms: ['ES256'], jwks_file: join(daemon.dir, 'keys.json') })
  for (const header of [{ jwk: jwk(evil, 'ES256', 'one') }, { jku: 'http://127.0.0.1:1/keys' }, { x5u: 'http://127.0.0.1:1/x' }, { x5c: ['AAAA'] }]) {
    await fails(scene, token('ES256', evil.privateKey, 'ann', { kid: 'one', ...header }))
  }
})

chat('a key set from an address, where an unknown kid is asked for once and not for every token', async (scene) => {
  const { daemon } = scene
  const [first, second] = [KINDS.ES256(), KINDS.ES256()]
  const keys = [jwk(first, 'ES256', 'one')]
  let asked = 0
  const server = createServer((_, response) => {
    asked += 1
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }))
  })
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready))
  try {
    const jwks_url = `http://127.0.0.1:${server.address().port}/keys`
    await configure(daemon, {}, { secret: undefined, algorithms: ['ES256'], jwks_url })
    await enters(scene, token('ES256', first.privateKey, 'ann', { kid: 'one' }))
    const before = asked
    for (let n = 0; n < 10; n += 1) await fails(scene, token('ES256', second.privateKey, 'ann', { kid: `unknown-${n}` }))
    assert.ok(asked - before <= 1, `asked ${asked - before} times for ten unknown keys`)
  } finally {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  }
})
