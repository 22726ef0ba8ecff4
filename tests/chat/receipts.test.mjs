// Delivered and read: high-water marks per member, told to those who wrote what they cover.

import assert from 'node:assert/strict'

import { assertRecent, chat, until, words } from '../common/harness.mjs'

const marks = async (client, conversationId, userId) => {
  const { members } = await client.ok('conversation:members', { conversationId })
  const { deliveredSeq, readSeq } = members.find((member) => member.userId === userId)
  return { deliveredSeq, readSeq }
}

chat('a message counts as delivered when a device of the other has it', async (scene) => {
  const [ann, tablet, bob] = await scene.users('ann', 'ann', 'bob')
  const room = await scene.create(ann, [tablet, bob])
  const sent = await ann.say(room, words())
  await bob.next('message:new')
  for (const device of [ann, tablet]) {
    const receipt = await device.next('message:delivered')
    assertRecent(receipt.deliveredAt)
    assert.deepEqual(receipt, { messageId: sent.id, conversationId: room, userId: 'bob', seq: 1, deliveredAt: receipt.deliveredAt })
  }
  await until(async () => (await marks(ann, room, 'bob')).deliveredSeq === 1, 'the mark is stored')
})

chat('what waits for an absent user is delivered when a device comes', async (scene) => {
  const ann = await scene.connect('ann')
  const room = (await ann.ok('conversation:create', { type: 'group', members: ['bob'] })).conversation.id
  const sent = await ann.say(room, words())
  assert.deepEqual(await marks(ann, room, 'bob'), { deliveredSeq: 0, readSeq: 0 })
  const { epoch } = ann.connected
  const bob = await scene.connect('bob', { resume: { epoch, conversations: { [room]: 0 } } })
  assert.equal(bob.connected.resumed[room].messages.length, 1)
  const receipt = await ann.next('message:delivered')
  assert.deepEqual([receipt.messageId, receipt.userId, receipt.seq], [sent.id, 'bob', 1])
})

chat('many messages are covered by the highest mark', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await Promise.all(Array.from({ length: 50 }, () => ann.say(room, words())))
  await ann.next('message:delivered', ({ seq }) => seq === 50)
  const seqs = ann.got('message:delivered').map(({ seq }) => seq)
  assert.deepEqual(seqs, [...seqs].sort((a, b) => a - b), 'a receipt never goes back')
  assert.equal(new Set(seqs).size, seqs.length)
})

chat("receipts go to the sender's devices only", async (scene) => {
  const [ann, bob, cyd] = await scene.users('ann', 'bob', 'cyd')
  const room = await scene.create(ann, [bob, cyd])
  const sent = await ann.say(room, words())
  await bob.ok('message:read', { messageId: sent.id })
  await ann.next('message:read')
  await ann.next('message:delivered', ({ userId }) => userId === 'bob')
  await ann.next('message:delivered', ({ userId }) => userId === 'cyd')
  await scene.fence(ann, room, bob, cyd)
  for (const other of [bob, cyd]) assert.deepEqual(other.got('message:delivered', ({ seq }) => seq === 1), [], other.user)
  assert.deepEqual(cyd.got('message:read'), [])
})

chat('where the client decides, delivered is what it says', { config: { receipts: { delivered: 'client' } } }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const first = await ann.say(room, words())
  const second = await ann.say(room, words())
  await bob.next('message:new', ({ seq }) => seq === 2)
  await ann.none('message:delivered', 700)
  assert.equal((await bob.ok('message:delivered', { messageId: first.id })).seq, 1)
  const receipt = await ann.next('message:delivered')
  assert.deepEqual([receipt.messageId, receipt.seq], [first.id, 1])
  assert.equal((await bob.ok('message:delivered', { messageId: second.id })).seq, 2)
  assert.equal((await ann.next('message:delivered')).seq, 2)
})

chat('a read covers all before it and counts down what is unread', async (scene) => {
  const [ann, bob, tablet] = await scene.users('ann', 'bob', 'bob')
  const room = await scene.create(ann, [bob, tablet])
  const sent = []
  for (let n = 0; n < 5; n += 1) sent.push(await ann.say(room, words()))
  assert.deepEqual(await bob.ok('message:read', { messageId: sent[2].id }), { ok: true, seq: 3, unread: 2 })
  const receipt = await ann.next('message:read')
  assertRecent(receipt.readAt)
  assert.deepEqual(receipt, { messageId: sent[2].id, conversationId: room, userId: 'bob', seq: 3, readAt: receipt.readAt })
  assert.equal((await tablet.next('message:read')).seq, 3, "the reader's other devices learn of it")
  assert.equal((await bob.ok('conversation:join', room)).unread, 2)
  const { conversations } = await bob.ok('conversation:list', {})
  assert.equal(conversations[0].unread, 2)
})

chat('a read never goes back', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const sent = [await ann.say(room, words()), await ann.say(room, words())]
  await bob.ok('message:read', { messageId: sent[1].id })
  assert.deepEqual(await bob.ok('message:read', { messageId: sent[0].id }), { ok: true, seq: 2, unread: 0 })
  assert.deepEqual(await bob.ok('message:read', { messageId: sent[1].id }), { ok: true, seq: 2, unread: 0 })
  await scene.fence(ann, room, bob)
  await bob.ok('message:delivered', { messageId: sent[0].id })
  assert.deepEqual((await marks(ann, room, 'bob')).readSeq, 2)
  await scene.fence(bob, room, ann)
  assert.deepEqual(ann.got('message:read').map(({ seq }) => seq), [2])
})

chat('what was read was delivered', { config: { receipts: { delivered: 'client' } } }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const sent = await ann.say(room, words())
  await bob.ok('message:read', { messageId: sent.id })
  assert.deepEqual(await marks(ann, room, 'bob'), { deliveredSeq: 1, readSeq: 1 })
})

chat('marks outlive the daemon', { comesBack: true }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const sent = [await ann.say(room, words()), await ann.say(room, words())]
  await bob.ok('message:read', { messageId: sent[0].id })
  await scene.daemon.crash()
  await scene.daemon.start()
  const again = await scene.connect('bob')
  assert.equal((await again.ok('conversation:join', room)).unread, 1)
  assert.equal((await marks(again, room, 'bob')).readSeq, 1)
})

chat('unread counts what others sent', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await ann.say(room, words())
  const mine = await bob.say(room, words())
  await ann.say(room, words())
  await bob.say(room, words())
  assert.equal((await bob.ok('conversation:join', room)).unread, 2)
  assert.deepEqual(await bob.ok('message:read', { messageId: mine.id }), { ok: true, seq: 2, unread: 1 })
  assert.equal((await ann.ok('conversation:join', room)).unread, 2)
})

chat('who comes later has nothing unread of before', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann)
  await ann.say(room, words())
  await ann.say(room, words())
  const { member } = await ann.ok('member:add', { conversationId: room, userId: 'bob' })
  assert.equal(member.readSeq, 2)
  await ann.say(room, words())
  assert.equal((await bob.ok('conversation:join', room)).unread, 1)
})

chat('a receipt for a foreign or unknown message is not found', async (scene) => {
  const [ann, eve] = await scene.users('ann', 'eve')
  const room = await scene.create(ann)
  const sent = await ann.say(room, words())
  for (const event of ['message:read', 'message:delivered']) {
    await eve.fails('NOT_FOUND', event, { messageId: sent.id })
    await eve.fails('NOT_FOUND', event, { messageId: '01890000-0000-7000-8000-000000000000' })
  }
})

chat('reads at the same time from many devices end at the highest', async (scene) => {
  const ann = await scene.connect('ann')
  const devices = await scene.users(...Array.from({ length: 4 }, () => 'bob'))
  const room = await scene.create(ann, devices)
  const sent = []
  for (let n = 0; n < 20; n += 1) sent.push(await ann.say(room, words()))
  const shuffled = sent.map((message, i) => [(i * 7) % 20, message]).sort(([a], [b]) => a - b).map(([, message]) => message)
  const answers = await Promise.all(shuffled.map(({ id }, i) => devices[i % 4].ok('message:read', { messageId: id })))
  assert.equal(Math.max(...answers.map(({ seq }) => seq)), 20)
  assert.equal((await marks(ann, room, 'bob')).readSeq, 20)
  await ann.next('message:read', ({ seq }) => seq === 20)
  const seqs = ann.got('message:read').map(({ seq }) => seq)
  assert.deepEqual(seqs, [...seqs].sort((a, b) => a - b))
})
