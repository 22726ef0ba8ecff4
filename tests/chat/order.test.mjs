// Order: one numbering for all, and on one connection things happen as they were asked for.

import assert from 'node:assert/strict'

import { chat, pluck, range, words } from '../common/harness.mjs'

for (const transport of ['websocket', 'polling']) {
  chat(`pipelined messages keep their order (${transport})`, async (scene) => {
    const [ann, bob] = await Promise.all([scene.connect('ann', { transport }), scene.connect('bob', { transport })])
    const room = await scene.create(ann, [bob])
    const contents = range(1, 500).map(() => words())
    const answered = []
    const sent = await Promise.all(
      contents.map(async (content) => {
        const message = await ann.say(room, content)
        answered.push(message.seq)
        return message
      }),
    )
    assert.deepEqual(pluck(sent, 'seq'), range(1, 500), 'numbered in the order of sending')
    assert.deepEqual(answered, range(1, 500), 'acknowledged in the order of sending')
    await bob.next('message:new', ({ seq }) => seq === 500)
    assert.deepEqual(pluck(bob.got('message:new'), 'content'), contents)
  })
}

chat('different events of one connection are answered in order and see what came before', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const answers = []
  const ask = (event, payload) => ann.emit(event, payload).then((ack) => (answers.push(event), ack))
  const all = []
  for (let round = 0; round < 20; round += 1) {
    all.push(ask('message:send', { conversationId: room, content: words() }))
    all.push(ask('message:history', { conversationId: room, limit: 1 }))
    all.push(ask('typing:start', { conversationId: room }))
    all.push(ask('conversation:list', {}))
    all.push(ask('nonsense', {}))
    all.push(ask('conversation:leave', room))
    all.push(ask('conversation:join', room))
  }
  const acks = await Promise.all(all)
  const expected = ['message:send', 'message:history', 'typing:start', 'conversation:list', 'nonsense', 'conversation:leave', 'conversation:join']
  assert.deepEqual(answers, Array.from({ length: 20 }, () => expected).flat())
  for (let round = 0; round < 20; round += 1) {
    const [sent, history, , list, nonsense, , joined] = acks.slice(round * 7, round * 7 + 7)
    assert.equal(history.messages[0].id, sent.message.id)
    assert.equal(list.conversations[0].lastSeq, sent.message.seq)
    assert.equal(nonsense.error.code, 'UNKNOWN_EVENT')
    assert.equal(joined.lastSeq, sent.message.seq)
  }
  assert.equal(bob.got('error').length, 0)
})

chat('all devices see one order under many senders', { timeout: 90_000 }, async (scene) => {
  const transports = ['websocket', 'polling', 'upgrade', 'websocket']
  const senders = await Promise.all(range(0, 7).map((n) => scene.connect(`user-${n}`, { transport: transports[n % 4] })))
  const watchers = await Promise.all(range(0, 3).map((n) => scene.connect('watcher', { transport: transports[n] })))
  const room = await scene.create(senders[0], [...senders.slice(1), ...watchers])
  const each = 60
  await Promise.all(senders.flatMap((sender) => range(1, each).map(() => sender.say(room, words()))))
  const total = senders.length * each
  for (const watcher of watchers) await watcher.next('message:new', ({ seq }) => seq === total)
  const orders = watchers.map((watcher) => watcher.got('message:new').map(({ seq, id }) => `${seq} ${id}`))
  assert.deepEqual(pluck(watchers[0].got('message:new'), 'seq'), range(1, total))
  for (const order of orders) assert.deepEqual(order, orders[0])
  for (const sender of senders) {
    const own = await sender.history(room, { after: 0, limit: 200 })
    assert.deepEqual(pluck(own, 'seq'), range(1, 200))
  }
})

chat('the acknowledgement of a message comes no later than what answers to it', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  bob.socket.on('message:new', ({ id, senderId }) => {
    if (senderId === 'ann') bob.cast('message:send', { conversationId: room, content: words('echo'), replyTo: id })
  })
  for (let n = 0; n < 50; n += 1) {
    let acked = false
    const said = ann.say(room, words()).then((message) => ((acked = true), message))
    const echo = await ann.next('message:new')
    assert.ok(acked, 'acknowledged before the answer came')
    assert.equal(echo.replyTo, (await said).id)
  }
})

chat('numbers of different conversations do not disturb each other', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const rooms = await Promise.all(range(1, 10).map(() => scene.create(ann, [bob])))
  await Promise.all(range(1, 200).map((n) => ann.say(rooms[n % 10], words())))
  for (const room of rooms) {
    await bob.nextIn('message:new', room, ({ seq }) => seq === 20)
    assert.deepEqual(pluck(bob.got('message:new', ({ conversationId }) => conversationId === room), 'seq'), range(1, 20))
  }
})
