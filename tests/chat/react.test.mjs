// `message:react`: emoji by user, added and taken back.

import assert from 'node:assert/strict'

import { chat, words } from '../common/harness.mjs'

chat('reactions gather by emoji in the order of reacting', async (scene) => {
  const [ann, bob, cyd] = await scene.users('ann', 'bob', 'cyd')
  const room = await scene.create(ann, [bob, cyd])
  const { id: messageId } = await ann.say(room, words())
  const react = async (who, emoji) => (await who.ok('message:react', { messageId, emoji })).reactions
  assert.deepEqual(await react(cyd, '👍'), { '👍': ['cyd'] })
  assert.deepEqual(await react(bob, '👍'), { '👍': ['cyd', 'bob'] })
  assert.deepEqual(await react(bob, '🎉'), { '👍': ['cyd', 'bob'], '🎉': ['bob'] })
  const [, , last] = [await ann.next('message:reaction'), await ann.next('message:reaction'), await ann.next('message:reaction')]
  assert.deepEqual(last, {
    messageId,
    conversationId: room,
    userId: 'bob',
    emoji: '🎉',
    removed: false,
    reactions: { '👍': ['cyd', 'bob'], '🎉': ['bob'] },
  })
  assert.deepEqual((await ann.history(room))[0].reactions, last.reactions)
})

chat('a reaction is taken back by the one who gave it', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const { id: messageId } = await ann.say(room, words())
  await ann.ok('message:react', { messageId, emoji: '👍' })
  await bob.ok('message:react', { messageId, emoji: '👍' })
  const { reactions } = await bob.ok('message:react', { messageId, emoji: '👍', remove: true })
  assert.deepEqual(reactions, { '👍': ['ann'] })
  assert.equal((await ann.next('message:reaction', ({ removed }) => removed)).userId, 'bob')
  assert.deepEqual((await ann.ok('message:react', { messageId, emoji: '👍', remove: true })).reactions, {})
  assert.ok(!('reactions' in (await ann.history(room))[0]))
})

chat('reacting the same way twice changes nothing and says nothing', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const { id: messageId } = await ann.say(room, words())
  const payload = { messageId, emoji: '👍' }
  assert.deepEqual(await bob.ok('message:react', payload), await bob.ok('message:react', payload))
  await bob.ok('message:react', { messageId, emoji: '🎉', remove: true })
  await scene.fence(bob, room, ann)
  assert.equal(ann.got('message:reaction').length, 1)
})

chat("a user's other devices learn of it", async (scene) => {
  const [ann, tablet] = await scene.users('ann', 'ann')
  const room = await scene.create(ann, [tablet])
  const { id: messageId } = await ann.say(room, words())
  await ann.ok('message:react', { messageId, emoji: 'e\u0301' })
  assert.equal((await tablet.next('message:reaction')).emoji, 'e\u0301')
  await scene.fence(tablet, room, ann)
  assert.deepEqual(ann.got('message:reaction'), [])
})

chat('reactions at the same time are all kept', async (scene) => {
  const names = Array.from({ length: 20 }, (_, i) => `user-${i}`)
  const [ann, ...others] = await scene.users('ann', ...names)
  const room = await scene.create(ann, others)
  const { id: messageId } = await ann.say(room, words())
  await Promise.all(others.map((other) => other.ok('message:react', { messageId, emoji: '👍' })))
  const [{ reactions }] = await ann.history(room)
  assert.deepEqual([...reactions['👍']].sort(), [...names].sort())
})

chat('the kinds of reactions on one message are limited', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const { id: messageId } = await ann.say(room, words())
  let refused = null
  for (let n = 0; n < 1_000 && !refused; n += 1) {
    const ack = await ann.emit('message:react', { messageId, emoji: `:kind-${n}:` })
    if (!ack.ok) refused = ack.error
  }
  assert.ok(refused, 'a thousand kinds are too many')
  assert.match(refused.code, /^(CONFLICT|INVALID|TOO_LARGE|FORBIDDEN)$/)
})
