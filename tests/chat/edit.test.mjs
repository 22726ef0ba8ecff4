// `message:edit`: by the sender, while the window is open.

import assert from 'node:assert/strict'

import { assertRecent, chat, pause, words } from '../common/harness.mjs'

chat('an edit reaches all other devices and the history', async (scene) => {
  const [ann, tablet, bob] = await scene.users('ann', 'ann', 'bob')
  const room = await scene.create(ann, [tablet, bob])
  const sent = await ann.say(room, words('before'), { metadata: { a: 1 }, clientId: 'c' })
  const content = words('after')
  const { message } = await ann.ok('message:edit', { messageId: sent.id, content })
  assertRecent(message.editedAt)
  assert.deepEqual(message, { ...sent, content, editedAt: message.editedAt })
  assert.deepEqual(await bob.next('message:updated'), message)
  assert.deepEqual(await tablet.next('message:updated'), message)
  assert.deepEqual(await bob.history(room), [message])
  await scene.fence(bob, room, ann)
  assert.deepEqual(ann.got('message:updated'), [], 'the acknowledgement is enough for the one who edits')
})

chat('an edit does not move a message nor count as unread', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const first = await ann.say(room, words())
  const second = await ann.say(room, words())
  await bob.ok('message:read', { messageId: second.id })
  const { message } = await ann.ok('message:edit', { messageId: first.id, content: words('edited') })
  assert.equal(message.seq, first.seq)
  const { unread, lastSeq } = await bob.ok('conversation:join', room)
  assert.deepEqual({ unread, lastSeq }, { unread: 0, lastSeq: 2 })
})

chat('only the sender edits', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const sent = await bob.say(room, words())
  await ann.fails('FORBIDDEN', 'message:edit', { messageId: sent.id, content: words() })
  assert.deepEqual(await ann.history(room), [sent])
})

chat('the window closes', { config: { messages: { edit_window: '1s' } } }, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const sent = await ann.say(room, words())
  await ann.ok('message:edit', { messageId: sent.id, content: words('in time') })
  await pause(Math.max(0, Date.parse(sent.timestamp) + 1_050 - Date.now()))
  await ann.fails('FORBIDDEN', 'message:edit', { messageId: sent.id, content: words('too late') })
})

chat('an edit is held to the limits of a message', { config: { messages: { max_content: '100' } } }, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const sent = await ann.say(room, words())
  await ann.fails('TOO_LARGE', 'message:edit', { messageId: sent.id, content: 'x'.repeat(101) })
  await ann.fails('INVALID', 'message:edit', { messageId: sent.id, content: '' })
})

chat('what is deleted or unknown is not edited', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const sent = await ann.say(room, words())
  await ann.ok('message:delete', { messageId: sent.id })
  await ann.fails('CONFLICT', 'message:edit', { messageId: sent.id, content: words() })
  await ann.fails('NOT_FOUND', 'message:edit', { messageId: '01890000-0000-7000-8000-000000000000', content: words() })
})

chat('mentions follow the edited text', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const sent = await ann.say(room, words('nobody'))
  const { message } = await ann.ok('message:edit', { messageId: sent.id, content: `@bob ${words()}` })
  assert.deepEqual(message.mentions, ['bob'])
})

chat('edits at the same time leave one of them, the same for all', async (scene) => {
  const [ann, tablet, bob] = await scene.users('ann', 'ann', 'bob')
  const room = await scene.create(ann, [tablet, bob])
  const sent = await ann.say(room, words())
  const edits = Array.from({ length: 20 }, (_, i) =>
    (i % 2 ? ann : tablet).ok('message:edit', { messageId: sent.id, content: words(`edit ${i}`) }),
  )
  await Promise.all(edits)
  await scene.fence(ann, room, bob)
  const [stored] = await bob.history(room)
  const updates = bob.got('message:updated')
  assert.equal(updates.length, 20)
  assert.equal(updates.at(-1).content, stored.content)
})
