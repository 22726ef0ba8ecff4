// `[messages] retention`: what is older goes, and the numbering goes on.

import assert from 'node:assert/strict'

import { chat, pluck, until, words } from '../common/harness.mjs'

chat('old messages go; the order goes on where it was', { comesBack: true, timeout: 90_000 }, async (scene) => {
  const { daemon } = scene
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const kept = await scene.create(ann, [bob])
  for (let n = 0; n < 5; n += 1) await ann.say(room, words('perishable'))
  assert.equal((await bob.ok('message:search', { query: 'perishable' })).messages.length, 5)
  await daemon.reload({ messages: { retention: '1s' } })
  await until(async () => (await bob.history(room)).length === 0, 'the old messages to go', { ms: 40_000, every: 250 })
  assert.deepEqual((await bob.ok('message:search', { query: 'perishable' })).messages, [])
  const { lastSeq, unread } = await bob.ok('conversation:join', room)
  assert.equal(lastSeq, 5)
  assert.ok(unread === 0 || unread === 5, `unread ${unread}`)
  await daemon.reload({ messages: { retention: 'forever' } })
  const next = await ann.say(room, words())
  assert.equal(next.seq, 6)
  const resumed = await scene.connect('bob', { resume: { epoch: bob.connected.epoch, conversations: { [room]: 5, [kept]: 0 } } })
  assert.deepEqual(pluck(resumed.connected.resumed[room].messages, 'seq'), [6])
  assert.equal(resumed.connected.resumed[kept].status, 'complete')

  await daemon.crash()
  await daemon.start()
  const again = await scene.connect('ann')
  assert.equal((await again.say(room, words())).seq, 7, 'no number is given twice, also when the last message is gone')
})

chat('a device from before the retention is not left with a silent hole', { timeout: 90_000 }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  for (let n = 0; n < 5; n += 1) await ann.say(room, words())
  await scene.daemon.reload({ messages: { retention: '1s' } })
  await until(async () => (await ann.history(room)).length === 0, 'the old messages to go', { ms: 40_000, every: 250 })
  await scene.daemon.reload({ messages: { retention: 'forever' } })
  await ann.say(room, words())
  const back = await scene.connect('bob', { resume: { epoch: ann.connected.epoch, conversations: { [room]: 2 } } })
  const { status, messages, lastSeq } = back.connected.resumed[room]
  assert.equal(lastSeq, 6)
  // Either "start over", or all that there still is; 3 to 5 are gone for everyone.
  if (status !== 'reset') assert.deepEqual(pluck(messages, 'seq'), [6])
})
