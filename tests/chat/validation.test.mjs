// What does not fit is refused by name, whatever it is, and nothing else happens: a table of every event and field, and
// what no well-meaning client sends.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { chat, within, words } from '../common/harness.mjs'
import { CLIENT_EVENTS } from '../common/shapes.mjs'

const LONG = 'x'.repeat(129)
const UUID = '01890000-0000-7000-8000-000000000000'

const NOT_TEXT = [5, true, [], ['a'], {}, { a: 1 }]
const NOT_OBJECT = [5, true, 'text', [], [{}]]
const NOT_COUNT = ['5', true, [], {}, -1, 1.5, 1e300]

const id = { bad: [...NOT_TEXT, null, '', LONG, 'ä'.repeat(65), 'a\nb', 'a\u0000', '\u007f', '\u0085'], required: true }
const uuid = { bad: [...NOT_TEXT, null], required: true, unknown: ['', 'nope', LONG, 'a\u0000'] }
const optional = (field, ...more) => ({ ...field, bad: [...field.bad.filter((value) => value !== null), ...more], required: false })
const text = { bad: [...NOT_TEXT, null], required: true }
const object = { bad: NOT_OBJECT }
const flag = { bad: [5, 'true', [], {}] }
const count = { bad: NOT_COUNT }
const limit = { bad: [...NOT_COUNT, 0, 100_000] }
const cursor = { bad: [...NOT_TEXT, 'x', LONG] }
const time = { bad: [5, true, [], {}, '', 'tomorrow', '2026-13-01T00:00:00.000Z', '2026-01-01'] }
const role = { bad: [...NOT_TEXT, '', 'Owner', 'king'] }
const status = { bad: [...NOT_TEXT, null, '', 'asleep', 'Online'], required: true }

const many = (n, entry) => Array.from({ length: n }, (_, i) => entry(i))

/** Every event: a payload that fits, and per field what does not. `{room}`, `{message}` stand for real ones. */
const EVENTS = {
  authenticate: { fits: { token: '{token}' }, fields: { token: { bad: [...NOT_TEXT, null], required: true } } },
  'message:send': {
    fits: { conversationId: '{room}', content: 'x' },
    fields: {
      conversationId: id,
      content: text,
      type: { bad: [...NOT_TEXT, '', 'A', 'a b', 'system', 'x'.repeat(33)] },
      clientId: { bad: [...NOT_TEXT, '', 'x'.repeat(65), 'ä'.repeat(33)] },
      replyTo: optional(uuid),
      attachments: { bad: [5, true, 'text', {}, [5], ['a'], [null], [[]], many(11, () => ({ url: 'a' }))] },
      metadata: { bad: [...NOT_OBJECT, { big: 'x'.repeat(9_000) }] },
    },
  },
  'message:edit': { fits: { messageId: '{message}', content: 'y' }, fields: { messageId: uuid, content: { ...text, bad: [...text.bad, ''] } } },
  'message:delete': { fits: { messageId: '{spare}' }, fields: { messageId: uuid } },
  'message:react': {
    fits: { messageId: '{message}', emoji: '👍' },
    fields: { messageId: uuid, emoji: { bad: [...NOT_TEXT, null, '', 'x'.repeat(1_000)], required: true }, remove: flag },
  },
  'message:delivered': { fits: { messageId: '{message}' }, fields: { messageId: uuid } },
  'message:read': { fits: { messageId: '{message}' }, fields: { messageId: uuid } },
  'message:history': { fits: { conversationId: '{room}' }, fields: { conversationId: id, before: count, after: count, limit } },
  'message:search': {
    fits: { query: 'x' },
    fields: { query: { bad: [...NOT_TEXT, null, '', '   ', 'x'.repeat(100_000)], required: true }, conversationId: optional(id), limit, cursor },
  },
  'typing:start': { fits: { conversationId: '{room}' }, fields: { conversationId: id } },
  'typing:stop': { fits: { conversationId: '{room}' }, fields: { conversationId: id } },
  'conversation:join': { fits: { conversationId: '{room}' }, fields: { conversationId: id }, bare: 'conversationId' },
  'conversation:leave': { fits: { conversationId: '{room}' }, fields: { conversationId: id }, bare: 'conversationId' },
  'conversation:create': {
    fits: { type: 'group' },
    fields: {
      id: optional(id),
      type: { bad: [...NOT_TEXT, null, '', 'Group', 'party'], required: true },
      title: { bad: [...NOT_TEXT, 'x'.repeat(10_000)] },
      members: { bad: [5, true, 'bob', {}, [5], [null], [''], [LONG], ['a\nb'], many(20_000, (i) => `u${i}`)] },
      metadata: { bad: [...NOT_OBJECT, { big: 'x'.repeat(9_000) }] },
    },
  },
  'conversation:update': {
    fits: { conversationId: '{room}', title: 'x' },
    fields: {
      conversationId: id,
      title: { bad: [...NOT_TEXT, 'x'.repeat(10_000)] },
      metadata: { bad: [...NOT_OBJECT, { big: 'x'.repeat(9_000) }] },
      settings: object,
    },
  },
  'conversation:delete': { fits: { conversationId: '{other}' }, fields: { conversationId: id } },
  'conversation:list': { fits: {}, fields: { limit, cursor } },
  'conversation:members': { fits: { conversationId: '{room}' }, fields: { conversationId: id, limit, cursor } },
  'member:add': { fits: { conversationId: '{room}', userId: 'cyd' }, fields: { conversationId: id, userId: id, role } },
  'member:remove': { fits: { conversationId: '{room}', userId: 'bob' }, fields: { conversationId: id, userId: id } },
  'member:update': {
    fits: { conversationId: '{room}', userId: 'dan', role: 'reader' },
    fields: { conversationId: id, userId: id, role, mutedUntil: time, bannedUntil: time },
  },
  'user:status': { fits: { status: 'busy' }, fields: { status, text: { bad: [...NOT_TEXT, 'x'.repeat(10_000)] } }, bare: 'status' },
  'presence:get': {
    fits: { userIds: ['bob'] },
    fields: { userIds: { bad: [5, true, 'bob', {}, null, [5], [null], [''], [LONG], many(201, (i) => `u${i}`)], required: true } },
  },
  'notification:list': { fits: {}, fields: { limit, cursor } },
  'notification:read': { fits: { all: true }, fields: { all: { bad: [5, 'true', [], {}] }, notificationId: { ...optional(uuid), alone: true } } },
}

async function stage(scene) {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob], { members: ['bob', 'dan'] })
  const other = await scene.create(ann)
  const names = {
    '{room}': room,
    '{other}': other,
    '{message}': (await ann.say(room, words())).id,
    '{spare}': (await ann.say(room, words())).id,
    '{token}': scene.daemon.token('ann'),
  }
  const fill = (payload) => JSON.parse(JSON.stringify(payload), (_, value) => names[value] ?? value)
  return { ann, bob, room, fill }
}

const brief = (value) => {
  const shown = JSON.stringify(value) ?? 'undefined'
  return shown.length > 60 ? `${shown.slice(0, 57)}...` : shown
}

function assertNames(error, field, said) {
  assert.equal(error?.code, 'INVALID', said)
  assert.ok(error.message.startsWith(`${field}`) && /^[\w.[\]]+: expected ./.test(error.message), `${said} does not name ${field}`)
}

test('every event of the protocol stands in the table', () => {
  assert.deepEqual(Object.keys(EVENTS).sort(), [...CLIENT_EVENTS].sort())
})

for (const [event, { fits, fields, bare }] of Object.entries(EVENTS)) {
  chat(`${event} takes what fits and names what does not`, async (scene, t) => {
    const { ann, bob, fill } = await stage(scene)
    const good = fill(fits)
    const refuse = async (payload, field) => {
      const ack = await ann.emit(event, payload)
      const said = `${brief(payload)} -> ${brief(ack)}`
      assert.equal(ack.ok, false, said)
      assertNames(ack.error, field, said)
    }

    for (const [field, { bad, required, unknown = [], alone }] of Object.entries(fields)) {
      await t.test(`${field}`, async () => {
        const rest = alone ? {} : good
        if (required) {
          const { [field]: _, ...without } = rest
          await refuse(without, field)
        }
        for (const value of bad) await refuse({ ...rest, [field]: value }, field)
        for (const value of unknown) {
          const ack = await ann.emit(event, { ...rest, [field]: value })
          assert.match(ack.error?.code, /^(INVALID|NOT_FOUND)$/, brief(value))
        }
      })
    }

    await t.test('an unknown field', async () => {
      await refuse({ ...good, surprise: 1 }, 'surprise')
      await refuse(JSON.parse(JSON.stringify(good).replace(/^\{/, Object.keys(good).length ? '{"__proto__":{"a":1},' : '{"__proto__":{"a":1}')), '__proto__')
      await refuse({ ...good, constructor: null }, 'constructor')
    })

    await t.test('what is no object', async () => {
      for (const payload of [5, true, [], [good], ...(bare ? [] : ['text'])]) await refuse(payload, 'payload')
      if (bare) for (const payload of ['', LONG, 'a\nb']) await refuse(payload, bare)
    })

    await t.test('bytes instead of text', async () => {
      const [field] = Object.keys(fields)
      const ack = await ann.emit(event, { ...good, [field]: Buffer.from('abc') })
      assert.equal(ack.error?.code, 'INVALID', brief(ack))
      assert.equal((await ann.emit(event, Buffer.from('abc'))).error?.code, 'INVALID')
    })

    await t.test('nothing of it changed anything, and what fits is taken', async () => {
      await bob.ok('conversation:list', {})
      await ann.ok(event, good)
    })
  })
}

chat('a failure without an acknowledgement comes as an error event', async (scene) => {
  const { ann, room } = await stage(scene)
  for (const [event, payload, code] of [
    ['message:send', { conversationId: room }, 'INVALID'],
    ['message:send', { conversationId: 'nowhere', content: words() }, 'NOT_FOUND'],
    ['conversation:join', 'nowhere', 'NOT_FOUND'],
    ['nonsense', {}, 'UNKNOWN_EVENT'],
  ]) {
    ann.cast(event, payload)
    const error = await ann.next('error')
    assert.deepEqual([error.event, error.code], [event, code])
    assert.ok(error.message.length > 0)
  }
})

chat('an event that is not in the table is unknown', async (scene) => {
  const { ann } = await stage(scene)
  for (const event of ['nonsense', 'message:new', 'Message:Send', 'message:send ', 'connected', '', 'toString', '__proto__', 'x'.repeat(5_000)]) {
    const ack = await ann.emit(event, {})
    assert.deepEqual([ack.ok, ack.error.code], [false, 'UNKNOWN_EVENT'], brief(event))
  }
  ann.problems = ann.problems.filter((problem) => !problem.includes('yet no event of the protocol'))
})

// No event has such a name, and the Socket.IO library takes the packet for a broken one.
chat('a name of an event that JSON escapes ends its connection alone', async (scene) => {
  const { ann, bob, room } = await stage(scene)
  for (const name of ['gr\\u00fc\\u00df', 'a\\"b', 'n\\n', '\\u0000']) {
    const raw = await scene.raw('ann')
    raw.event(`["${name}",{}]`, 0)
    await within(5_000, raw.closed, `the end of the connection that sent ${name}`)
  }
  await scene.fence(ann, room, bob)
})

chat('arguments beyond the first are no reason to act twice or to fail silently', async (scene) => {
  const { ann, bob, room } = await stage(scene)
  const content = words()
  const ack = await ann.emit('message:send', { conversationId: room, content }, { more: true }, 'and more')
  const refused = ack.ok === false
  if (refused) assert.equal(ack.error.code, 'INVALID')
  await scene.fence(ann, room, bob)
  assert.equal(bob.got('message:new', (message) => message.content === content).length, refused ? 0 : 1)
})

chat('an event without any payload', async (scene) => {
  const { ann } = await stage(scene)
  for (const event of CLIENT_EVENTS) {
    const ack = await ann.emit(event)
    const { fields } = EVENTS[event]
    const needsNothing = !Object.values(fields).some(({ required }) => required) && event !== 'notification:read'
    if (!(needsNothing && ack.ok)) assert.equal(ack.error?.code, 'INVALID', `${event} -> ${brief(ack)}`)
  }
})

chat('control characters in a text either stay or are refused by name', async (scene) => {
  const { ann, bob, room } = await stage(scene)
  for (const content of ['a\u0000b', '\u0000', '\u0007', '\u001b[31mred', 'a\u2028b', '\ufffe', '\u200b', 'a\r\nb']) {
    const ack = await ann.emit('message:send', { conversationId: room, content })
    if (ack.ok) {
      assert.equal(ack.message.content, content)
      assert.equal((await bob.next('message:new', ({ seq }) => seq === ack.message.seq)).content, content)
      assert.equal((await bob.history(room)).at(-1).content, content)
    } else {
      assertNames(ack.error, 'content', brief(content))
    }
  }
})

chat('metadata keeps any JSON, also with the names that JavaScript reserves', async (scene) => {
  const { ann, bob, room } = await stage(scene)
  const metadata = JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":1},"":"","a.b":[1,null,{"c":[]}],"n":-1.5e-7,"big":9007199254740991}')
  const sent = await ann.say(room, words(), { metadata })
  const flat = (value) => JSON.stringify(value, (_, inner) => (inner?.constructor === Object || Object.getPrototypeOf(inner ?? 0) === Object.prototype ? Object.entries(inner).sort() : inner))
  assert.equal(flat(sent.metadata), flat(metadata))
  assert.equal(flat((await bob.history(room)).at(-1).metadata), flat(metadata))
  assert.equal({}.polluted, undefined)
})

// Each is one packet, letter by letter; `{room}` stands for a real conversation.
const HOSTILE = {
  'a lone surrogate': '["message:send",{"conversationId":"{room}","content":"\\ud800"}]',
  'a lone surrogate in a name': '["message:send",{"\\udfff":"{room}","content":"x"}]',
  'a number beyond all': '["message:history",{"conversationId":"{room}","limit":1e999}]',
  'a number of 100,000 digits': `["message:history",{"conversationId":"{room}","limit":${'9'.repeat(100_000)}}]`,
  'nesting of 100,000 lists': `["message:send",{"conversationId":"{room}","content":"x","metadata":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}}]`,
  'nesting of 100,000 objects': `["message:send",{"conversationId":"{room}","content":"x","metadata":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}]`,
  'nesting of 100,000 that never ends': `["message:send",${'['.repeat(100_000)}`,
  'nesting of 126 in metadata': `["message:send",{"conversationId":"{room}","content":"x","metadata":{"a":${'['.repeat(123)}${']'.repeat(123)}}}]`,
  'a list of 200,000': `["presence:get",{"userIds":[${'1,'.repeat(200_000)}1]}]`,
  'an object of 50,000 fields': `["message:send",{${many(50_000, (i) => `"f${i}":${i}`).join()}}]`,
  'a name twice': '["message:history",{"conversationId":"{room}","conversationId":"other"}]',
  'an event that is no text': '[{"a":1},{}]',
  'an empty list': '[]',
  'no list': '{"a":1}',
  'bytes that were never sent': '["message:send",{"_placeholder":true,"num":0}]',
  'JSON that ends early': '["message:send",{"conversationId":"{room}","content":"',
  'JSON with a tail': '["conversation:list",{}] and more',
  NaN: '["message:history",{"conversationId":"{room}","limit":NaN}]',
}

chat('hostile packets are refused or end their own connection, nothing else', { timeout: 90_000 }, async (scene, t) => {
  const { ann, bob, room } = await stage(scene)
  for (const [why, json] of Object.entries(HOSTILE)) {
    await t.test(why, async () => {
      const raw = await scene.raw('ann')
      raw.event(json.replace('{room}', room), 7)
      // A question behind it tells when it has been dealt with, where the connection lives on.
      raw.event('["conversation:list",{"limit":1}]', 8)
      const lives = await Promise.race([raw.closed.then(() => false), raw.ack(8).then(() => true, () => false)])
      if (lives) {
        const [answer] = raw.messages.all((packet) => packet.startsWith('437['))
        // Unanswered only where there was no event to answer.
        if (answer) {
          const ack = JSON.parse(answer.slice(3))[0]
          assert.ok(ack.ok || /^(INVALID|UNKNOWN_EVENT|TOO_LARGE|NOT_FOUND)$/.test(ack.error.code), answer)
        }
      }
      raw.close()
      await scene.fence(bob, room, ann)
    })
  }
})

chat('more bytes announced than allowed', async (scene) => {
  const { ann, bob, room } = await stage(scene)
  for (const packet of ['451-["message:send",{"_placeholder":true,"num":0}]', '4511-["message:send",{"_placeholder":true,"num":0}]', '45100000-["x"]', '451-["x",{"_placeholder":true,"num":99}]']) {
    const raw = await scene.raw('ann')
    raw.send(packet)
    raw.event('["conversation:list",{}]', 8)
    await Promise.race([raw.closed, raw.ack(8).catch(() => raw.closed)])
    raw.close()
    await scene.fence(bob, room, ann)
  }
})

chat('nobody can be another by a payload', async (scene) => {
  const { ann, room } = await stage(scene)
  for (const field of ['senderId', 'userId', 'seq', 'id', 'timestamp']) {
    const error = await ann.fails('INVALID', 'message:send', { conversationId: room, content: words(), [field]: UUID })
    assert.match(error.message, new RegExp(`^${field}: `))
  }
})
