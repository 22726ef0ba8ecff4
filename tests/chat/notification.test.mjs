// The inbox: what it gets, how it is told, listed and read.

import assert from 'node:assert/strict'

import { assertRecent, chat, pluck, words } from '../common/harness.mjs'

const inbox = (client, more = {}) => client.ok('notification:list', more)
const ofType = (type) => (notification) => notification.type === type

chat('a mention reaches all devices of who is mentioned', async (scene) => {
  const [ann, phone, tablet] = await scene.users('ann', 'bob', 'bob')
  const room = await scene.create(ann, [phone, tablet], { title: 'Plans' })
  const sent = await ann.say(room, `@bob look ${words()}`)
  for (const device of [phone, tablet]) {
    const told = await device.next('notification:new', ofType('mention'))
    assertRecent(told.createdAt)
    assert.deepEqual([told.conversationId, told.messageId], [room, sent.id])
    assert.ok(!('readAt' in told))
  }
  const { notifications, unread } = await inbox(phone)
  assert.equal(notifications.filter(ofType('mention')).length, 1)
  assert.ok(unread >= 1)
})

chat('nobody is told of mentioning themselves, nor a stranger of being mentioned', async (scene) => {
  const [ann, bob, eve] = await scene.users('ann', 'bob', 'eve')
  const room = await scene.create(ann, [bob])
  await ann.say(room, `@ann @eve @bob ${words()}`)
  await bob.next('notification:new', ofType('mention'))
  assert.deepEqual((await inbox(ann)).notifications.filter(ofType('mention')), [])
  assert.deepEqual((await inbox(eve)).notifications, [])
})

chat('being added is told, by creation and later', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const first = await scene.create(ann, [bob])
  assert.equal((await bob.next('notification:new', ofType('conversation.added'))).conversationId, first)
  const second = await scene.create(ann)
  await ann.ok('member:add', { conversationId: second, userId: 'bob' })
  assert.equal((await bob.next('notification:new', ofType('conversation.added'))).conversationId, second)
  assert.deepEqual((await inbox(ann)).notifications, [], 'the one who adds is told nothing')
})

chat('direct messages to somebody away gather in one entry', async (scene) => {
  const ann = await scene.connect('ann')
  const room = (await ann.ok('conversation:create', { type: 'direct', members: ['bob'] })).conversation.id
  for (let n = 0; n < 5; n += 1) await ann.say(room, words())
  const last = await ann.say(room, words('last'))
  const bob = await scene.connect('bob')
  const entries = (await inbox(bob)).notifications.filter(ofType('message'))
  assert.equal(entries.length, 1)
  assert.deepEqual([entries[0].count, entries[0].conversationId, entries[0].messageId], [6, room, last.id])
})

chat('the count rises live for a device that does not follow', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob], { type: 'direct' })
  await bob.ok('conversation:leave', room)
  const counts = []
  const ids = new Set()
  for (let n = 0; n < 3; n += 1) {
    await ann.say(room, words())
    const told = await bob.next('notification:new', ofType('message'))
    counts.push(told.count)
    ids.add(told.id)
  }
  assert.deepEqual(counts, [1, 2, 3])
  assert.equal(ids.size, 1)
})

chat('a read entry is closed: the next message opens another', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob], { type: 'direct' })
  await bob.ok('conversation:leave', room)
  await ann.say(room, words())
  const first = await bob.next('notification:new', ofType('message'))
  await bob.ok('notification:read', { notificationId: first.id })
  await ann.say(room, words())
  const second = await bob.next('notification:new', ofType('message'))
  assert.notEqual(second.id, first.id)
  assert.equal(second.count, 1)
})

chat('who follows on any device needs no entry', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob], { type: 'direct' })
  await scene.fence(ann, room, bob)
  assert.deepEqual((await inbox(bob)).notifications.filter(ofType('message')), [])
})

chat('groups notify where messages = "all", nothing where "none"', { config: { notifications: { messages: 'all' } } }, async (scene) => {
  const ann = await scene.connect('ann')
  const group = (await ann.ok('conversation:create', { type: 'group', members: ['bob'] })).conversation.id
  const direct = (await ann.ok('conversation:create', { type: 'direct', members: ['bob'] })).conversation.id
  await ann.say(group, words())
  await ann.say(group, words())
  await scene.daemon.reload({ notifications: { messages: 'none' } })
  await ann.say(direct, words())
  await ann.say(group, `@bob ${words()}`)
  const bob = await scene.connect('bob')
  const { notifications } = await inbox(bob)
  const entries = notifications.filter(ofType('message'))
  assert.deepEqual(entries.map(({ conversationId, count }) => [conversationId, count]), [[group, 2]])
  assert.equal(notifications.filter(ofType('mention')).length, 1, 'mentions always')
})

chat('groups do not notify by default', async (scene) => {
  const ann = await scene.connect('ann')
  const room = (await ann.ok('conversation:create', { type: 'group', members: ['bob'] })).conversation.id
  await ann.say(room, words())
  const bob = await scene.connect('bob')
  assert.deepEqual(pluck((await inbox(bob)).notifications, 'type'), ['conversation.added'])
})

chat('the inbox lists the newest first, pages, and counts what is unread', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const sent = []
  for (let n = 0; n < 12; n += 1) sent.push((await ann.say(room, `@bob ${words()}`)).id)
  const met = []
  let cursor
  do {
    const page = await inbox(bob, { limit: 5, cursor })
    assert.ok(page.notifications.length <= 5)
    assert.equal(page.unread, 13)
    met.push(...page.notifications)
    cursor = page.cursor ?? undefined
  } while (cursor)
  assert.deepEqual(pluck(met.filter(ofType('mention')), 'messageId'), [...sent].reverse())
  assert.equal(met.length, 13)
})

chat('entries are read one by one or all', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await ann.say(room, `@bob ${words()}`)
  await ann.say(room, `@bob ${words()}`)
  const { notifications } = await inbox(bob)
  assert.equal(notifications.length, 3)
  assert.deepEqual(await bob.ok('notification:read', { notificationId: notifications[0].id }), { ok: true, unread: 2 })
  assert.deepEqual(await bob.ok('notification:read', { notificationId: notifications[0].id }), { ok: true, unread: 2 })
  const after = await inbox(bob)
  assertRecent(after.notifications[0].readAt)
  assert.deepEqual(await bob.ok('notification:read', { all: true }), { ok: true, unread: 0 })
  assert.ok((await inbox(bob)).notifications.every(({ readAt }) => readAt))
})

chat("an inbox is nobody else's business", async (scene) => {
  const [ann, bob, eve] = await scene.users('ann', 'bob', 'eve')
  await scene.create(ann, [bob])
  const { id } = (await inbox(bob)).notifications[0]
  await eve.fails('NOT_FOUND', 'notification:read', { notificationId: id })
  assert.equal((await inbox(bob)).unread, 1)
})

chat('the inbox outlives the daemon', { comesBack: true }, async (scene) => {
  const ann = await scene.connect('ann')
  const room = (await ann.ok('conversation:create', { type: 'direct', members: ['bob'] })).conversation.id
  await ann.say(room, words())
  await scene.daemon.crash()
  await scene.daemon.start()
  const bob = await scene.connect('bob')
  assert.equal((await inbox(bob)).notifications.filter(ofType('message')).length, 1)
})

chat('what an inbox quotes follows edits and deletions', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const quoted = async () => (await bob.ok('notification:list', {})).notifications.filter(({ type }) => type === 'mention').map(({ message }) => message)
  const sent = await ann.say(room, words('@bob first'))
  assert.deepEqual(await quoted(), [sent.content])
  const edited = (await ann.ok('message:edit', { messageId: sent.id, content: words('@bob second') })).message
  assert.deepEqual(await quoted(), [edited.content])
  await ann.ok('message:delete', { messageId: sent.id })
  assert.deepEqual(await quoted(), ['(deleted)'])
  await ann.ok('conversation:delete', { conversationId: room })
  assert.deepEqual((await bob.ok('notification:list', {})).notifications, [])
})
