// Recovery: what a device missed while away comes to it, once and in order, or it is told where to ask.

import assert from 'node:assert/strict'

import { chat, pluck, range, words } from '../common/harness.mjs'

const say = async (client, room, count) => {
  for (let n = 0; n < count; n += 1) await client.say(room, words())
}

for (const transport of ['websocket', 'polling', 'upgrade']) {
  chat(`a device that was away gets what it missed (${transport})`, async (scene) => {
    const [ann, bob] = await scene.users('ann', 'bob')
    const room = await scene.create(ann, [bob])
    const other = await scene.create(ann, [bob])
    const silent = await scene.create(ann, [bob])
    await say(ann, room, 3)
    await bob.next('message:new', ({ seq }) => seq === 3)
    const { epoch } = bob.connected
    bob.close()
    await say(ann, room, 4)
    await say(ann, other, 2)
    const back = await scene.connect('bob', { transport, resume: { epoch, conversations: { [room]: 3, [other]: 0, [silent]: 0 } } })
    const { resumed } = back.connected
    assert.deepEqual(Object.keys(resumed).sort(), [room, other, silent].sort())
    assert.deepEqual([resumed[room].status, resumed[room].lastSeq, pluck(resumed[room].messages, 'seq')], ['complete', 7, range(4, 7)])
    assert.deepEqual([resumed[other].status, pluck(resumed[other].messages, 'seq')], ['complete', [1, 2]])
    assert.deepEqual([resumed[silent].status, resumed[silent].messages], ['complete', []])
    assert.deepEqual(resumed[room].messages, await ann.history(room, { after: 3 }))
    await scene.fence(ann, room, back)
    assert.deepEqual(pluck(back.got('message:new'), 'seq'), [8], 'what was resumed does not come again')
  })
}

chat('nothing missed is complete and empty', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await say(ann, room, 2)
  const again = await scene.connect('ann', { resume: { epoch: ann.connected.epoch, conversations: { [room]: 2 } } })
  assert.deepEqual(again.connected.resumed[room], { status: 'complete', messages: [], lastSeq: 2 })
})

chat('too much for one packet is truncated: the first part, and history brings the rest', { timeout: 90_000 }, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await Promise.all(range(1, 1_500).map(() => ann.say(room, words('x'.repeat(500)))))
  const again = await scene.connect('ann', { resume: { epoch: ann.connected.epoch, conversations: { [room]: 0 } } })
  const { status, messages, lastSeq } = again.connected.resumed[room]
  assert.equal(status, 'truncated')
  assert.equal(lastSeq, 1_500)
  assert.ok(messages.length > 0 && messages.length < 1_500)
  const seqs = pluck(messages, 'seq')
  assert.deepEqual(seqs, range(1, messages.length), 'the first part, without a hole')
  for (let more = true; more; ) {
    const page = await again.ok('message:history', { conversationId: room, after: seqs.at(-1), limit: 200 })
    seqs.push(...pluck(page.messages, 'seq'))
    more = page.hasMore
  }
  assert.deepEqual(seqs, range(1, 1_500))
})

chat('another epoch starts over', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await say(ann, room, 3)
  const again = await scene.connect('ann', { resume: { epoch: 'another', conversations: { [room]: 1 } } })
  assert.equal(again.connected.resumed[room].status, 'reset')
  assert.notEqual(again.connected.epoch, 'another')
})

chat('a mark beyond the end starts over, never a wrong continuation', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await say(ann, room, 3)
  const again = await scene.connect('ann', { resume: { epoch: ann.connected.epoch, conversations: { [room]: 99 } } })
  assert.equal(again.connected.resumed[room].status, 'reset')
})

chat('what is foreign, unknown or deleted brings nothing of it', async (scene) => {
  const [ann, eve] = await scene.users('ann', 'eve')
  const room = await scene.create(ann)
  const gone = await scene.create(ann, [eve])
  const own = await scene.create(eve)
  await say(ann, room, 2)
  await say(ann, gone, 2)
  await say(eve, own, 1)
  await eve.nextIn('message:new', gone, ({ seq }) => seq === 2)
  await ann.ok('conversation:delete', { conversationId: gone })
  await eve.next('conversation:deleted')
  const asked = { [room]: 0, unknown: 0, [gone]: 0, [own]: 0 }
  const again = await scene.connect('eve', { resume: { epoch: eve.connected.epoch, conversations: asked } })
  const { resumed } = again.connected
  for (const id of [room, 'unknown', gone]) {
    assert.ok(resumed[id] === undefined || (resumed[id].status === 'reset' && resumed[id].messages.length === 0), id)
  }
  assert.deepEqual(resumed[room], resumed.unknown, 'the foreign and the unknown cannot be told apart')
  assert.equal(resumed[own].messages.length, 1)
})

chat('nothing is doubled or lost while messages keep coming', { timeout: 90_000 }, async (scene) => {
  const [ann, cyd] = await scene.users('ann', 'cyd')
  const room = await scene.create(ann, [cyd], { members: ['bob', 'cyd'] })
  const chatter = scene.chatter([ann, cyd], room)
  const have = []
  for (let round = 0; round < 25; round += 1) {
    const transport = ['websocket', 'polling', 'upgrade'][round % 3]
    const { epoch } = ann.connected
    const bob = await scene.connect('bob', { transport, resume: { epoch, conversations: { [room]: have.at(-1) ?? 0 } } })
    const { status, messages } = bob.connected.resumed[room]
    have.push(...pluck(messages, 'seq'))
    let more = status === 'truncated'
    while (more) {
      const page = await bob.ok('message:history', { conversationId: room, after: have.at(-1), limit: 200 })
      have.push(...pluck(page.messages, 'seq'))
      more = page.hasMore
    }
    const last = have.at(-1) ?? 0
    await bob.next('message:new', ({ seq }) => seq > last + 3)
    bob.cut()
    await bob.ended()
    have.push(...pluck(bob.got('message:new'), 'seq').filter((seq) => seq > last))
  }
  await chatter.stop()
  assert.deepEqual(have, range(1, have.at(-1)))
})

chat('who comes into a busy conversation keeps up from the first message on', { timeout: 90_000 }, async (scene) => {
  const writers = await scene.users(...range(1, 4).map((n) => `writer-${n}`))
  const room = await scene.create(writers[0], writers.slice(1), { members: ['bob', ...range(2, 4).map((n) => `writer-${n}`)] })
  const { epoch } = writers[0].connected
  const chatter = scene.chatter(writers, room)
  for (let round = 0; round < 300; round += 1) {
    const { lastSeq } = await writers[0].ok('conversation:join', room)
    const bob = await scene.connect('bob', { resume: { epoch, conversations: { [room]: lastSeq } } })
    const first = lastSeq + bob.connected.resumed[room].messages.length + 1
    assert.equal((await bob.next('message:new')).seq, first, `arrival ${round}`)
    bob.close()
  }
  await chatter.stop()
})

chat('edits and deletions while away are in what comes', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await say(ann, room, 1)
  bob.close()
  const edited = await ann.say(room, words())
  const deleted = await ann.say(room, words())
  const content = words('edited')
  await ann.ok('message:edit', { messageId: edited.id, content })
  await ann.ok('message:delete', { messageId: deleted.id })
  const back = await scene.connect('bob', { resume: { epoch: ann.connected.epoch, conversations: { [room]: 1 } } })
  assert.deepEqual(pluck(back.connected.resumed[room].messages, 'content'), [content, null])
})

chat('a resumed device follows what it resumed, also without auto_join', { config: { conversations: { auto_join: false } } }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = (await ann.ok('conversation:create', { type: 'group', members: ['bob'] })).conversation.id
  const other = (await ann.ok('conversation:create', { type: 'group', members: ['bob'] })).conversation.id
  bob.close()
  const back = await scene.connect('bob', { resume: { epoch: ann.connected.epoch, conversations: { [room]: 0 } } })
  await ann.say(other, words())
  await scene.fence(ann, room, back)
  assert.deepEqual(pluck(back.got('message:new'), 'conversationId'), [room])
})

chat('many conversations are resumed in one handshake', async (scene) => {
  const ann = await scene.connect('ann')
  const rooms = await Promise.all(range(1, 200).map(async () => scene.create(ann)))
  await Promise.all(rooms.map((room) => ann.say(room, words())))
  const conversations = Object.fromEntries(rooms.map((room) => [room, 0]))
  const again = await scene.connect('ann', { resume: { epoch: ann.connected.epoch, conversations } })
  const { resumed } = again.connected
  for (const room of rooms) {
    const { status, messages, lastSeq } = resumed[room]
    assert.equal(lastSeq, 1)
    assert.ok(status === 'truncated' || (status === 'complete' && messages.length === 1), `${room}: ${status}`)
  }
})

chat('resume after kill -9', { comesBack: true }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await say(ann, room, 5)
  await bob.next('message:new', ({ seq }) => seq === 2)
  await scene.daemon.crash()
  await scene.daemon.start()
  const back = await scene.connect('bob', { resume: { epoch: bob.connected.epoch, conversations: { [room]: 2 } } })
  assert.deepEqual([back.connected.resumed[room].status, pluck(back.connected.resumed[room].messages, 'seq')], ['complete', [3, 4, 5]])
})
