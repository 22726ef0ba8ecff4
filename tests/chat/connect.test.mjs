// The handshake: which tokens open the door, by which way they may come, and what a device is told once it is in.

import assert from 'node:assert/strict'

import { assertRecent, chat } from '../common/harness.mjs'
import { seconds, sign } from '../common/token.mjs'

chat('a device with a good token is told who and where it is', async (scene) => {
  const exp = seconds(600)
  const ann = await scene.connect('ann', { token: scene.daemon.token('ann', { exp }), device: 'phone' })
  const { connected } = ann
  assert.equal(connected.userId, 'ann')
  assert.equal(connected.socketId, ann.socket.id)
  assert.equal(connected.device, 'phone')
  assert.equal(connected.expiresAt, new Date(exp * 1000).toISOString())
  assertRecent(connected.serverTime)
  assert.ok(!('resumed' in connected), 'resumed only where asked')
})

chat('the epoch is the same for everyone and over restarts', { comesBack: true }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  assert.equal(ann.connected.epoch, bob.connected.epoch)
  await scene.daemon.stop()
  await scene.daemon.start()
  const again = await scene.connect('ann')
  assert.equal(again.connected.epoch, ann.connected.epoch)
})

chat('without a token nobody comes in', async (scene) => {
  assert.match(await scene.refused('ann', { token: null }), /^TOKEN_MISSING: ./)
  assert.match(await scene.refused('ann', { token: '' }), /^TOKEN_(MISSING|INVALID): ./)
  assert.match(await scene.refused('ann', { transport: 'polling', token: null }), /^TOKEN_MISSING: ./)
})

chat('a token that does not hold is refused', async (scene, t) => {
  const { secret } = scene.daemon
  const exp = seconds(600)
  const good = scene.daemon.token('ann')
  const [head, body, signature] = good.split('.')
  const forged = Buffer.from(JSON.stringify({ sub: 'bob', exp })).toString('base64url')
  const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')
  const tokens = {
    'no JWT': 'sesame',
    'another secret': sign('x'.repeat(64), { sub: 'ann', exp }),
    'another body under the signature': `${head}.${forged}.${signature}`,
    'no signature': `${head}.${body}.`,
    'alg none': `${none}.${body}.`,
    'an algorithm that is not allowed': sign(secret, { sub: 'ann', exp }, { header: { alg: 'HS512' }, hash: 'sha512' }),
    'a header that lies about the algorithm': sign(secret, { sub: 'ann', exp }, { header: { alg: 'RS256' } }),
    'a critical extension': sign(secret, { sub: 'ann', exp }, { header: { crit: ['x'], x: 1 } }),
    'not valid yet': sign(secret, { sub: 'ann', exp, nbf: seconds(300) }),
    'no user': sign(secret, { exp }),
    'an empty user': sign(secret, { sub: '', exp }),
    'a user that is no string': sign(secret, { sub: { name: 'ann' }, exp }),
    'a user with a control character': sign(secret, { sub: 'an\nn', exp }),
    'a user that is too long': sign(secret, { sub: 'a'.repeat(129), exp }),
    'an expiry that is no number': sign(secret, { sub: 'ann', exp: 'tomorrow' }),
    'more than a token': `${good}.${body}`,
    'a token of 100 KiB': sign(secret, { sub: 'ann', exp, padding: 'x'.repeat(100_000) }),
  }
  for (const [why, token] of Object.entries(tokens)) {
    await t.test(why, async () => {
      assert.match(await scene.refused('ann', { token }), /^TOKEN_INVALID: ./)
    })
  }
  await t.test('the same token unharmed is good', () => scene.connect('ann', { token: good }))
})

chat('a token that is no text is refused', async (scene) => {
  for (const token of [17, true, ['a'], { a: 1 }]) {
    assert.match(await scene.refused('ann', { token }), /^(TOKEN_INVALID|TOKEN_MISSING|INVALID): ./)
  }
})

chat('an expired token is refused, beyond the leeway', { config: { auth: { leeway: '30s' } } }, async (scene) => {
  assert.match(await scene.refused('ann', { token: scene.daemon.token('ann', { exp: seconds(-60) }) }), /^TOKEN_EXPIRED: ./)
  await scene.connect('ann', { token: scene.daemon.token('ann', { exp: seconds(-5) }) })
})

chat('without leeway one second is too late', { config: { auth: { leeway: '0s' } } }, async (scene) => {
  assert.match(await scene.refused('ann', { token: scene.daemon.token('ann', { exp: seconds(-2) }) }), /^TOKEN_EXPIRED: ./)
})

for (const transport of ['websocket', 'polling', 'upgrade']) {
  chat(`the token may come as Authorization: Bearer (${transport})`, async (scene) => {
    const bearer = (token) => ({ transport, token: null, options: { extraHeaders: { Authorization: `Bearer ${token}` } } })
    const ann = await scene.connect('ann', bearer(scene.daemon.token('ann')))
    assert.equal(ann.connected.userId, 'ann')
    assert.match(await scene.refused('ann', bearer('sesame')), /^TOKEN_INVALID: ./)
  })
}

chat('the CONNECT packet goes before the header', async (scene) => {
  const options = { extraHeaders: { Authorization: `Bearer ${scene.daemon.token('bob')}` } }
  assert.equal((await scene.connect('ann', { options })).connected.userId, 'ann')
  assert.match(await scene.refused('ann', { token: 'sesame', options }), /^TOKEN_INVALID: ./)
})

chat('a token in the query is ignored unless that is allowed', async (scene) => {
  const query = { token: scene.daemon.token('ann') }
  assert.match(await scene.refused('ann', { token: null, options: { query } }), /^TOKEN_MISSING: ./)
  await scene.daemon.reload({ auth: { allow_query_token: true } })
  const ann = await scene.connect('ann', { token: null, options: { query } })
  assert.equal(ann.connected.userId, 'ann')
})

chat('the user stands in sub, else userId, else id', async (scene) => {
  const as = (claims) => scene.connect('someone', { token: scene.daemon.token(undefined, { sub: undefined, ...claims }) })
  assert.equal((await as({ userId: 'bob', id: 'cyd' })).connected.userId, 'bob')
  assert.equal((await as({ id: 'cyd' })).connected.userId, 'cyd')
  assert.equal((await as({ sub: 'ann', userId: 'bob', id: 'cyd' })).connected.userId, 'ann')
})

chat('user_claim names another claim', { config: { auth: { user_claim: 'uid' } } }, async (scene) => {
  const ann = await scene.connect('ann', { token: scene.daemon.token('someone', { uid: 'ann' }) })
  assert.equal(ann.connected.userId, 'ann')
})

chat('issuer and audience are held', { config: { auth: { issuer: 'login', audience: 'chat' } } }, async (scene) => {
  const token = (claims) => ({ token: scene.daemon.token('ann', claims) })
  await scene.connect('ann', token({ iss: 'login', aud: 'chat' }))
  await scene.connect('ann', token({ iss: 'login', aud: ['mail', 'chat'] }))
  for (const claims of [
    {},
    { iss: 'login' },
    { aud: 'chat' },
    { iss: 'other', aud: 'chat' },
    { iss: 'login', aud: 'mail' },
    { iss: 'login', aud: ['mail'] },
    { iss: ['x'], aud: 'chat' },
    { iss: 'login', aud: { chat: true } },
  ]) {
    assert.match(await scene.refused('ann', token(claims)), /^TOKEN_INVALID: ./, JSON.stringify(claims))
  }
})

chat('required claims are required', { config: { auth: { required_claims: ['exp', 'tenant'] } } }, async (scene) => {
  await scene.connect('ann', { token: scene.daemon.token('ann', { tenant: 'a' }) })
  assert.match(await scene.refused('ann', { token: scene.daemon.token('ann') }), /^TOKEN_INVALID: ./)
  const endless = scene.daemon.token('ann', { tenant: 'a', exp: undefined })
  assert.match(await scene.refused('ann', { token: endless }), /^TOKEN_INVALID: ./)
})

chat('other HMAC lengths where configured', { config: { auth: { algorithms: ['HS512'] } } }, async (scene) => {
  const claims = { sub: 'ann', exp: seconds(60) }
  const token = sign(scene.daemon.secret, claims, { header: { alg: 'HS512' }, hash: 'sha512' })
  assert.equal((await scene.connect('ann', { token })).connected.userId, 'ann')
  assert.match(await scene.refused('ann'), /^TOKEN_INVALID: ./)
})

chat('any short printable text may be a user', async (scene) => {
  for (const user of ['user 1', 'größe', '👩‍👩‍👧', '../etc', "o'brien", '"; drop table users', '__proto__', 'x'.repeat(128)]) {
    assert.equal((await scene.connect(user)).connected.userId, user)
  }
})

chat('a device brings its status along', async (scene) => {
  const ann = await scene.connect('ann')
  const bob = await scene.connect('bob', { status: 'busy' })
  await scene.create(ann, [bob])
  const { presence } = await ann.ok('presence:get', { userIds: ['bob'] })
  assert.equal(presence[0].status, 'busy')
})

chat('what does not fit in the handshake is named', async (scene) => {
  assert.match(await scene.refused('ann', { status: 'asleep' }), /^INVALID: .*status/)
  assert.match(await scene.refused('ann', { device: 17 }), /^INVALID: .*device/)
  assert.match(await scene.refused('ann', { device: 'x'.repeat(10_000) }), /^INVALID: .*device/)
  assert.match(await scene.refused('ann', { resume: 'all' }), /^INVALID: .*resume/)
  assert.match(await scene.refused('ann', { resume: { epoch: 1, conversations: {} } }), /^INVALID: .*epoch/)
  assert.match(await scene.refused('ann', { resume: { epoch: 'e', conversations: { a: '1' } } }), /^INVALID: .*conversations/)
})

chat('there is no other namespace', async (scene) => {
  const raw = await scene.rawUnknown()
  await raw.next((text) => text.startsWith('0'))
  raw.send(`40/admin,${JSON.stringify({ token: scene.daemon.token('ann') })}`)
  assert.match(await raw.next((text) => text.startsWith('4')), /^44\/admin,/)
})

chat('the login may change hands on a name: user ids are told apart exactly', async (scene) => {
  const [ann, upper] = await scene.users('ann', 'Ann')
  const room = await scene.create(ann)
  await upper.fails('NOT_FOUND', 'message:history', { conversationId: room })
})
