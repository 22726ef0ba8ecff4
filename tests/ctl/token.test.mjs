import assert from 'node:assert/strict'

import { chat, pause } from '../common/harness.mjs'
import { mint } from '../common/token.mjs'

chat('a minted token lets in with its claims', async (scene) => {
  const { operator, daemon } = scene
  const token = daemon.keepSecret((await operator.ok('token', 'mint', '--user', 'ann', '--name', 'Ann', '--role', 'admin', '--ttl', '1h', '--claim', 'n=1')).trim())
  assert.equal((await scene.connect('ann', { token })).connected.userId, 'ann')
  const verified = JSON.parse((await operator.run(['--json', 'token', 'verify'], { input: token })).stdout)
  assert.equal(verified.valid, true)
  assert.deepEqual([verified.user, verified.name, verified.roles], ['ann', 'Ann', ['admin']])
  assert.ok(Math.abs(Date.parse(verified.expiresAt) - Date.now() - 3_600_000) < 60_000)
  assert.match(await operator.ok('token', 'verify', token), /^✓ the token lets in\n +user +ann\n/)
  assert.match(await operator.fails(1, 'token', 'verify', `${token}x`), /TOKEN_INVALID/)
  assert.match(await operator.fails(1, 'token', 'mint', '--user', 'ann', '--claim', 'sub=bob'), /claim sub is set by chatd/)
  assert.match(await operator.fails(2, 'token', 'mint', '--user', 'ann', '--ttl', 'soon'), /expected a span of time/)
})

chat('without a daemon a token is minted from the configuration', async (scene) => {
  const { daemon, operator } = scene
  const { status, stdout, stderr } = await operator.run(
    ['token', 'mint', '--user', 'bob', '--config', daemon.configFile],
    { socket: '/nowhere/admin.sock', env: { HOME: daemon.dir } },
  )
  assert.equal(status, 0, stderr)
  assert.equal((await scene.connect('bob', { token: daemon.keepSecret(stdout.trim()) })).connected.userId, 'bob')
})

chat('one token is revoked, its device is cut off, and the others stay', { comesBack: true }, async (scene) => {
  const { operator, daemon } = scene
  const [lost, kept] = [daemon.token('ann'), daemon.token('ann')]
  const thief = await scene.connect('ann', { token: lost })
  const ann = await scene.connect('ann', { token: kept })
  const { status } = await operator.run(['token', 'revoke', '-'], { input: lost })
  assert.equal(status, 0)
  assert.equal((await thief.next('error')).code, 'TOKEN_REVOKED')
  await thief.ended()
  assert.equal(await scene.refused('ann', { token: lost }), 'TOKEN_REVOKED: token: it was revoked')
  await ann.fails('TOKEN_REVOKED', 'authenticate', { token: lost })
  assert.ok(ann.isOpen)
  await ann.close()
  await daemon.stop()
  await daemon.start()
  assert.match(await scene.refused('ann', { token: lost }), /^TOKEN_REVOKED/)
  await scene.connect('ann', { token: kept })
})

chat('all tokens of a user are revoked, and new ones count', async (scene) => {
  const { operator, daemon } = scene
  const old = daemon.token('ann')
  const ann = await scene.connect('ann', { token: old })
  const bob = await scene.connect('bob')
  assert.deepEqual(await operator.json('token', 'revoke', '--user', 'ann'), { tokenId: null, user: 'ann' })
  assert.equal((await ann.next('error')).code, 'TOKEN_REVOKED')
  await ann.ended()
  assert.match(await scene.refused('ann', { token: old }), /^TOKEN_REVOKED/)
  assert.match(await operator.fails(1, 'token', 'verify', old), /TOKEN_REVOKED/)
  assert.ok(bob.isOpen)
  // Tokens tell their issue in whole seconds.
  await pause(1_100)
  await scene.connect('ann')
  assert.match(await operator.fails(2, 'token', 'revoke'), /required/)
})

chat('a token that has no id cannot be revoked alone', async ({ daemon, operator }) => {
  const token = daemon.keepSecret(mint(daemon.secret, 'ann', { jti: undefined }))
  assert.match(await operator.fails(1, 'token', 'revoke', token), /no id.*\n {2}→ chatctl token revoke --user ann/)
})
