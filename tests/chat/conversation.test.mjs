// Conversations: made, changed, listed, followed, left and deleted.

import assert from 'node:assert/strict'

import { assertRecent, chat, pluck, range, words } from '../common/harness.mjs'

chat('a group is made by its owner for its members', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const { conversation } = await ann.ok('conversation:create', {
    type: 'group',
    title: 'Plans',
    members: ['bob', 'cyd'],
    metadata: { color: 'red' },
  })
  assertRecent(conversation.createdAt)
  const { id, type, title, ownerId, members, lastSeq, metadata, role } = conversation
  assert.deepEqual(
    { type, title, ownerId, members, lastSeq, metadata, role },
    { type: 'group', title: 'Plans', ownerId: 'ann', members: 3, lastSeq: 0, metadata: { color: 'red' }, role: 'owner' },
  )
  const told = await bob.nextIn('conversation:updated', id)
  assert.deepEqual([told.title, told.members], ['Plans', 3])
  assert.equal((await bob.ok('conversation:join', id)).conversation.role, 'member')
  const { members: list } = await ann.ok('conversation:members', { conversationId: id })
  assert.deepEqual(new Map(list.map(({ userId, role: of }) => [userId, of])), new Map([['ann', 'owner'], ['bob', 'member'], ['cyd', 'member']]))
})

chat('the creator may choose the id, once', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const { conversation } = await ann.ok('conversation:create', { id: 'Team ä/1', type: 'group' })
  assert.equal(conversation.id, 'Team ä/1')
  await bob.fails('CONFLICT', 'conversation:create', { id: 'Team ä/1', type: 'group' })
  await ann.fails('CONFLICT', 'conversation:create', { id: 'Team ä/1', type: 'channel' })
  await ann.ok('conversation:create', { id: 'team ä/1', type: 'group' })
})

chat('the creator and doubles among the members count once', async (scene) => {
  const ann = await scene.connect('ann')
  const { conversation } = await ann.ok('conversation:create', { type: 'group', members: ['bob', 'ann', 'bob'] })
  assert.equal(conversation.members, 2)
  assert.equal(conversation.role, 'owner')
})

chat('a direct conversation is one per pair', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const { conversation } = await ann.ok('conversation:create', { type: 'direct', members: ['bob'] })
  assert.deepEqual([conversation.type, conversation.members, conversation.role], ['direct', 2, 'member'])
  await bob.nextIn('conversation:updated', conversation.id)
  const sent = await ann.say(conversation.id, words())
  const again = await ann.ok('conversation:create', { type: 'direct', members: ['bob'] })
  const back = await bob.ok('conversation:create', { type: 'direct', members: ['ann'] })
  assert.deepEqual([again.conversation.id, back.conversation.id], [conversation.id, conversation.id])
  assert.deepEqual(await bob.history(conversation.id), [sent])
})

chat('the same pair at the same time is one conversation', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const made = await Promise.all(
    range(1, 10).map((n) => (n % 2 ? ann : bob).ok('conversation:create', { type: 'direct', members: [n % 2 ? 'bob' : 'ann'] })),
  )
  assert.equal(new Set(made.map(({ conversation }) => conversation.id)).size, 1)
})

chat('a direct conversation is between two', async (scene) => {
  const ann = await scene.connect('ann')
  for (const members of [[], ['ann'], ['bob', 'cyd'], undefined]) {
    const error = await ann.fails('INVALID', 'conversation:create', { type: 'direct', members })
    assert.match(error.message, /^members: expected /)
  }
})

chat('where only the API creates, users do not', { config: { conversations: { create: 'api' } } }, async (scene) => {
  const ann = await scene.connect('ann')
  for (const type of ['group', 'channel', 'direct']) {
    await ann.fails('FORBIDDEN', 'conversation:create', { type, members: ['bob'] })
  }
})

chat('as many members as allowed', { config: { conversations: { max_members: 3 } } }, async (scene) => {
  const ann = await scene.connect('ann')
  const refused = await ann.emit('conversation:create', { type: 'group', members: ['b', 'c', 'd'] })
  assert.match(refused.error.code, /^(CONFLICT|INVALID|TOO_LARGE|FORBIDDEN)$/)
  const room = await scene.create(ann, [], { members: ['b', 'c'] })
  const full = await ann.emit('member:add', { conversationId: room, userId: 'd' })
  assert.match(full.error.code, /^(CONFLICT|FORBIDDEN)$/)
  await ann.ok('member:remove', { conversationId: room, userId: 'b' })
  await ann.ok('member:add', { conversationId: room, userId: 'd' })
})

chat('an update reaches all followers', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob], { title: 'Old', metadata: { keep: 1 } })
  const changes = { title: 'New', settings: { post: 'moderators' } }
  const { conversation } = await ann.ok('conversation:update', { conversationId: room, ...changes })
  assert.deepEqual([conversation.title, conversation.metadata], ['New', { keep: 1 }])
  assert.equal(conversation.settings.post, 'moderators')
  const told = await bob.nextIn('conversation:updated', room, ({ title }) => title === 'New')
  assert.equal(told.settings.post, 'moderators')
  await bob.fails('FORBIDDEN', 'message:send', { conversationId: room, content: words() })
  await ann.ok('conversation:update', { conversationId: room, settings: { post: 'members' } })
  await bob.say(room, words())
})

chat('settings are the known ones, and each stays until changed', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const update = (settings) => ann.emit('conversation:update', { conversationId: room, settings })
  await update({ invite: 'members' })
  const { conversation } = await update({ post: 'moderators' })
  assert.deepEqual(conversation.settings, { post: 'moderators', invite: 'members' })
  for (const settings of [{ color: 'red' }, { post: 'nobody' }, { post: true }, { invite: 1 }]) {
    const { error } = await update(settings)
    assert.equal(error.code, 'INVALID', JSON.stringify(settings))
    const [key] = Object.keys(settings)
    assert.match(error.message, new RegExp(`^(settings\\.)?${key}: expected .`))
  }
})

chat('members invite where the settings say so', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await bob.fails('FORBIDDEN', 'member:add', { conversationId: room, userId: 'cyd' })
  await ann.ok('conversation:update', { conversationId: room, settings: { invite: 'members' } })
  await bob.ok('member:add', { conversationId: room, userId: 'cyd' })
  await bob.fails('FORBIDDEN', 'member:add', { conversationId: room, userId: 'dan', role: 'moderator' })
})

chat('the list has the latest activity first, with what is unread', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const rooms = []
  for (let n = 0; n < 3; n += 1) rooms.push(await scene.create(ann, [bob]))
  await ann.say(rooms[2], words())
  await ann.say(rooms[0], words())
  const last = await ann.say(rooms[0], words())
  const { conversations, cursor } = await bob.ok('conversation:list', {})
  assert.equal(cursor, null)
  assert.deepEqual(pluck(conversations, 'id'), [rooms[0], rooms[2], rooms[1]])
  assert.deepEqual(pluck(conversations, 'unread'), [2, 1, 0])
  assert.deepEqual(conversations[0].lastMessage, last)
  assert.ok(!('lastMessage' in conversations[2]))
})

chat('the list pages without repeating or leaving out', async (scene) => {
  const ann = await scene.connect('ann')
  const rooms = []
  for (let n = 0; n < 23; n += 1) rooms.push(await scene.create(ann))
  const met = []
  let cursor
  do {
    const page = await ann.ok('conversation:list', { limit: 5, cursor })
    assert.ok(page.conversations.length <= 5)
    met.push(...pluck(page.conversations, 'id'))
    cursor = page.cursor ?? undefined
  } while (cursor)
  assert.deepEqual(met, [...rooms].reverse())
})

chat('the members page too', async (scene) => {
  const ann = await scene.connect('ann')
  const names = range(1, 57).map((n) => `user-${String(n).padStart(3, '0')}`)
  const room = await scene.create(ann, [], { members: names })
  const met = []
  let cursor
  do {
    const page = await ann.ok('conversation:members', { conversationId: room, limit: 10, cursor })
    assert.ok(page.members.length <= 10)
    met.push(...pluck(page.members, 'userId'))
    cursor = page.cursor ?? undefined
  } while (cursor)
  assert.deepEqual([...met].sort(), ['ann', ...names].sort())
})

chat('a device leaves, the user stays a member', async (scene) => {
  const [ann, phone, tablet] = await scene.users('ann', 'bob', 'bob')
  const room = await scene.create(ann, [phone, tablet])
  await phone.ok('conversation:leave', room)
  await ann.say(room, words('unheard'))
  const { lastSeq, unread, conversation } = await phone.ok('conversation:join', { conversationId: room })
  assert.deepEqual([lastSeq, unread, conversation.id], [1, 1, room])
  await scene.fence(ann, room, phone, tablet)
  assert.deepEqual(pluck(phone.got('message:new'), 'seq'), [2])
  assert.deepEqual(pluck(tablet.got('message:new'), 'seq'), [1, 2])
})

chat('a device that left may still write', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await bob.ok('conversation:leave', { conversationId: room })
  const sent = await bob.say(room, words())
  assert.deepEqual(await ann.next('message:new'), sent)
})

chat('joining takes the bare id or an object', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  assert.deepEqual(await ann.ok('conversation:join', room), await ann.ok('conversation:join', { conversationId: room }))
  assert.deepEqual(await ann.ok('conversation:leave', room), { ok: true })
  assert.deepEqual(await ann.ok('conversation:leave', room), { ok: true }, 'leaving twice is fine')
})

chat('without auto_join a device follows what it joins', { config: { conversations: { auto_join: false } } }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const rooms = []
  for (let n = 0; n < 2; n += 1) rooms.push((await ann.ok('conversation:create', { type: 'group', members: ['bob'] })).conversation.id)
  await bob.ok('conversation:join', rooms[1])
  await ann.say(rooms[0], words())
  await scene.fence(ann, rooms[1], bob)
  assert.deepEqual(pluck(bob.got('message:new'), 'conversationId'), [rooms[1]])
})

chat('a later device follows everything at once', async (scene) => {
  const ann = await scene.connect('ann')
  const rooms = []
  for (let n = 0; n < 30; n += 1) rooms.push((await ann.ok('conversation:create', { type: 'group', members: ['bob'] })).conversation.id)
  const bob = await scene.connect('bob')
  for (const room of rooms) await ann.say(room, words())
  for (const room of rooms) await bob.nextIn('message:new', room)
})

chat('a deleted conversation is gone for all', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const sent = await ann.say(room, words('gone'))
  await ann.ok('conversation:delete', { conversationId: room })
  assert.deepEqual(await bob.next('conversation:deleted'), { conversationId: room })
  for (const user of [ann, bob]) {
    await user.fails('NOT_FOUND', 'message:send', { conversationId: room, content: words() })
    await user.fails('NOT_FOUND', 'message:history', { conversationId: room })
    await user.fails('NOT_FOUND', 'conversation:join', room)
    await user.fails('NOT_FOUND', 'message:edit', { messageId: sent.id, content: words() })
    assert.deepEqual((await user.ok('conversation:list', {})).conversations, [])
    assert.deepEqual((await user.ok('message:search', { query: 'gone' })).messages, [])
  }
  await ann.fails('NOT_FOUND', 'conversation:delete', { conversationId: room })
})

chat('anyone joins a channel and is a member then', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const { conversation } = await ann.ok('conversation:create', { type: 'channel', id: 'news', title: 'News' })
  await ann.say('news', words())
  await bob.fails('FORBIDDEN', 'message:history', { conversationId: 'news' })
  await bob.fails('FORBIDDEN', 'message:send', { conversationId: 'news', content: words() })
  const joined = await bob.ok('conversation:join', 'news')
  assert.deepEqual([joined.conversation.role, joined.lastSeq, joined.conversation.members], ['member', 1, conversation.members + 1])
  assert.equal((await bob.history('news')).length, 1)
  const sent = await bob.say('news', words())
  assert.deepEqual(await ann.next('message:new'), sent)
  assert.deepEqual(pluck((await bob.ok('conversation:list', {})).conversations, 'id'), ['news'])
})

chat('open access: a conversation is made by whoever joins first', { config: { conversations: { access: 'open' } } }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const first = await ann.ok('conversation:join', 'lobby')
  assert.deepEqual([first.conversation.type, first.conversation.ownerId, first.conversation.role], ['group', 'ann', 'owner'])
  const second = await bob.ok('conversation:join', 'lobby')
  assert.deepEqual([second.conversation.role, second.conversation.members], ['member', 2])
  const sent = await bob.say('lobby', words())
  assert.deepEqual(await ann.next('message:new'), sent)
  await bob.fails('NOT_FOUND', 'message:history', { conversationId: 'nobody joined this' })
})

chat('open access: joins at the same time make one conversation', { config: { conversations: { access: 'open' } } }, async (scene) => {
  const clients = await scene.users(...range(1, 20).map((n) => `user-${n}`))
  const joined = await Promise.all(clients.map((client) => client.ok('conversation:join', 'lobby')))
  assert.equal(joined.filter(({ conversation }) => conversation.role === 'owner').length, 1)
  const { members } = await clients[0].ok('conversation:members', { conversationId: 'lobby' })
  assert.equal(members.length, 20)
})

chat('open access does not open a direct conversation', { config: { conversations: { access: 'open' } } }, async (scene) => {
  const [ann, eve] = await scene.users('ann', 'eve')
  const { conversation } = await ann.ok('conversation:create', { type: 'direct', members: ['bob'] })
  await eve.fails('NOT_FOUND', 'conversation:join', conversation.id)
})

chat('only what may be seen is told of a conversation', async (scene) => {
  const [ann, eve] = await scene.users('ann', 'eve')
  const room = await scene.create(ann)
  for (const event of ['conversation:join', 'conversation:members', 'conversation:delete']) {
    const real = await eve.fails('NOT_FOUND', event, { conversationId: room })
    const invented = await eve.fails('NOT_FOUND', event, { conversationId: 'invented' })
    assert.deepEqual(real, invented, 'the two cannot be told apart')
  }
})
