// Conversations, members and messages over the API.

import assert from 'node:assert/strict'

import { API, Api } from '../common/api.mjs'
import { chat, pluck } from '../common/harness.mjs'
import { merge } from '../common/toml.mjs'

chat('conversations are created, changed, listed and deleted, and their members hear of it', {
  config: merge(API, { conversations: { create: 'api' } }),
}, async (scene) => {
  const api = new Api(scene.daemon)
  const [ann, bob] = await scene.users('ann', 'bob')
  await ann.fails('FORBIDDEN', 'conversation:create', { type: 'group' })
  const { conversation } = await api.ok('POST', '/conversations', { ownerId: 'ann', type: 'group', id: 'team', title: 'Team', members: ['bob'], metadata: { a: 1 } })
  assert.deepEqual([conversation.id, conversation.ownerId, conversation.members, conversation.metadata], ['team', 'ann', 2, { a: 1 }])
  for (const user of [ann, bob]) assert.equal((await user.nextIn('conversation:updated', 'team')).title, 'Team')
  await api.fails(409, 'CONFLICT', 'POST', '/conversations', { ownerId: 'ann', type: 'group', id: 'team' })
  await api.fails(400, 'INVALID', 'POST', '/conversations', { type: 'group' })
  await api.fails(400, 'INVALID', 'POST', '/conversations', { ownerId: 'ann', type: 'club' })
  const direct = { ownerId: 'ann', type: 'direct', members: ['bob'] }
  const one = (await api.ok('POST', '/conversations', direct)).conversation
  assert.equal((await api.ok('POST', '/conversations', direct)).conversation.id, one.id, 'a pair has one')

  const changed = await api.ok('PATCH', '/conversations/team', { title: 'Crew', metadata: null, settings: { post: 'moderators' } })
  assert.deepEqual([changed.conversation.title, changed.conversation.metadata, changed.conversation.settings.post], ['Crew', undefined, 'moderators'])
  assert.equal((await bob.nextIn('conversation:updated', 'team', ({ title }) => title === 'Crew')).settings.post, 'moderators')
  assert.deepEqual((await api.ok('GET', '/conversations/team')).conversation, changed.conversation)
  await api.fails(409, 'CONFLICT', 'PATCH', `/conversations/${one.id}`, { title: 'x' })
  await api.ok('POST', '/conversations', { ownerId: 'ann', type: 'channel', id: 'news' })
  assert.deepEqual(pluck((await api.ok('GET', '/conversations?type=group')).conversations, 'id'), ['team'])
  assert.deepEqual(pluck((await api.ok('GET', '/conversations?prefix=ne')).conversations, 'id'), ['news'])
  assert.deepEqual(pluck((await api.ok('GET', '/conversations?member=bob')).conversations, 'id').sort(), [one.id, 'team'].sort())
  const own = await api.ok('GET', '/users/bob/conversations')
  assert.deepEqual(pluck(own.conversations, 'role'), ['member', 'member'])
  await api.ok('DELETE', '/conversations/team')
  assert.equal((await bob.next('conversation:deleted')).conversationId, 'team')
  await api.fails(404, 'NOT_FOUND', 'GET', '/conversations/team')
  await api.fails(404, 'NOT_FOUND', 'DELETE', '/conversations/team')
})

chat('members come and go by the hundred, all or none', { config: merge(API, { conversations: { max_members: 300 } }) }, async (scene) => {
  const api = new Api(scene.daemon)
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const users = Array.from({ length: 250 }, (_, n) => `user${String(n).padStart(3, '0')}`)
  const members = users.map((userId) => ({ userId, role: 'reader' }))
  const added = await api.ok('POST', `/conversations/${room}/members`, { members })
  assert.deepEqual([added.members.length, added.members[0].role], [250, 'reader'])
  assert.equal((await api.ok('POST', `/conversations/${room}/members`, { members: [{ userId: users[0] }] })).members[0].role, 'reader', 'who is in stays as they are')
  await api.fails(409, 'CONFLICT', 'POST', `/conversations/${room}/members`, { members: users.map((user) => ({ userId: `x${user}` })) })
  const seen = []
  let cursor
  do {
    const page = await api.ok('GET', `/conversations/${room}/members?limit=100${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`)
    seen.push(...pluck(page.members, 'userId'))
    cursor = page.cursor
  } while (cursor)
  assert.deepEqual(seen, ['ann', ...users], 'none of the others')

  const path = `/conversations/${room}/members/user000`
  assert.equal((await api.ok('PATCH', path, { role: 'moderator' })).member.role, 'moderator')
  assert.equal((await api.ok('PATCH', path, { role: 'owner' })).member.role, 'owner')
  assert.equal((await api.ok('GET', `/conversations/${room}`)).conversation.ownerId, 'user000')
  const roles = Object.fromEntries((await api.ok('GET', `/conversations/${room}/members?limit=2`)).members.map((one) => [one.userId, one.role]))
  assert.deepEqual(roles, { ann: 'moderator', user000: 'owner' })
  await api.fails(409, 'CONFLICT', 'PATCH', path, { role: 'member' })
  await api.fails(409, 'CONFLICT', 'PATCH', path, { bannedUntil: '2100-01-01T00:00:00.000Z' })
  await api.fails(404, 'NOT_FOUND', 'PATCH', `/conversations/${room}/members/nobody`, { role: 'member' })
  assert.deepEqual(await api.ok('POST', `/conversations/${room}/members/remove`, { userIds: [...users, 'nobody'] }), { removed: 250 })
  assert.equal((await api.ok('GET', `/conversations/${room}`)).conversation.ownerId, 'ann', 'the next in line')
  await api.fails(404, 'NOT_FOUND', 'DELETE', path)
  await api.ok('DELETE', `/conversations/${room}/members/ann`)
  assert.equal((await ann.next('conversation:deleted')).conversationId, room)
  for (const wrong of [{}, { members: [] }, { members: [{}] }, { members: [{ userId: 'x', role: 'owner' }] }, { members: [{ userId: 'x', rank: 1 }] }, { members: 'x' },
    { members: Array.from({ length: 1_001 }, (_, n) => ({ userId: `${n}` })) }]) {
    await api.fails(400, 'INVALID', 'POST', `/conversations/${room}/members`, wrong)
  }
})

chat('messages are sent as a user and as the server, read over, changed, deleted and found', { config: API }, async (scene) => {
  const api = new Api(scene.daemon)
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const path = `/conversations/${room}/messages`
  const payload = { senderId: 'ann', content: 'hello @bob', clientId: 'c1', metadata: { a: 1 }, attachments: [{ url: 'x' }] }
  const sent = await api.request('POST', path, payload)
  assert.equal(sent.status, 201)
  const { message } = sent.body
  assert.deepEqual([message.senderId, message.seq, message.mentions, message.metadata, message.attachments], ['ann', 1, ['bob'], { a: 1 }, [{ url: 'x' }]])
  for (const user of [ann, bob]) assert.deepEqual(await user.next('message:new'), message, 'all devices, the sender’s as well')
  const again = await api.request('POST', path, payload)
  assert.deepEqual([again.status, again.body.duplicate, again.body.message.id], [200, true, message.id])

  const { message: spoken } = await api.ok('POST', path, { content: 'maintenance at ten', clientId: 's1' })
  assert.deepEqual([spoken.senderId, spoken.type, spoken.seq], ['chatd', 'system', 2])
  assert.equal((await api.ok('POST', path, { content: 'maintenance at ten', clientId: 's1' })).duplicate, true)
  assert.equal((await api.ok('POST', path, { content: 'a picture', type: 'image', replyTo: message.id })).message.type, 'image')

  assert.deepEqual((await api.ok('PATCH', `/messages/${message.id}`, { userId: 'ann', content: 'hi' })).message.content, 'hi')
  await api.fails(403, 'FORBIDDEN', 'PATCH', `/messages/${message.id}`, { userId: 'bob', content: 'mine' })
  assert.equal((await api.ok('PATCH', `/messages/${spoken.id}`, { content: 'at @bob’s' })).message.content, 'at @bob’s')
  assert.equal((await bob.next('message:updated', ({ id }) => id === spoken.id)).content, 'at @bob’s')
  assert.deepEqual(await api.ok('POST', `/messages/${message.id}/reactions`, { userId: 'bob', emoji: '👍' }), { reactions: { '👍': ['bob'] } })
  assert.deepEqual(await api.ok('POST', `/messages/${message.id}/reactions`, { userId: 'bob', emoji: '👍', remove: true }), { reactions: {} })
  assert.deepEqual(await api.ok('POST', `/messages/${spoken.id}/read`, { userId: 'bob' }), { seq: 2, unread: 1 })
  await api.fails(403, 'FORBIDDEN', 'DELETE', `/messages/${message.id}?userId=bob`)
  assert.ok((await api.ok('DELETE', `/messages/${message.id}`)).message.deletedAt)
  await api.fails(409, 'CONFLICT', 'PATCH', `/messages/${message.id}`, { content: 'x' })
  assert.equal((await api.ok('GET', `/messages/${message.id}`)).message.content, null)
  await api.fails(404, 'NOT_FOUND', 'GET', '/messages/nonsense')
  await api.fails(404, 'NOT_FOUND', 'GET', '/messages/0190b8a0-0000-7000-8000-000000000000')

  const { messages, hasMore } = await api.ok('GET', `${path}?after=1&limit=1`)
  assert.deepEqual([pluck(messages, 'seq'), hasMore], [[2], true])
  assert.deepEqual(pluck((await api.ok('GET', `${path}?before=3`)).messages, 'seq'), [1, 2])
  assert.deepEqual(pluck((await api.ok('GET', '/search?query=picture')).messages, 'content'), ['a picture'])
  assert.deepEqual((await api.ok('GET', '/search?query=picture&userId=cid')).messages, [], 'where cid may read')
  await api.fails(400, 'INVALID', 'GET', '/search?query=%20')
  await api.fails(400, 'INVALID', 'GET', `${path}?after=-1`)
  await api.fails(400, 'INVALID', 'POST', path, { senderId: 'ann' })
  await api.fails(400, 'INVALID', 'POST', path, { senderId: 'ann', content: 'x', type: 'system' })
  await api.fails(413, 'TOO_LARGE', 'POST', path, { senderId: 'ann', content: 'x'.repeat(65 * 1024) })
  await api.fails(404, 'NOT_FOUND', 'POST', path, { senderId: 'eve', content: 'x' })
  await api.fails(404, 'NOT_FOUND', 'POST', '/conversations/nowhere/messages', { content: 'x' })
})

chat('what waits for a moderator is let through or not', {
  config: API,
  plugins: { careful: 'fn on_message(m) { if m.content.contains("?") { return hold("a question"); } }' },
}, async (scene) => {
  const api = new Api(scene.daemon)
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const { message } = await ann.ok('message:send', { conversationId: room, content: 'why?' })
  const second = (await ann.ok('message:send', { conversationId: room, content: 'when?' })).message
  const { held, waiting } = await api.ok('GET', '/held')
  assert.deepEqual([waiting, held[0].message.id, held[0].plugin, held[0].reason], [2, message.id, 'careful', 'a question'])
  assert.equal((await api.ok('POST', `/held/${message.id}/approve`)).message.seq, 1)
  assert.equal((await bob.next('message:new')).content, 'why?')
  assert.ok((await api.ok('POST', `/held/${second.id}/reject`, { reason: 'no' })).message.deletedAt)
  await api.fails(404, 'NOT_FOUND', 'POST', `/held/${second.id}/approve`)
  assert.deepEqual((await api.ok('GET', '/held')).held, [])
})

chat('figures of the service', { config: API }, async (scene) => {
  const api = new Api(scene.daemon)
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.say(room, 'one')
  const stats = await api.ok('GET', '/stats')
  assert.deepEqual([stats.connections, stats.usersOnline, stats.conversations, stats.totals.messages], [{ total: 1, websocket: 1, polling: 0 }, 1, 1, 1])
  assert.equal(stats.store.writable, true)
})
