import assert from 'node:assert/strict'

import { chat, pluck, words } from '../common/harness.mjs'

chat('conversations are made, looked at and deleted', async (scene) => {
  const { operator } = scene
  const [ann, bob] = await scene.users('ann', 'bob')
  const made = await operator.json('conversation', 'create', '--id', 'lunch', '--owner', 'ann', '--member', 'bob', '--title', 'Lunch')
  assert.deepEqual([made.id, made.type, made.ownerId, made.members], ['lunch', 'group', 'ann', 2])
  await bob.nextIn('conversation:updated', 'lunch')
  await ann.nextIn('conversation:updated', 'lunch')
  await ann.say('lunch', words())
  assert.match(await operator.fails(1, 'conversation', 'create', '--id', 'lunch', '--owner', 'ann'), /exists/)
  const list = await operator.json('conversation', 'list', '--user', 'bob')
  assert.deepEqual(pluck(list.conversations, 'id'), ['lunch'])
  assert.deepEqual((await operator.json('conversation', 'list', '--type', 'channel')).conversations, [])
  const shown = await operator.json('conversation', 'show', 'lunch')
  assert.deepEqual([shown.followers, shown.usersHere, shown.conversation.lastSeq], [2, 2, 1])
  assert.match(await operator.ok('conversation', 'show', 'lunch'), /members +2, 2 of them connected/)
  assert.match(await operator.fails(5, 'conversation', 'show', 'lunc'), /did you mean "lunch"\?/)

  const refused = await operator.fails(2, 'conversation', 'delete', 'lunch')
  assert.match(refused, /^error: to delete lunch with 1 message of 2 members needs a yes\n {2}→ --yes/)
  assert.deepEqual(await operator.json('conversation', 'rm', 'lunch', '--yes'), { id: 'lunch', messages: 1 })
  await bob.next('conversation:deleted', ({ conversationId }) => conversationId === 'lunch')
  await ann.fails('NOT_FOUND', 'message:history', { conversationId: 'lunch' })
})

chat('the server speaks, and what was said is read and searched without being in', async (scene) => {
  const { operator, daemon } = scene
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const word = `zebra${Date.now()}`
  const said = await ann.say(room, `a ${word} came by`)
  const sent = await operator.json('conversation', 'send', room, 'the server speaks')
  assert.deepEqual([sent.type, sent.senderId, sent.seq], ['system', 'chatd', 2])
  const heard = await bob.next('message:new', ({ type }) => type === 'system')
  assert.equal(heard.content, 'the server speaks')
  daemon.confidential.add('the server speaks')
  const history = await operator.json('conversation', 'history', room)
  assert.deepEqual(pluck(history.messages, 'id'), [said.id, sent.id])
  assert.deepEqual((await operator.json('conversation', 'history', room, '--after', '1')).messages.length, 1)
  assert.match(await operator.ok('conversation', 'history', room), new RegExp(` 1 {2}20.*Z {2}ann: a ${word} came by\n`))
  assert.deepEqual(pluck((await operator.json('message', 'search', word)).messages, 'id'), [said.id])
  assert.match(await operator.fails(5, 'message', 'search', 'nowhere'), /no message has all of these words/)
  assert.equal((await operator.json('message', 'show', said.id)).senderId, 'ann')
})

chat('an operator\'s tombstone', async (scene) => {
  const { operator } = scene
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const { id } = await ann.say(room, words())
  await operator.fails(2, 'message', 'delete', id)
  const gone = await operator.json('message', 'delete', id, '--yes')
  assert.equal(gone.content, null)
  assert.equal((await bob.next('message:deleted')).id, id)
  assert.equal((await ann.next('message:deleted')).id, id)
  assert.match(await operator.fails(5, 'message', 'show', '0192f0c1-2345-7abc-8def-0123456789ab'), /no message/)
  assert.match(await operator.fails(2, 'message', 'show', 'what'), /expected an id/)
})

chat('text that would steer a terminal does not', async (scene) => {
  const { operator } = scene
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.say(room, 'red \u001b[31malert\u001b[0m\n\u202eback')
  const text = await operator.ok('conversation', 'history', room)
  assert.ok(!/[\u001b\u202e]/.test(text), JSON.stringify(text))
})
