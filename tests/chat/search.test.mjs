// `message:search`: full text over what the user may read.

import assert from 'node:assert/strict'

import { chat, pluck, words } from '../common/harness.mjs'

const found = async (client, query, more = {}) => pluck((await client.ok('message:search', { query, ...more })).messages, 'id')

chat('words are found in all conversations of the user', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const [one, two] = [await scene.create(ann, [bob]), await scene.create(bob, [ann])]
  const a = await ann.say(one, 'The Quick brown fox, over Zürich')
  const b = await bob.say(two, 'a quick lunch')
  await ann.say(one, 'nothing of it')
  assert.deepEqual(new Set(await found(bob, 'quick')), new Set([a.id, b.id]))
  assert.deepEqual(await found(bob, 'quick', { conversationId: one }), [a.id])
  assert.deepEqual(await found(bob, 'quick fox'), [a.id])
  assert.deepEqual(await found(bob, 'zürich'), [a.id])
  assert.deepEqual(await found(bob, 'elephant'), [])
})

chat('only where the user may read', async (scene) => {
  const [ann, eve] = await scene.users('ann', 'eve')
  const room = await scene.create(ann)
  await ann.say(room, 'a treasure under the oak')
  assert.deepEqual(await found(eve, 'treasure'), [])
  await eve.fails('NOT_FOUND', 'message:search', { query: 'treasure', conversationId: room })
  await ann.ok('member:add', { conversationId: room, userId: 'eve' })
  assert.equal((await found(eve, 'treasure')).length, 1)
  await ann.ok('member:update', { conversationId: room, userId: 'eve', bannedUntil: '2999-01-01T00:00:00.000Z' })
  assert.deepEqual(await found(eve, 'treasure'), [])
  await ann.ok('member:remove', { conversationId: room, userId: 'eve' })
  assert.deepEqual(await found(eve, 'treasure'), [])
})

chat('what a user types is text to look for, never a query language', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const sent = await ann.say(room, 'salt AND pepper')
  for (const query of ['"', '""', '(', ')', '*', 'a*', 'NEAR(', 'content:salt', 'salt OR', 'NOT', '- ', '^salt', "'", '\\', '%', '👍', 'salt"pepper', '{salt}:', ':', '+']) {
    const ack = await ann.emit('message:search', { query })
    assert.ok(ack.ok || ack.error.code === 'INVALID', `${query} -> ${JSON.stringify(ack)}`)
  }
  assert.deepEqual(await found(ann, 'salt AND pepper'), [sent.id])
  assert.deepEqual(await found(ann, 'pepper salt'), [sent.id])
})

chat('pages meet every hit once', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const sent = []
  for (let n = 0; n < 25; n += 1) sent.push((await ann.say(room, `needle ${words()}`)).id)
  const met = []
  let cursor
  do {
    const page = await ann.ok('message:search', { query: 'needle', limit: 10, cursor })
    assert.ok(page.messages.length <= 10)
    met.push(...pluck(page.messages, 'id'))
    cursor = page.cursor ?? undefined
    // What is said while paging must not shift the pages.
    if (cursor) await ann.say(room, `needle ${words('late')}`)
  } while (cursor)
  assert.equal(new Set(met).size, met.length)
  for (const id of sent) assert.ok(met.includes(id))
})

chat('an edited message is found by its new words only', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const sent = await ann.say(room, 'walrus')
  await ann.ok('message:edit', { messageId: sent.id, content: 'narwhal' })
  assert.deepEqual(await found(ann, 'walrus'), [])
  assert.deepEqual(await found(ann, 'narwhal'), [sent.id])
})

chat('the index follows what is stored, edited and deleted, before and behind a search', async (scene) => {
  const ann = await scene.connect('ann')
  const [room, gone] = [await scene.create(ann), await scene.create(ann)]
  const first = await ann.say(room, 'apricot one')
  assert.deepEqual(await found(ann, 'apricot'), [first.id])
  // These are in the index now, and these are not yet.
  for (const messageId of [first.id, (await ann.say(room, 'apricot two')).id]) {
    await ann.ok('message:edit', { messageId, content: 'banana' })
    await ann.ok('message:edit', { messageId, content: 'cherry' })
  }
  const last = await ann.say(gone, 'cherry three')
  assert.deepEqual(await found(ann, 'apricot'), [])
  assert.deepEqual(await found(ann, 'banana'), [])
  assert.equal((await found(ann, 'cherry')).length, 3)
  await ann.ok('message:delete', { messageId: first.id })
  assert.equal((await found(ann, 'cherry')).length, 2)
  // The newest rows go, and the next ones take their keys.
  await ann.ok('conversation:delete', { conversationId: gone })
  assert.equal((await found(ann, 'cherry')).length, 1)
  const next = await ann.say(room, 'damson')
  assert.deepEqual(await found(ann, 'damson'), [next.id])
  assert.ok(!(await found(ann, 'cherry three')).includes(last.id))
})

chat('what was not in the index when the daemon was killed is found afterwards', { comesBack: true }, async (scene) => {
  let ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const sent = []
  for (let n = 0; n < 20; n += 1) sent.push((await ann.say(room, `pear ${n}`)).id)
  await scene.daemon.crash()
  await scene.daemon.start()
  ann = await scene.connect('ann')
  assert.deepEqual(new Set(await found(ann, 'pear')), new Set(sent))
})

chat('a broken cursor is named', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  for (const [event, more] of [['message:search', { query: 'x' }], ['conversation:list', {}], ['conversation:members', { conversationId: room }], ['notification:list', {}]]) {
    const error = await ann.fails('INVALID', event, { ...more, cursor: 'no cursor of yours' })
    assert.match(error.message, /^cursor: expected /, event)
  }
})

chat('control characters stand between words', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const sent = await ann.say(room, words('alpha beta'))
  const { messages } = await ann.ok('message:search', { query: 'alpha\u0000beta' })
  assert.deepEqual(messages.map(({ id }) => id), [sent.id])
})
