// `message:send`: stored, acknowledged, and handed to every other device once.

import assert from 'node:assert/strict'

import { assertRecent, chat, pluck, range, words } from '../common/harness.mjs'

chat('a message is acknowledged to its sender and comes to the others', async (scene) => {
  const [ann, bob, cyd] = await scene.users('ann', 'bob', 'cyd')
  const room = await scene.create(ann, [bob, cyd])
  const content = words('hello')
  const { message, duplicate } = await ann.ok('message:send', { conversationId: room, content })
  assert.equal(duplicate, false)
  assertRecent(message.timestamp)
  assert.deepEqual(message, {
    id: message.id,
    conversationId: room,
    seq: 1,
    senderId: 'ann',
    content,
    type: 'text',
    timestamp: message.timestamp,
  })
  assert.deepEqual(await bob.next('message:new'), message)
  assert.deepEqual(await cyd.next('message:new'), message)
})

chat('every other device gets it exactly once, the sending connection not', async (scene) => {
  const [phone, tablet] = await scene.users('ann', 'ann')
  const bob = await Promise.all(range(1, 3).map((n) => scene.connect('bob', { device: `device ${n}` })))
  const room = await scene.create(phone, [tablet, ...bob])
  const first = await phone.say(room, words())
  await scene.fence(tablet, room, phone, ...bob)
  assert.deepEqual(pluck(phone.got('message:new'), 'seq'), [2])
  for (const device of bob) assert.deepEqual(pluck(device.got('message:new'), 'seq'), [1, 2])
  assert.deepEqual(tablet.got('message:new'), [first])
})

chat('users outside of the conversation get nothing', async (scene) => {
  const [ann, bob, eve] = await scene.users('ann', 'bob', 'eve')
  const inner = await scene.create(ann, [bob])
  const outer = await scene.create(ann, [bob, eve])
  await ann.say(inner, words('secret'))
  await scene.fence(ann, outer, bob, eve)
  assert.deepEqual(pluck(eve.got('message:new'), 'conversationId'), [outer])
})

chat('without an acknowledgement it is stored and sent as well', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const content = words()
  ann.cast('message:send', { conversationId: room, content })
  assert.equal((await bob.next('message:new')).content, content)
})

chat('what was sent outlives the daemon', { comesBack: true }, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const message = await ann.say(room, words(), { clientId: 'c', metadata: { deep: { er: [1, 2, { x: null }] } } })
  await scene.daemon.crash()
  await scene.daemon.start()
  const again = await scene.connect('ann')
  assert.deepEqual(await again.history(room), [message])
})

chat('a retry with the same clientId is the same message', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const payload = { conversationId: room, content: words(), clientId: 'mine-1' }
  const first = await ann.ok('message:send', payload)
  assert.equal(first.message.clientId, 'mine-1')
  const second = await ann.ok('message:send', payload)
  assert.equal(second.duplicate, true)
  assert.deepEqual(second.message, first.message)
  // Also with another text: the id decides.
  const third = await ann.ok('message:send', { ...payload, content: words('changed') })
  assert.equal(third.duplicate, true)
  assert.deepEqual(third.message, first.message)
  await scene.fence(ann, room, bob)
  assert.deepEqual(pluck(bob.got('message:new'), 'seq'), [1, 2])
})

chat('a clientId counts per sender and conversation', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const rooms = [await scene.create(ann, [bob]), await scene.create(ann, [bob])]
  const ids = new Set()
  for (const sender of [ann, bob]) {
    for (const room of rooms) {
      const { message, duplicate } = await sender.ok('message:send', { conversationId: room, content: words(), clientId: 'x' })
      assert.equal(duplicate, false)
      ids.add(message.id)
    }
  }
  assert.equal(ids.size, 4)
})

chat('retries at the same time, from two devices, are one message', async (scene) => {
  const [phone, tablet, bob] = await scene.users('ann', 'ann', 'bob')
  const room = await scene.create(phone, [tablet, bob])
  for (let round = 1; round <= 10; round += 1) {
    const payload = { conversationId: room, content: words(), clientId: `round-${round}` }
    const answers = await Promise.all([phone, tablet, phone, tablet, phone].map((device) => device.ok('message:send', payload)))
    assert.equal(answers.filter(({ duplicate }) => !duplicate).length, 1, `one first in round ${round}`)
    assert.deepEqual(new Set(answers.map(({ message }) => message.seq)), new Set([round]))
    assert.equal(new Set(answers.map(({ message }) => message.id)).size, 1)
  }
  await scene.fence(phone, room, bob)
  assert.deepEqual(pluck(bob.got('message:new'), 'seq'), range(1, 11))
})

chat('a retry after the message was edited or deleted brings what it has become', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const payload = { conversationId: room, content: words(), clientId: 'x' }
  const { message } = await ann.ok('message:send', payload)
  await ann.ok('message:delete', { messageId: message.id })
  const again = await ann.ok('message:send', payload)
  assert.equal(again.duplicate, true)
  assert.equal(again.message.id, message.id)
  assert.equal(again.message.content, null)
})

chat('an answer refers to a message of the same conversation', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const [room, other] = [await scene.create(ann, [bob]), await scene.create(ann, [bob])]
  const question = await ann.say(room, words('question'))
  const answer = await bob.say(room, words('answer'), { replyTo: question.id })
  assert.equal(answer.replyTo, question.id)
  assert.equal((await ann.next('message:new')).replyTo, question.id)
  const stray = { content: words(), replyTo: question.id }
  await bob.fails('NOT_FOUND', 'message:send', { conversationId: other, ...stray })
  const unknown = '01890000-0000-7000-8000-000000000000'
  await bob.fails('NOT_FOUND', 'message:send', { conversationId: room, content: words(), replyTo: unknown })
})

chat('type, attachments and metadata travel and stay', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const rich = {
    type: 'image',
    attachments: [{ url: 'https://files.example/a.png', name: 'ä.png', size: 12, nested: { w: 1 } }, { url: 'b' }],
    metadata: { tags: ['a', 'b'], n: 1.5, flag: false, nothing: null },
  }
  const sent = await ann.say(room, words('look'), rich)
  for (const [field, value] of Object.entries(rich)) assert.deepEqual(sent[field], value, field)
  assert.deepEqual(await bob.next('message:new'), sent)
  assert.deepEqual(await bob.history(room), [sent])
})

chat('a message may be attachments alone, but not nothing', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const sent = await ann.say(room, '', { type: 'file', attachments: [{ url: 'a' }] })
  assert.equal(sent.content, '')
  for (const payload of [{ content: '' }, { content: '', attachments: [] }]) {
    const error = await ann.fails('INVALID', 'message:send', { conversationId: room, ...payload })
    assert.match(error.message, /^content: expected /)
  }
})

chat('a client chooses any type of the alphabet but system', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  for (const type of ['text', 'image', 'file', 'poll', 'x.y-z_1', 'x'.repeat(32)]) {
    assert.equal((await ann.say(room, words(), { type })).type, type)
  }
  for (const type of ['system', '', 'Text', 'a b', 'x'.repeat(33), 'ä']) {
    const error = await ann.fails('INVALID', 'message:send', { conversationId: room, content: words(), type })
    assert.match(error.message, /^type: expected /, type)
  }
})

chat('content up to the limit, counted in bytes', { config: { messages: { max_content: '1KiB' } } }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const fits = 'ä'.repeat(512)
  assert.equal((await ann.say(room, fits)).content, fits)
  const error = await ann.fails('TOO_LARGE', 'message:send', { conversationId: room, content: `${fits}x` })
  assert.match(error.message, /content/)
  assert.equal((await bob.next('message:new')).content, fits)
})

chat('content of 64 KiB by default', async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.say(room, 'x'.repeat(65_536))
  await ann.fails('TOO_LARGE', 'message:send', { conversationId: room, content: 'x'.repeat(65_537) })
})

chat('mentions are those of members, each once', async (scene) => {
  const [ann, bob, cyd] = await scene.users('ann', 'bob', 'cyd')
  const room = await scene.create(ann, [bob, cyd])
  const sent = await ann.say(room, `@bob and @cyd, and @bob again, not a@b.example nor @stranger ${words()}`)
  assert.deepEqual([...sent.mentions].sort(), ['bob', 'cyd'])
  assert.deepEqual((await bob.next('message:new')).mentions, sent.mentions)
  assert.ok(!('mentions' in (await ann.say(room, words('nobody')))))
})

chat('texts of all kinds come back as they were', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const texts = ['\n\t leading', '<b>bold</b>', '{"json":true}', '42["x"]', '\u202eright to left', '👩‍👩‍👧‍👦', 'z\u0301'.repeat(50), '\ufeffbom', ' ', '%s%n', "'; drop table messages; --"]
  for (const content of texts) {
    await ann.say(room, content)
    assert.equal((await bob.next('message:new')).content, content)
  }
  assert.deepEqual(pluck(await bob.history(room), 'content'), texts)
})
