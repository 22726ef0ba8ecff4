// Presence: per user over all devices, told to those who share a conversation.

import assert from 'node:assert/strict'

import { assertRecent, chat } from '../common/harness.mjs'

const SHORT_GRACE = { config: { presence: { grace: '1s' } } }

const seen = async (client, ...userIds) => {
  const { presence } = await client.ok('presence:get', { userIds })
  return new Map(presence.map((entry) => [entry.userId, entry]))
}

chat('the first device brings a user online, the last takes them offline after the grace', SHORT_GRACE, async (scene) => {
  const ann = await scene.connect('ann')
  await ann.ok('conversation:create', { type: 'group', members: ['bob'] })
  const phone = await scene.connect('bob')
  assert.deepEqual(await ann.next('user:online'), { userId: 'bob', status: 'online' })
  const tablet = await scene.connect('bob')
  phone.close()
  await ann.none('user:offline', 1_500)
  assert.equal(ann.got('user:online').length, 1, 'the second device is no news')
  const since = performance.now()
  tablet.close()
  const { userId, lastSeen } = await ann.next('user:offline')
  const took = performance.now() - since
  assert.equal(userId, 'bob')
  assertRecent(lastSeen)
  assert.ok(took > 700 && took < 5_000, `after ${took} ms`)
})

chat('who comes back within the grace was never gone', { config: { presence: { grace: '2s' } } }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  await scene.create(ann, [bob])
  bob.cut()
  await bob.ended()
  await scene.connect('bob')
  await ann.none('user:offline', 3_000)
})

chat('presence goes to those who share a conversation, and to nobody else', SHORT_GRACE, async (scene) => {
  const [ann, eve] = await scene.users('ann', 'eve')
  await ann.ok('conversation:create', { type: 'group', members: ['bob'] })
  const bob = await scene.connect('bob')
  await ann.next('user:online')
  await bob.ok('user:status', 'busy')
  await ann.next('user:online', ({ status }) => status === 'busy')
  bob.close()
  await ann.next('user:offline')
  const room = await scene.create(ann, [eve])
  await scene.fence(ann, room, eve)
  for (const event of ['user:online', 'user:offline']) {
    assert.deepEqual(eve.got(event, ({ userId }) => userId === 'bob'), [])
    assert.deepEqual(ann.got(event, ({ userId }) => userId === 'ann'), [], 'nobody is told of themselves')
  }
})

chat('a status is told, and holds over devices and connections', SHORT_GRACE, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  await scene.create(ann, [bob])
  assert.deepEqual(await bob.ok('user:status', 'away'), { ok: true, status: 'away' })
  assert.deepEqual(await ann.next('user:online', ({ status }) => status === 'away'), { userId: 'bob', status: 'away' })
  await bob.ok('user:status', { status: 'busy', text: 'until noon' })
  await ann.next('user:online', ({ status }) => status === 'busy')
  const entry = (await seen(ann, 'bob')).get('bob')
  assert.deepEqual([entry.status, entry.text], ['busy', 'until noon'])
  await scene.connect('bob')
  bob.close()
  assert.equal((await seen(ann, 'bob')).get('bob').status, 'busy')
})

chat('who appears offline is offline to others, and still gets everything', SHORT_GRACE, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await bob.ok('user:status', 'offline')
  assert.equal((await ann.next('user:offline')).userId, 'bob')
  const entry = (await seen(ann, 'bob')).get('bob')
  assert.equal(entry.status, 'offline')
  assert.deepEqual([entry.devices].flat().filter(Boolean), [], 'no devices betray them')
  await scene.fence(ann, room, bob)
  await scene.connect('bob')
  bob.close()
  await bob.ended()
  const told = ann.got('user:online').length
  await ann.none('user:offline', 1_500)
  assert.equal(ann.got('user:online').length, told, 'another device is no news')
})

chat('an initial status of offline is never announced', async (scene) => {
  const ann = await scene.connect('ann')
  const room = (await ann.ok('conversation:create', { type: 'group', members: ['bob', 'cyd'] })).conversation.id
  await scene.connect('bob', { status: 'offline' })
  const cyd = await scene.connect('cyd')
  await ann.next('user:online', ({ userId }) => userId === 'cyd')
  await scene.fence(cyd, room, ann)
  assert.deepEqual(ann.got('user:online', ({ userId }) => userId === 'bob'), [])
})

chat('presence:get tells of those who share a conversation', SHORT_GRACE, async (scene) => {
  const [ann, bob, eve] = await scene.users('ann', 'bob', 'eve')
  await scene.create(ann, [bob], { members: ['bob', 'cyd'] })
  const entries = await seen(ann, 'bob', 'cyd', 'eve', 'nobody')
  assert.deepEqual([...entries.keys()].sort(), ['bob', 'cyd'])
  assert.equal(entries.get('bob').status, 'online')
  assert.equal(entries.get('cyd').status, 'offline')
  assert.deepEqual([...(await seen(eve, 'ann', 'bob')).keys()], [])
})

chat('presence:get counts devices, and never shows a socket id', async (scene) => {
  const [ann, phone, tablet] = await scene.users('ann', 'bob', 'bob')
  await scene.create(ann, [phone, tablet])
  const entry = (await seen(ann, 'bob')).get('bob')
  assert.equal(Array.isArray(entry.devices) ? entry.devices.length : entry.devices, 2)
  const text = JSON.stringify(entry)
  for (const device of [phone, tablet]) {
    assert.ok(!text.includes(device.socket.id))
    assert.ok(!text.includes(device.socket.io.engine.id))
  }
})

chat('presence:get is for up to 200 users', async (scene) => {
  const ann = await scene.connect('ann')
  const ids = (count) => Array.from({ length: count }, (_, i) => `u${i}`)
  await ann.ok('presence:get', { userIds: ids(200) })
  assert.match((await ann.fails('INVALID', 'presence:get', { userIds: ids(201) })).message, /^userIds: expected /)
})

chat('sharing ends with membership', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  assert.equal((await seen(ann, 'bob')).size, 1)
  await ann.ok('member:remove', { conversationId: room, userId: 'bob' })
  assert.equal((await seen(ann, 'bob')).size, 0)
  await bob.ok('user:status', 'busy')
  const cyd = await scene.connect('cyd')
  const other = await scene.create(ann, [cyd])
  await scene.fence(cyd, other, ann)
  assert.deepEqual(ann.got('user:online', ({ status }) => status === 'busy'), [])
})
