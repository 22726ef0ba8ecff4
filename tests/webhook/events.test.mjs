// What an application is told: every event, signed, with the payload that devices get.

import assert from 'node:assert/strict'

import { assertRecent, pluck, words } from '../common/harness.mjs'
import { until } from '../common/wait.mjs'
import { tell, told } from './common.mjs'

told('a message is told with the payload that devices get, signed', async (scene, { app }) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const message = await ann.say(room, words())
  const { data, timestamp, id, headers } = await app.next('message.created')
  assert.deepEqual(data, message)
  assert.deepEqual(data, await bob.next('message:new'))
  assertRecent(timestamp)
  assert.match(id, /^[0-9a-f-]{36}$/)
  assert.equal(headers['content-type'], 'application/json')
  assert.match(headers['user-agent'], /^chatd\//)
})

told('what becomes of a message is told in its order', { webhook: { events: ['message.*'] } }, async (scene, { app }) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const { id } = await ann.say(room, words())
  const { message: edited } = await ann.ok('message:edit', { messageId: id, content: words('edited') })
  await bob.ok('message:react', { messageId: id, emoji: '👍' })
  const { message: deleted } = await ann.ok('message:delete', { messageId: id })
  const { data: tombstone } = await app.next('message.deleted')
  assert.deepEqual([tombstone.id, tombstone.content, tombstone.deletedAt], [id, null, deleted.deletedAt])
  assert.deepEqual((await app.next('message.updated')).data, edited)
  const reaction = { messageId: id, conversationId: room, userId: 'bob', emoji: '👍', removed: false, reactions: { '👍': ['bob'] } }
  assert.deepEqual((await app.next('message.reaction')).data, reaction)
  assert.deepEqual(pluck(app.taken.all(), 'type'), ['message.created', 'message.updated', 'message.reaction', 'message.deleted'])
})

told('a retry is not told again', async (scene, { app }) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.say(room, words(), { clientId: 'once' })
  assert.equal((await ann.ok('message:send', { conversationId: room, content: words(), clientId: 'once' })).duplicate, true)
  const { id } = await ann.say(room, words('fence'))
  await app.next('message.created', (message) => message.id === id)
  assert.equal(app.taken.all(({ type }) => type === 'message.created').length, 2)
})

told('the life of a conversation and of its members', { webhook: { events: ['conversation.*', 'member.*'] } }, async (scene, { app }) => {
  const [ann, bob, cyd] = await scene.users('ann', 'bob', 'cyd')
  const room = await scene.create(ann, [bob], { title: 'Lunch' })
  const { data: created } = await app.next('conversation.created')
  assert.deepEqual([created.id, created.title, created.ownerId, created.type], [room, 'Lunch', 'ann', 'group'])
  for (const userId of ['ann', 'bob']) {
    const { data } = await app.next('member.added', (member) => member.userId === userId)
    assert.deepEqual([data.conversationId, data.conversation.id], [room, room])
  }

  await ann.ok('conversation:update', { conversationId: room, title: 'Dinner' })
  await app.next('conversation.updated', ({ id, title }) => id === room && title === 'Dinner')

  await ann.ok('member:add', { conversationId: room, userId: cyd.user, role: 'reader' })
  await app.next('member.added', ({ userId }) => userId === 'cyd')
  await scene.role(ann, room, 'cyd', { role: 'moderator' })
  const { data: promoted } = await app.next('member.updated', ({ userId }) => userId === 'cyd')
  assert.deepEqual([promoted.conversationId, promoted.member.role], [room, 'moderator'])

  const bannedUntil = new Date(Date.now() + 3_600_000).toISOString()
  await scene.role(ann, room, 'bob', { bannedUntil })
  const { data: banned } = await app.next('member.updated', ({ userId }) => userId === 'bob')
  assert.equal(banned.member.bannedUntil, bannedUntil)

  await ann.ok('member:remove', { conversationId: room, userId: 'cyd' })
  assert.deepEqual((await app.next('member.removed')).data, { conversationId: room, userId: 'cyd' })
  await ann.ok('conversation:delete', { conversationId: room })
  assert.deepEqual((await app.next('conversation.deleted')).data, { conversationId: room })
  // A ban leaves the member one.
  assert.equal(app.taken.all(({ type }) => type === 'member.removed').length, 1)
})

told('who comes and goes', { config: { presence: { grace: '50ms' } }, webhook: { events: ['user.*'] } }, async (scene, { app }) => {
  const ann = await scene.connect('ann')
  assert.deepEqual((await app.next('user.online')).data, { userId: 'ann', status: 'online' })
  await ann.ok('user:status', 'busy')
  assert.deepEqual((await app.next('user.online')).data, { userId: 'ann', status: 'busy' })
  ann.close()
  const { data } = await app.next('user.offline')
  assert.equal(data.userId, 'ann')
  assertRecent(data.lastSeen)
})

told('a notification comes with the devices that have it already, and with those that are away', { comesBack: true, webhook: { events: ['notification.created'] } }, async (scene, { app }) => {
  const ann = await scene.connect('ann')
  const bob = await scene.connect('bob', { device: 'laptop' })
  const room = await scene.create(ann, [bob])
  const { data: added } = await app.next('notification.created', ({ userId }) => userId === 'bob')
  assert.equal(added.notification.type, 'conversation.added')
  assert.deepEqual([added.devices, added.connections], [['laptop'], 1])
  assert.deepEqual(added.absent, [])
  const phone = await scene.connect('bob', { device: 'phone' })
  const nameless = await scene.connect('bob')
  const here = (count) => until(async () => (await ann.ok('presence:get', { userIds: ['bob'] })).presence[0].devices === count, `${count} devices of bob`)
  phone.close()
  await here(2)
  await ann.say(room, 'first @bob')
  const { data: first } = await app.next('notification.created', ({ notification }) => notification.message === 'first @bob')
  assert.deepEqual([first.devices, first.connections, pluck(first.absent, 'device')], [['laptop'], 2, ['phone']])
  assertRecent(first.absent[0].lastSeen)
  for (const device of [bob, nameless]) device.close()
  await here(0)
  await scene.daemon.stop()
  await scene.daemon.start()
  const again = await scene.connect('ann')
  await again.say(room, 'hello @bob')
  const { data } = await app.next('notification.created', ({ notification }) => notification.message === 'hello @bob')
  assert.deepEqual([data.devices, data.connections, pluck(data.absent, 'device').sort()], [[], 0, ['laptop', 'phone']])
  assert.deepEqual([data.userId, data.notification.conversationId], ['bob', room])
  assert.equal(data.notification.message, 'hello @bob')
})

const HOLDS = `fn on_message(message) { if message.content.contains("shady") { hold("looks shady") } }`

told('a message on hold is told to those who moderate, and as a message once it is let through', { plugins: { moderate: HOLDS } }, async (scene, { app }) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const message = await ann.say(room, words('shady'))
  const { data } = await app.next('moderation.held')
  assert.deepEqual(data, { message, plugin: 'moderate', reason: 'looks shady' })
  await scene.operator.ok('review', 'approve', message.id)
  const { data: approved } = await app.next('message.created')
  assert.deepEqual([approved.id, approved.seq], [message.id, 1])
})

told('each is told what it asked for', { count: 2 }, async (scene, { apps: [messages, members] }) => {
  await tell(scene, [
    messages.table({ name: 'app-0', events: ['message.created'] }),
    members.table({ name: 'app-1', events: ['member.*', 'user.online'] }),
  ])
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.say(room, words())
  await messages.next('message.created')
  await members.next('member.added')
  assert.deepEqual(pluck(messages.taken.all(), 'type'), ['message.created'])
  assert.deepEqual(pluck(members.taken.all(), 'type').sort(), ['member.added', 'user.online'])
})
