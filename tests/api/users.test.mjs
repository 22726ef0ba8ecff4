// Users over the API: who there is, what they are sent, and what is decided about them.

import assert from 'node:assert/strict'

import { API, Api } from '../common/api.mjs'
import { assertRecent, chat, pluck } from '../common/harness.mjs'

chat('who is known is listed and looked at, page by page', { config: API }, async (scene) => {
  const api = new Api(scene.daemon)
  const ann = await scene.connect('ann', { device: 'phone' })
  assert.equal((await api.request('PUT', '/users/bob')).status, 201)
  assert.equal((await api.request('PUT', '/users/bob', {})).status, 200)
  await api.ok('PUT', '/users/a%2Fb%20c%C3%A9')
  const { users, cursor } = await api.ok('GET', '/users')
  assert.deepEqual(pluck(users, 'id'), ['a/b cé', 'ann', 'bob'])
  assert.deepEqual(users[1], { id: 'ann', online: true, devices: 1 })
  assert.equal(cursor, null)
  assert.deepEqual(pluck((await api.ok('GET', '/users?online=true')).users, 'id'), ['ann'])
  assert.deepEqual(pluck((await api.ok('GET', '/users?prefix=a')).users, 'id'), ['a/b cé', 'ann'])
  const seen = []
  let next = ''
  do {
    const page = await api.ok('GET', `/users?limit=1${next && `&cursor=${encodeURIComponent(next)}`}`)
    seen.push(...pluck(page.users, 'id'))
    next = page.cursor
  } while (next)
  assert.deepEqual(seen, ['a/b cé', 'ann', 'bob'])

  await api.ok('PUT', '/users/ann/status', { status: 'busy', text: 'in a call' })
  const { user } = await api.ok('GET', '/users/ann')
  assert.deepEqual([user.status, user.statusText, user.conversations, user.unreadNotifications], ['busy', 'in a call', 0, 0])
  assert.deepEqual([user.connections[0].device, user.connections[0].transport], ['phone', 'websocket'])
  assertRecent(user.connections[0].since)
  const { presence } = await api.ok('GET', '/presence?userId=ann&userId=bob&userId=nobody')
  assert.deepEqual(pluck(presence, 'status'), ['busy', 'offline', 'offline'])
  await api.fails(404, 'NOT_FOUND', 'GET', '/users/nobody')
  await api.fails(400, 'INVALID', 'GET', '/presence')
  await ann.ok('user:status', { status: 'online' })
})

chat('any event reaches all devices of a user, or leaves a notification', { config: API }, async (scene) => {
  const api = new Api(scene.daemon)
  const [phone, tablet, bob] = await scene.users('ann', 'ann', 'bob')
  const room = await scene.create(phone, [tablet, bob])
  const order = { orderId: 7, items: [{ name: 'tea' }] }
  const notify = { type: 'order.ready', title: 'Ready', message: 'Order 7 is ready', data: { orderId: 7 } }
  assert.deepEqual(await api.ok('POST', '/users/ann/emit', { event: 'app:order', data: order, notify }), { devices: 2, notified: false })
  assert.deepEqual(await phone.next('app:order'), order)
  assert.deepEqual(await tablet.next('app:order'), order)
  assert.deepEqual(await api.ok('POST', '/users/cid/emit', { event: 'app:order', data: order, notify }), { devices: 0, notified: true })
  assert.deepEqual(await api.ok('POST', '/users/cid/emit', { event: 'app:order' }), { devices: 0, notified: false })
  const inbox = await api.ok('GET', '/users/cid/notifications')
  assert.deepEqual([inbox.unread, inbox.notifications[0].type, inbox.notifications[0].data], [1, 'order.ready', { orderId: 7 }])

  assert.deepEqual(await api.ok('POST', `/conversations/${room}/emit`, { event: 'app:poll', data: [1] }), { devices: 3 })
  for (const device of [phone, tablet, bob]) assert.deepEqual(await device.next('app:poll'), [1])
  assert.deepEqual(await api.ok('POST', '/emit', { event: 'app:news', data: 'hello' }), { users: 2, devices: 3 })
  for (const device of [phone, tablet, bob]) assert.equal(await device.next('app:news'), 'hello')

  await api.fails(400, 'INVALID', 'POST', '/users/ann/emit', { event: 'disconnect' })
  await api.fails(400, 'INVALID', 'POST', '/users/ann/emit', { event: '' })
  await api.fails(400, 'INVALID', 'POST', '/users/ann/emit', { event: 'app:x', notify: { message: '' } })
  await api.fails(413, 'TOO_LARGE', 'POST', '/users/ann/emit', { event: 'app:x', data: 'x'.repeat(65 * 1024) })
  await api.fails(404, 'NOT_FOUND', 'POST', '/conversations/nowhere/emit', { event: 'app:x' })
})

chat('the inbox is filled, read and paged', { config: API }, async (scene) => {
  const api = new Api(scene.daemon)
  const ann = await scene.connect('ann')
  const { notification } = await api.ok('POST', '/users/ann/notifications', { message: 'one', title: 'T', data: { a: 1 } })
  const told = await ann.next('notification:new')
  assert.deepEqual(told, notification)
  assert.deepEqual([told.type, told.title, told.message, told.data], ['operator', 'T', 'one', { a: 1 }])
  for (const message of ['two', 'three']) await api.ok('POST', '/users/ann/notifications', { message })
  const first = await api.ok('GET', '/users/ann/notifications?limit=2')
  assert.deepEqual(pluck(first.notifications, 'message'), ['three', 'two'])
  const rest = await api.ok('GET', `/users/ann/notifications?limit=2&cursor=${first.cursor}`)
  assert.deepEqual([pluck(rest.notifications, 'message'), rest.cursor], [['one'], null])
  assert.deepEqual(await api.ok('POST', '/users/ann/notifications/read', { notificationId: notification.id }), { unread: 2 })
  assert.deepEqual(await api.ok('POST', '/users/ann/notifications/read', { all: true }), { unread: 0 })
  await api.fails(400, 'INVALID', 'POST', '/users/ann/notifications', { message: 'x', type: 'message' })
  await api.fails(400, 'INVALID', 'POST', '/users/ann/notifications', { message: 'x', data: { x: 'x'.repeat(9_000) } })
  await api.fails(400, 'INVALID', 'POST', '/users/ann/notifications', { message: 'x'.repeat(4_097) })
  await ann.next('notification:new')
  await ann.next('notification:new')
})

chat('plugins decide on what comes over the API as well', {
  config: API,
  plugins: {
    rules: `
      fn on_message(m) { if m.content == "no" { return deny("NO_NO", "no"); } m.content = m.content + "!"; m }
      fn on_notify(n) { if n.message == "no" { return deny("no"); } }
      fn on_member(change) { if change.target == "eve" { return deny("NO_EVE", "not her"); } }
      fn on_create(c) { if c.title == "no" { return deny("no"); } }`,
  },
}, async (scene) => {
  const api = new Api(scene.daemon)
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const said = await api.ok('POST', `/conversations/${room}/messages`, { senderId: 'ann', content: 'yes' })
  assert.equal(said.message.content, 'yes!')
  await api.fails(403, 'NO_NO', 'POST', `/conversations/${room}/messages`, { senderId: 'ann', content: 'no' })
  assert.deepEqual(await api.ok('POST', '/users/ann/notifications', { message: 'no' }), { notification: null })
  await api.fails(403, 'NO_EVE', 'POST', `/conversations/${room}/members`, { members: [{ userId: 'bob' }, { userId: 'eve' }] })
  assert.equal((await api.ok('GET', `/conversations/${room}/members`)).members.length, 1, 'all or none')
  await api.fails(403, 'DENIED', 'POST', '/conversations', { ownerId: 'ann', type: 'group', title: 'no' })
  await ann.next('message:new')
})

chat('bans, mutes, kicks and revoked tokens', { config: API }, async (scene) => {
  const api = new Api(scene.daemon)
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await api.ok('PUT', '/users/bob/mute', { reason: 'loud', until: new Date(Date.now() + 60_000).toISOString() })
  await bob.fails('MUTED', 'message:send', { conversationId: room, content: 'x' })
  await api.fails(403, 'MUTED', 'POST', `/conversations/${room}/messages`, { senderId: 'bob', content: 'x' })
  assert.deepEqual(pluck((await api.ok('GET', '/mutes')).mutes, 'userId'), ['bob'])
  assert.deepEqual(await api.ok('DELETE', '/users/bob/mute'), { wasMuted: true })
  assert.deepEqual(await api.ok('DELETE', '/users/bob/mute'), { wasMuted: false })
  await bob.say(room, 'again')

  const { ban, devices } = await api.ok('PUT', '/users/bob/ban', { reason: 'spam' })
  assert.deepEqual([ban, devices], [{ until: null, reason: 'spam' }, 1])
  assert.equal((await bob.next('error')).code, 'BANNED')
  await bob.ended()
  assert.deepEqual((await api.ok('GET', '/bans')).bans, [{ userId: 'bob', until: null, reason: 'spam' }])
  await api.fails(403, 'BANNED', 'POST', `/conversations/${room}/messages`, { senderId: 'bob', content: 'x' })
  assert.deepEqual(await api.ok('DELETE', '/users/bob/ban'), { wasBanned: true })
  await api.fails(400, 'INVALID', 'PUT', '/users/bob/ban', { until: '2001-01-01T00:00:00.000Z' })
  await api.fails(400, 'INVALID', 'PUT', '/users/bob/ban', { reason: 'x'.repeat(513) })

  const tablet = await scene.connect('ann', { device: 'tablet', token: scene.daemon.token('ann', { name: 'Ann B.', roles: ['moderator'] }) })
  const [plain, named] = (await api.ok('GET', '/users/ann/devices')).devices
  assert.deepEqual([plain.name, plain.roles, named.name, named.roles], [undefined, [], 'Ann B.', ['moderator']])
  assert.deepEqual(await api.ok('DELETE', '/users/ann/devices?device=tablet&reason=enough'), { devices: 1 })
  assert.match((await tablet.next('error')).message, /enough/)
  await tablet.ended()
  const { devices: here, absent } = await api.ok('GET', '/users/ann/devices')
  assert.deepEqual([here.length, pluck(absent, 'device')], [1, ['tablet']])
  assertRecent(absent[0].lastSeen)
  assert.deepEqual((await api.ok('GET', '/users/ann')).user.absent, absent)
  assert.match(await scene.operator.ok('user', 'show', 'ann'), /devices away +tablet \(/)
  assert.deepEqual(await api.ok('DELETE', '/users/ann/devices?device=tablet'), { devices: 0 })
  const { revokedUntil } = await api.ok('POST', '/users/ann/tokens/revoke')
  assertRecent(revokedUntil)
  assert.equal((await ann.next('error')).code, 'TOKEN_REVOKED')
  await ann.ended()
  await api.ok('POST', '/tokens/revoke', { tokenId: 'jti-1' })
  await api.fails(400, 'INVALID', 'POST', '/tokens/revoke', {})
})

chat('a person is exported, page by page, and erased', { config: API }, async (scene) => {
  const api = new Api(scene.daemon)
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  for (let n = 0; n < 5; n += 1) await bob.say(room, `message ${n}`)
  await api.ok('POST', '/users/bob/notifications', { message: 'kept' })
  const items = []
  let cursor
  do {
    const page = await api.ok('GET', `/users/bob/export${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ''}`)
    items.push(...page.items)
    cursor = page.cursor
  } while (cursor)
  const of = (kind) => items.filter((item) => item[kind]).map((item) => item[kind])
  assert.deepEqual(pluck(items.slice(0, 1), 'user').map(({ id }) => id), ['bob'])
  assert.deepEqual(pluck(of('conversation'), 'id'), [room])
  assert.deepEqual(pluck(of('message'), 'content'), [0, 1, 2, 3, 4].map((n) => `message ${n}`))
  assert.ok(of('notification').some(({ message }) => message === 'kept'))
  await api.fails(400, 'INVALID', 'GET', '/users/bob/export?cursor=nonsense')
  assert.deepEqual(await api.ok('DELETE', '/users/bob?messages=anonymise'), { messages: 5, conversations: 1 })
  await bob.next('error')
  await bob.ended()
  const { messages } = await api.ok('GET', `/conversations/${room}/messages`)
  assert.ok(messages.every(({ senderId }) => senderId.startsWith('deleted-')))
  // The daemon hears of the end of the connection when it does.
  while ((await api.request('GET', '/users/bob')).status === 200);
  await api.fails(404, 'NOT_FOUND', 'GET', '/users/bob')
  await api.fails(404, 'NOT_FOUND', 'DELETE', '/users/bob')
  await api.fails(400, 'INVALID', 'DELETE', '/users/ann?messages=burn')
})
