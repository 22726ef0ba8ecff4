// `typing:start` and `typing:stop`: told to the other users, and ended by themselves.

import assert from 'node:assert/strict'

import { chat, words } from '../common/harness.mjs'

chat('typing is told to the devices of other users', async (scene) => {
  const [ann, tablet, bob, cyd] = await scene.users('ann', 'ann', 'bob', 'cyd')
  const room = await scene.create(ann, [tablet, bob, cyd])
  await ann.ok('typing:start', { conversationId: room })
  for (const other of [bob, cyd]) assert.deepEqual(await other.next('typing:start'), { userId: 'ann', conversationId: room })
  await ann.ok('typing:stop', { conversationId: room })
  for (const other of [bob, cyd]) assert.deepEqual(await other.next('typing:stop'), { userId: 'ann', conversationId: room })
  await scene.fence(bob, room, ann, tablet)
  for (const own of [ann, tablet]) assert.deepEqual([...own.got('typing:start'), ...own.got('typing:stop')], [])
})

chat('a start expires', { config: { typing: { timeout: '1s' } } }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await ann.ok('typing:start', { conversationId: room })
  await bob.next('typing:start')
  const since = performance.now()
  await bob.next('typing:stop')
  const took = performance.now() - since
  assert.ok(took > 700 && took < 4_000, `after ${took} ms`)
})

chat('a repeated start puts the end off', { config: { typing: { timeout: '2s' } } }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const start = () => ann.ok('typing:start', { conversationId: room })
  await start()
  await bob.none('typing:stop', 1_200)
  await start()
  await bob.none('typing:stop', 1_200)
  await start()
  await bob.none('typing:stop', 1_200)
  await bob.next('typing:stop')
  await scene.fence(ann, room, bob)
  assert.equal(bob.got('typing:stop').length, 1)
})

chat('a message ends typing', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await ann.ok('typing:start', { conversationId: room })
  await ann.say(room, words())
  await bob.next('typing:stop')
  await bob.next('message:new')
})

chat('a disconnect ends typing', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await ann.ok('typing:start', { conversationId: room })
  await bob.next('typing:start')
  ann.cut()
  await bob.next('typing:stop')
})

chat('leaving ends typing', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await ann.ok('typing:start', { conversationId: room })
  await ann.ok('conversation:leave', room)
  await bob.next('typing:stop')
})

chat('a stop without a start says nothing', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await ann.ok('typing:stop', { conversationId: room })
  await ann.say(room, words())
  await scene.fence(ann, room, bob)
  assert.deepEqual(bob.got('typing:stop'), [])
})
