// `authenticate`: a token is replaced on the living connection; and what happens when none is.

import assert from 'node:assert/strict'

import { chat } from '../common/harness.mjs'
import { seconds } from '../common/token.mjs'

chat('a new token carries the connection on', { config: { auth: { leeway: '0s' } } }, async (scene) => {
  const first = scene.daemon.token('ann', { exp: seconds(3) })
  const ann = await scene.connect('ann', { token: first })
  const room = await scene.create(ann)
  const exp = seconds(600)
  const renewed = await ann.ok('authenticate', { token: scene.daemon.token('ann', { exp }) })
  assert.equal(renewed.userId, 'ann')
  assert.equal(renewed.expiresAt, new Date(exp * 1000).toISOString())
  await ann.none('error', 6_000)
  assert.ok(ann.isOpen)
  await ann.say(room, 'still here after the first token has ended')
})

chat('a token of somebody else changes nothing', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.fails('TOKEN_INVALID', 'authenticate', { token: scene.daemon.token('bob') })
  const message = await ann.say(room, 'who am I')
  assert.equal(message.senderId, 'ann')
})

chat('a bad token is refused with its code and the old one stays', async (scene) => {
  const ann = await scene.connect('ann')
  await ann.fails('TOKEN_INVALID', 'authenticate', { token: 'sesame' })
  await ann.fails('TOKEN_EXPIRED', 'authenticate', { token: scene.daemon.token('ann', { exp: seconds(-600) }) })
  await scene.create(ann)
})

for (const transport of ['websocket', 'polling']) {
  chat(`an expired token ends the connection within 5 seconds (${transport})`, { config: { auth: { leeway: '0s' } } }, async (scene) => {
    const exp = seconds(2)
    const ann = await scene.connect('ann', { transport, token: scene.daemon.token('ann', { exp }) })
    const error = await ann.next('error')
    assert.equal(error.code, 'TOKEN_EXPIRED')
    assert.equal(await ann.ended(), 'io server disconnect')
    const late = Date.now() - exp * 1000
    assert.ok(late >= -100 && late < 5_000, `${late} ms after the expiry`)
  })
}

chat('a shorter token that replaces a longer one counts', { config: { auth: { leeway: '0s' } } }, async (scene) => {
  const ann = await scene.connect('ann', { token: scene.daemon.token('ann', { exp: seconds(600) }) })
  const exp = seconds(2)
  await ann.ok('authenticate', { token: scene.daemon.token('ann', { exp }) })
  assert.equal((await ann.next('error')).code, 'TOKEN_EXPIRED')
  assert.equal(await ann.ended(), 'io server disconnect')
  assert.ok(Date.now() >= exp * 1000 - 100)
})

chat('where expiry does not disconnect, it does not', { config: { auth: { leeway: '0s', disconnect_on_expiry: false } } }, async (scene) => {
  const ann = await scene.connect('ann', { token: scene.daemon.token('ann', { exp: seconds(1) }) })
  const room = await scene.create(ann)
  await ann.none('error', 4_000)
  await ann.say(room, 'my token has ended, I have not')
})
