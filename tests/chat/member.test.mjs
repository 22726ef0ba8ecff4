// Members: added, removed, raised and lowered, muted and banned.

import assert from 'node:assert/strict'

import { chat, pause, pluck, words } from '../common/harness.mjs'

const FAR = '2999-01-01T00:00:00.000Z'
const soon = (ms) => new Date(Date.now() + ms).toISOString()

chat('who is added follows at once on every device', async (scene) => {
  const [ann, phone, tablet] = await scene.users('ann', 'bob', 'bob')
  const room = await scene.create(ann, [], { title: 'Late' })
  const { member } = await ann.ok('member:add', { conversationId: room, userId: 'bob' })
  assert.deepEqual([member.userId, member.role], ['bob', 'member'])
  for (const device of [phone, tablet]) assert.equal((await device.nextIn('conversation:updated', room)).title, 'Late')
  const sent = await ann.say(room, words())
  for (const device of [phone, tablet]) assert.deepEqual(await device.next('message:new'), sent)
})

chat('adding somebody who is in already', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const ack = await ann.emit('member:add', { conversationId: room, userId: 'bob', role: 'reader' })
  assert.ok(ack.ok ? ack.member.role === 'member' : ack.error.code === 'CONFLICT', JSON.stringify(ack))
})

chat('who is removed hears nothing any more', async (scene) => {
  const [ann, phone, tablet, cyd] = await scene.users('ann', 'bob', 'bob', 'cyd')
  const room = await scene.create(ann, [phone, tablet, cyd])
  const other = await scene.create(ann, [phone, tablet])
  const { member } = await ann.ok('member:remove', { conversationId: room, userId: 'bob' })
  assert.equal(member.userId, 'bob')
  for (const device of [phone, tablet]) assert.deepEqual(await device.next('conversation:deleted'), { conversationId: room })
  assert.equal((await cyd.nextIn('conversation:updated', room, ({ members }) => members === 2)).members, 2)
  await ann.say(room, words('without bob'))
  await scene.fence(ann, other, phone, tablet)
  for (const device of [phone, tablet]) assert.deepEqual(device.got('message:new', ({ conversationId }) => conversationId === room), [])
  await phone.fails('NOT_FOUND', 'message:send', { conversationId: room, content: words() })
  assert.deepEqual(pluck((await phone.ok('conversation:list', {})).conversations, 'id'), [other])
})

chat('a member removes itself', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await bob.ok('member:remove', { conversationId: room, userId: 'bob' })
  await bob.fails('NOT_FOUND', 'message:history', { conversationId: room })
  assert.equal((await ann.ok('conversation:join', room)).conversation.members, 1)
})

chat('when the owner goes, the longest-standing moderator follows, else a member', async (scene) => {
  const [ann, bob, cyd] = await scene.users('ann', 'bob', 'cyd')
  const room = await scene.create(ann, [bob, cyd])
  await scene.role(ann, room, 'cyd', { role: 'moderator' })
  await ann.ok('member:remove', { conversationId: room, userId: 'ann' })
  const after = await bob.nextIn('conversation:updated', room, ({ ownerId }) => ownerId === 'cyd')
  assert.equal(after.members, 2)
  await cyd.ok('member:remove', { conversationId: room, userId: 'cyd' })
  await bob.nextIn('conversation:updated', room, ({ ownerId }) => ownerId === 'bob')
  await bob.ok('conversation:delete', { conversationId: room })
})

chat('the last one to go leaves nothing that breaks', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.ok('member:remove', { conversationId: room, userId: 'ann' })
  await ann.fails('NOT_FOUND', 'conversation:join', room)
  assert.deepEqual((await ann.ok('conversation:list', {})).conversations, [])
})

chat('ownership changes hands', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  assert.equal((await scene.role(ann, room, 'bob', { role: 'owner' })).role, 'owner')
  const { conversation } = await ann.ok('conversation:join', room)
  assert.deepEqual([conversation.ownerId, conversation.role], ['bob', 'moderator'])
  await ann.fails('FORBIDDEN', 'conversation:delete', { conversationId: room })
  await bob.ok('conversation:delete', { conversationId: room })
})

chat('a role takes effect at once, up and down', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await scene.role(ann, room, 'bob', { role: 'reader' })
  await bob.fails('FORBIDDEN', 'message:send', { conversationId: room, content: words() })
  await bob.fails('FORBIDDEN', 'typing:start', { conversationId: room })
  await bob.history(room)
  await scene.role(ann, room, 'bob', { role: 'member' })
  await bob.say(room, words())
  await bob.fails('FORBIDDEN', 'conversation:update', { conversationId: room, title: 'Mine' })
  await scene.role(ann, room, 'bob', { role: 'moderator' })
  await bob.ok('conversation:update', { conversationId: room, title: 'Ours' })
})

chat('a mute holds until its time', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const mine = await bob.say(room, words())
  const until = soon(1_500)
  assert.equal((await scene.role(ann, room, 'bob', { mutedUntil: until })).mutedUntil, until)
  await bob.fails('MUTED', 'message:send', { conversationId: room, content: words() })
  await bob.fails('MUTED', 'message:edit', { messageId: mine.id, content: words() })
  await bob.fails('MUTED', 'message:react', { messageId: mine.id, emoji: '👍' })
  await bob.fails('MUTED', 'typing:start', { conversationId: room })
  await bob.ok('message:read', { messageId: mine.id })
  await bob.history(room)
  await pause(Date.parse(until) + 50 - Date.now())
  await bob.say(room, words('heard again'))
})

chat('a mute is lifted', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await scene.role(ann, room, 'bob', { mutedUntil: FAR })
  await bob.fails('MUTED', 'message:send', { conversationId: room, content: words() })
  assert.ok(!('mutedUntil' in (await scene.role(ann, room, 'bob', { mutedUntil: null }))))
  await bob.say(room, words())
})

chat('who is banned is out, and cannot come back by leaving', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const other = await scene.create(ann, [bob])
  const sent = await bob.say(room, words())
  await scene.role(ann, room, 'bob', { bannedUntil: FAR })
  const target = { conversationId: room }
  for (const [event, payload] of [
    ['message:send', { ...target, content: words() }],
    ['message:edit', { messageId: sent.id, content: words() }],
    ['message:delete', { messageId: sent.id }],
    ['message:react', { messageId: sent.id, emoji: '👍' }],
    ['message:history', target],
    ['message:read', { messageId: sent.id }],
    ['conversation:join', room],
    ['conversation:members', target],
    ['typing:start', target],
    ['member:remove', { ...target, userId: 'bob' }],
  ]) {
    await bob.fails('BANNED', event, payload)
  }
  await ann.say(room, words('without bob'))
  await scene.fence(ann, other, bob)
  assert.deepEqual(bob.got('message:new', ({ conversationId }) => conversationId === room), [])
})

chat('a ban holds for new connections, and in channels too', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  await ann.ok('conversation:create', { type: 'channel', id: 'news' })
  await bob.ok('conversation:join', 'news')
  await ann.ok('member:update', { conversationId: 'news', userId: 'bob', bannedUntil: FAR })
  const again = await scene.connect('bob')
  await again.fails('BANNED', 'conversation:join', 'news')
  await ann.say('news', words('without bob'))
  const room = await scene.create(ann, [again])
  await scene.fence(ann, room, again)
  assert.deepEqual(again.got('message:new', ({ conversationId }) => conversationId === 'news'), [])
})

chat('a ban ends: by word', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await scene.role(ann, room, 'bob', { bannedUntil: FAR })
  await bob.fails('BANNED', 'message:history', { conversationId: room })
  await scene.role(ann, room, 'bob', { bannedUntil: null })
  await bob.ok('conversation:join', room)
  await bob.say(room, words())
})

chat('a ban ends: by time', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const until = soon(1_200)
  await scene.role(ann, room, 'bob', { bannedUntil: until })
  await bob.fails('BANNED', 'conversation:join', room)
  await pause(Date.parse(until) + 50 - Date.now())
  await bob.ok('conversation:join', room)
  await bob.say(room, words())
})

chat('moderators see who is muted and banned', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob], { members: ['bob', 'cyd'] })
  await scene.role(ann, room, 'cyd', { bannedUntil: FAR, mutedUntil: FAR })
  const { members } = await ann.ok('conversation:members', { conversationId: room })
  const cyd = members.find(({ userId }) => userId === 'cyd')
  assert.deepEqual([cyd.bannedUntil, cyd.mutedUntil], [FAR, FAR])
})

chat('an unknown member is not found', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.fails('NOT_FOUND', 'member:remove', { conversationId: room, userId: 'nobody' })
  await ann.fails('NOT_FOUND', 'member:update', { conversationId: room, userId: 'nobody', role: 'reader' })
})

chat('a removed member who is added again starts anew', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await scene.role(ann, room, 'bob', { role: 'moderator' })
  await ann.say(room, words())
  await ann.ok('member:remove', { conversationId: room, userId: 'bob' })
  const { member } = await ann.ok('member:add', { conversationId: room, userId: 'bob' })
  assert.deepEqual([member.role, member.readSeq], ['member', 1])
})

chat('after a ban that ends by itself every device follows again', async (scene) => {
  const [ann, phone] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [phone])
  await scene.role(ann, room, 'bob', { bannedUntil: soon(1_500) })
  await phone.next('conversation:deleted')
  const tablet = await scene.connect('bob')
  for (const device of [phone, tablet]) await device.nextIn('conversation:updated', room)
  await scene.fence(ann, room, phone, tablet)
})

chat('who is banned cannot be made the owner, and nobody who is out stays it', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await ann.fails('CONFLICT', 'member:update', { conversationId: room, userId: 'bob', role: 'owner', bannedUntil: FAR })
  await scene.role(ann, room, 'bob', { bannedUntil: FAR })
  await ann.fails('CONFLICT', 'member:update', { conversationId: room, userId: 'bob', role: 'owner' })
  assert.equal((await ann.ok('conversation:join', room)).conversation.role, 'owner')
  await scene.role(ann, room, 'bob', { bannedUntil: null })
  await bob.nextIn('conversation:updated', room)
  await ann.ok('member:remove', { conversationId: room, userId: 'ann' })
  await bob.nextIn('conversation:updated', room, ({ ownerId }) => ownerId === 'bob')
})

chat('who is out is told of no receipt', async (scene) => {
  const [ann, bob, cyd] = await scene.users('ann', 'bob', 'cyd')
  const room = await scene.create(ann, [bob, cyd])
  const other = await scene.create(ann, [bob, cyd])
  const last = (await bob.say(room, words()), await cyd.say(room, words()))
  await bob.next('message:delivered', ({ userId }) => userId === 'ann')
  await ann.ok('member:remove', { conversationId: room, userId: 'bob' })
  await scene.role(ann, room, 'cyd', { bannedUntil: FAR })
  await ann.ok('message:read', { messageId: last.id })
  await scene.fence(ann, other, bob, cyd)
  for (const client of [bob, cyd]) assert.deepEqual(client.got('message:read'), [], client.user)
})

chat('a ban hides the presence of others', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await ann.ok('user:status', { status: 'busy', text: words('secret text') })
  assert.equal((await bob.ok('presence:get', { userIds: ['ann'] })).presence.length, 1)
  await scene.role(ann, room, 'bob', { bannedUntil: FAR })
  assert.deepEqual((await bob.ok('presence:get', { userIds: ['ann'] })).presence, [])
})
