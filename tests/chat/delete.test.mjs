// `message:delete`: a tombstone stays, and nothing of what was said.

import assert from 'node:assert/strict'

import { assertRecent, chat, words } from '../common/harness.mjs'

chat('a deleted message leaves a tombstone everywhere', async (scene) => {
  const [ann, tablet, bob] = await scene.users('ann', 'ann', 'bob')
  const room = await scene.create(ann, [tablet, bob])
  const rich = { metadata: { a: 1 }, attachments: [{ url: 'a' }] }
  const sent = await ann.say(room, `@bob ${words('regret')}`, rich)
  await bob.ok('message:react', { messageId: sent.id, emoji: '👍' })
  const { message } = await ann.ok('message:delete', { messageId: sent.id })
  assert.equal(message.content, null)
  assertRecent(message.deletedAt)
  for (const gone of ['attachments', 'metadata', 'mentions', 'reactions']) assert.ok(!(gone in message), gone)
  assert.deepEqual([message.id, message.seq, message.senderId], [sent.id, 1, 'ann'])
  assert.deepEqual(await bob.next('message:deleted'), message)
  assert.deepEqual(await tablet.next('message:deleted'), message)
  assert.deepEqual(await bob.history(room), [message])
  await scene.fence(bob, room, ann)
  assert.deepEqual(ann.got('message:deleted'), [])
})

chat('deleting twice is the same as once', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const sent = await ann.say(room, words())
  const first = await ann.ok('message:delete', { messageId: sent.id })
  const second = await ann.ok('message:delete', { messageId: sent.id })
  assert.deepEqual(second.message, first.message)
  await scene.fence(ann, room, bob)
  assert.equal(bob.got('message:deleted').length, 1)
})

chat('moderators and the owner delete what others wrote; members do not', async (scene) => {
  const [ann, mod, bob, cyd] = await scene.users('ann', 'mod', 'bob', 'cyd')
  const room = await scene.create(ann, [mod, bob, cyd])
  await scene.role(ann, room, 'mod', { role: 'moderator' })
  const first = await bob.say(room, words())
  const second = await bob.say(room, words())
  await cyd.fails('FORBIDDEN', 'message:delete', { messageId: first.id })
  await mod.ok('message:delete', { messageId: first.id })
  await ann.ok('message:delete', { messageId: second.id })
  assert.ok((await bob.history(room)).every(({ content }) => content === null))
})

chat('the order keeps its numbers', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const sent = [await ann.say(room, words()), await ann.say(room, words()), await ann.say(room, words())]
  await ann.ok('message:delete', { messageId: sent[2].id })
  assert.equal((await ann.say(room, words())).seq, 4)
  const history = await ann.history(room)
  assert.deepEqual(history.map(({ seq, content }) => [seq, content === null]), [[1, false], [2, false], [3, true], [4, false]])
})

chat('a deleted message is not found by search and not reacted to', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const sent = await ann.say(room, words('xylophone'))
  assert.equal((await bob.ok('message:search', { query: 'xylophone' })).messages.length, 1)
  await ann.ok('message:delete', { messageId: sent.id })
  assert.deepEqual((await bob.ok('message:search', { query: 'xylophone' })).messages, [])
  await bob.fails('CONFLICT', 'message:react', { messageId: sent.id, emoji: '👍' })
})

chat('an unknown message is not found', async (scene) => {
  const ann = await scene.connect('ann')
  await ann.fails('NOT_FOUND', 'message:delete', { messageId: '01890000-0000-7000-8000-000000000000' })
})
