// `on_message` and its verdicts, as those who send and those who read see them.

import assert from 'node:assert/strict'

import { chat, pluck, words } from '../common/harness.mjs'

const guard = `
const WORDS = ["darn", "heck"];
fn on_message(message, user, conversation) {
    for word in WORDS {
        if message.content.contains(word) { return deny("PROFANITY", "please do not say " + word); }
    }
    if message.content.starts_with("spam") { return silent(); }
    if message.content.starts_with("hmm") { return hold("have a look"); }
    if message.content.starts_with("forget") { deny("it was not returned"); }
}`

chat('a refusal reaches its sender with code and text, and nobody else', { plugins: { guard } }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const error = await ann.fails('PROFANITY', 'message:send', { conversationId: room, content: 'oh heck' })
  assert.equal(error.message, 'please do not say heck')
  await ann.fails('DENIED', 'message:send', { conversationId: room, content: 'forget it' })
  await scene.fence(ann, room, bob)
  assert.deepEqual(pluck(bob.got('message:new'), 'seq'), [1], 'nothing took a place')
})

const rewriter = `
fn on_message(message, user, conversation) {
    if message.content == "who" { message.content = user.id + " in " + conversation.title + " (" + conversation.role + ")"; }
    message.content = message.content.to_upper();
    message.metadata.checked = true;
    message.type = "checked";
    message
}`

chat('what one plugin makes of a message the next one sees, in the order that the configuration has', {
  plugins: { rewriter, b: 'fn on_message(m) { m.content += "!"; m }', a: 'fn on_message(m) { m.content += "?"; m }' },
  config: { plugins: { enabled: ['rewriter', 'b', 'a'] } },
}, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob], { title: 'Tea' })
  const { message } = await ann.ok('message:send', { conversationId: room, content: 'who' })
  assert.equal(message.content, 'ANN IN TEA (OWNER)!?')
  assert.deepEqual([message.type, message.metadata], ['checked', { checked: true }])
  assert.deepEqual(await bob.next('message:new'), message)
})

chat('sends keep their order while plugins look at them', { plugins: { rewriter } }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const said = Array.from({ length: 50 }, (_, n) => `N${n}`)
  await Promise.all(said.map((content) => ann.ok('message:send', { conversationId: room, content })))
  const { messages } = await bob.ok('message:history', { conversationId: room })
  assert.deepEqual(pluck(messages, 'content').slice(0, 50), said)
})

chat('a silent message is there for its sender, and for nobody else', { plugins: { guard } }, async (scene) => {
  const [phone, tablet, bob] = await scene.users('ann', 'ann', 'bob')
  const room = await scene.create(phone, [tablet, bob])
  await phone.say(room, words('before'))
  const { message, duplicate } = await phone.ok('message:send', { conversationId: room, content: 'spam spam', clientId: 'c' })
  assert.deepEqual([message.seq, message.pending, duplicate], [null, undefined, false])
  const again = await phone.ok('message:send', { conversationId: room, content: 'spam spam', clientId: 'c' })
  assert.deepEqual([again.message.id, again.duplicate], [message.id, true])
  assert.deepEqual(await tablet.next('message:new', ({ seq }) => seq === null), message)
  await phone.say(room, words('behind'))
  await scene.fence(phone, room, bob)
  assert.deepEqual(pluck(bob.got('message:new'), 'seq'), [1, 2, 3])
  const own = await tablet.ok('message:history', { conversationId: room })
  assert.deepEqual(pluck(own.messages, 'seq'), [1, null, 2, 3])
  const others = await bob.ok('message:history', { conversationId: room })
  assert.deepEqual(pluck(others.messages, 'seq'), [1, 2, 3])
  await bob.fails('NOT_FOUND', 'message:react', { messageId: message.id, emoji: '👍' })
  const { message: edited } = await phone.ok('message:edit', { messageId: message.id, content: 'spam again' })
  assert.deepEqual([edited.content, edited.seq], ['spam again', null])
  assert.equal((await tablet.next('message:updated')).content, 'spam again')
  await phone.ok('message:delete', { messageId: message.id })
  assert.equal((await tablet.next('message:deleted')).content, null)
  await scene.fence(phone, room, bob)
  assert.deepEqual([bob.got('message:updated'), bob.got('message:deleted')], [[], []])
})

chat('what stands outside of the order comes on the page of history that it belongs to', { plugins: { guard } }, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  for (const content of ['spam 0', 'one', 'spam 1', 'two', 'three', 'spam 3']) await ann.say(room, content)
  const page = async (bounds) => pluck((await ann.ok('message:history', { conversationId: room, ...bounds })).messages, 'content')
  assert.deepEqual(await page({ limit: 2 }), ['two', 'three', 'spam 3'])
  assert.deepEqual(await page({ limit: 2, before: 2 }), ['spam 0', 'one', 'spam 1'])
  assert.deepEqual(await page({ after: 0, limit: 1 }), ['spam 0', 'one'])
  assert.deepEqual(await page({ after: 1 }), ['spam 1', 'two', 'three', 'spam 3'])
})

chat('a held message is pending for its sender', { plugins: { guard } }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const { message } = await ann.ok('message:send', { conversationId: room, content: 'hmm @bob' })
  assert.deepEqual([message.seq, message.pending], [null, true])
  await scene.fence(ann, room, bob)
  assert.deepEqual(pluck(bob.got('message:new'), 'seq'), [1])
  assert.deepEqual(bob.got('notification:new').filter(({ type }) => type === 'mention'), [])
  const { messages } = await ann.ok('message:history', { conversationId: room })
  assert.deepEqual(messages[0], message)
})

chat('mentions can be changed by on_message and by on_mention', {
  plugins: {
    crowd: `
      fn on_message(m) { if m.content == "all" { m.mentions = ["bob", "cyd", "nobody"]; return m; } }
      fn on_mention(mentions, message, user) { mentions.filter(|id| id != "cyd") }`,
  },
}, async (scene) => {
  const [ann, bob, cyd] = await scene.users('ann', 'bob', 'cyd')
  const room = await scene.create(ann, [bob, cyd])
  assert.deepEqual((await ann.say(room, 'hi @bob and @cyd')).mentions, ['bob'])
  assert.deepEqual((await ann.say(room, 'all')).mentions, ['bob'])
})

chat('what a plugin makes too large is refused like anything too large', {
  plugins: { big: 'fn on_message(m) { m.content.pad(200, "x"); m }' },
  config: { messages: { max_content: 100 } },
}, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.fails('TOO_LARGE', 'message:send', { conversationId: room, content: 'x' })
})

chat('a command is answered privately, refused, rewritten or passed on', {
  plugins: {
    commands: `
      fn on_command(name, args, message, user) {
          if name == "dice" { return answer("you rolled a " + random(4, 4)); }
          if name == "echo" { return args[0]; }
          if name == "never" { return deny("NOT_HERE", "no"); }
          if name == "me" { message.content = "* " + user.id + " " + args[0]; message.type = "action"; return message; }
      }`,
  },
}, async (scene) => {
  const [phone, tablet, bob] = await scene.users('ann', 'ann', 'bob')
  const room = await scene.create(phone, [tablet, bob])
  const { message } = await phone.ok('message:send', { conversationId: room, content: '/dice 2' })
  assert.equal(message.seq, null)
  for (const device of [phone, tablet]) {
    const answer = await device.next('message:new')
    assert.deepEqual([answer.content, answer.seq, answer.type, answer.senderId], ['you rolled a 4', null, 'system', 'chatd'])
    assert.equal(answer.replyTo, message.id)
  }
  await phone.ok('message:send', { conversationId: room, content: '/echo hello' })
  assert.equal((await phone.next('message:new')).content, 'hello')
  await phone.fails('NOT_HERE', 'message:send', { conversationId: room, content: '/never' })
  const action = await phone.say(room, '/me waves')
  assert.deepEqual([action.content, action.type, action.seq], ['* ann waves', 'action', 1])
  assert.equal((await phone.say(room, '/unknown')).seq, 2, 'nobody knew it: it is a message')
  assert.equal((await phone.say(room, '/etc/passwd is a path')).seq, 3)
  await scene.fence(phone, room, bob)
  assert.deepEqual(pluck(bob.got('message:new'), 'seq'), [1, 2, 3, 4])
})

chat('a command that was answered is not run again for a retry', {
  plugins: { dice: 'fn on_command(name, args, m) { kv::set("n", (kv::get("n") ?? 0) + 1); return answer("roll " + kv::get("n")); }' },
}, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const roll = (clientId) => ann.ok('message:send', { conversationId: room, content: '/roll', clientId })
  const [first, again] = await Promise.all([roll('a'), roll('a')])
  assert.deepEqual([first.duplicate, again.duplicate], [false, true])
  assert.equal(again.message.id, first.message.id)
  assert.equal((await roll('b')).duplicate, false)
  await scene.fence(ann, room)
  assert.deepEqual(pluck(ann.got('message:new'), 'content'), ['roll 1', 'roll 2'])
})

chat('commands and messages that follow at once are all answered, in their order', {
  config: { limits: { events_per_second: 10_000, burst: 10_000 } },
  plugins: { echo: 'fn on_command(name, args, m) { return answer("answer " + args[0]); }' },
}, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const done = []
  const sent = Array.from({ length: 100 }, async (_, n) => {
    await ann.ok('message:send', { conversationId: room, content: n % 2 === 0 ? `/echo ${n}` : `text ${n}` })
    done.push(n)
  })
  await Promise.all(sent)
  assert.deepEqual(done, Array.from({ length: 100 }, (_, n) => n))
  const answers = pluck(ann.got('message:new'), 'content')
  assert.deepEqual(answers, Array.from({ length: 50 }, (_, n) => `answer ${2 * n}`))
})

chat('what plugins hear of a conversation comes in its order', {
  config: { limits: { events_per_second: 10_000, burst: 10_000 } },
  plugins: {
    scribe: `
      fn on_message_stored(m, user, conversation) { kv::set("seen", (kv::get("seen") ?? "") + m.seq + " "); }
      fn on_command(name, args, m) { return answer(kv::get("seen") ?? ""); }`,
  },
}, async (scene) => {
  const users = await scene.users('ann', 'bob', 'cid', 'dan')
  const room = await scene.create(users[0], users.slice(1))
  const say = (user) => Array.from({ length: 50 }, (_, n) => user.say(room, `${n}`))
  await Promise.all(users.flatMap(say))
  const wanted = Array.from({ length: 200 }, (_, n) => `${n + 1} `).join('')
  const ann = users[0]
  let seen = ''
  // What they hear nobody waits for.
  while (seen.length < wanted.length) {
    const asked = ann.next('message:new', ({ senderId }) => senderId === 'chatd')
    await ann.ok('message:send', { conversationId: room, content: '/seen' })
    seen = (await asked).content
  }
  assert.equal(seen, wanted)
})

const nested = (depth) => Array.from({ length: depth }).reduce((inner) => ({ a: inner }), { end: 1 })
const WIDE = {
  'nested deep': nested(60),
  'of many fields': Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`k${n}`, 1])),
  'of many items': { list: Array.from({ length: 2_000 }, () => 1) },
  'as large as it may be': { text: 'x'.repeat(8 * 1024 - 11) },
}

chat('metadata that a script cannot hold does not get round it', {
  plugins: { filter: 'fn on_message(m) { m.content.replace("secret", "***"); m.metadata.checked = true; m }' },
}, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  for (const [name, metadata] of Object.entries(WIDE)) {
    const { message } = await ann.ok('message:send', { conversationId: room, content: 'a secret', metadata })
    assert.equal(message.content, 'a ***', name)
    assert.deepEqual(message.metadata, { ...metadata, checked: true }, name)
  }
  const attachments = Array.from({ length: 10 }, (_, n) => Object.fromEntries(Array.from({ length: 200 }, (_, k) => [`k${k}`, n])))
  const { message } = await ann.ok('message:send', { conversationId: room, content: 'a secret', attachments })
  assert.deepEqual([message.content, message.attachments], ['a ***', attachments])
  assert.equal((await scene.operator.json('plugin', 'show', 'filter')).errors, 0)
})

chat('metadata that a script leaves alone stays as it came', {
  plugins: { shout: 'fn on_message(m) { m.content.make_upper(); m }' },
}, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  for (const metadata of Object.values(WIDE)) {
    assert.deepEqual((await ann.ok('message:send', { conversationId: room, content: 'x', metadata })).message.metadata, metadata)
  }
})

chat('what a plugin may not change the next one sees as it was', {
  plugins: {
    a: 'fn on_message(m) { #{ content: m.content + "!", senderId: "root", seq: 99 } }',
    b: 'fn on_message(m) { m.content = `${m.content} ${m.senderId} ${m.seq == ()} ${m.type} ${m.conversationId == ()}`; m }',
  },
}, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  assert.equal((await ann.say(room, 'hi')).content, 'hi! ann true text false')
})

chat('whom a changed text mentions is found out again', {
  plugins: {
    rewrite: 'fn on_message(m) { if m.content == "add" { m.content = "hi @bob"; return m; } if m.content.starts_with("drop") { m.content = "nothing"; return m; } }',
    second: 'fn on_mention(mentions, message, user) { if "bob" in mentions && message.content == "hi @bob" { return []; } }',
  },
}, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  assert.equal((await ann.say(room, 'add')).mentions, undefined, 'on_mention was asked')
  assert.equal((await ann.say(room, 'drop @bob')).mentions, undefined)
  assert.deepEqual((await ann.say(room, 'hello @bob')).mentions, ['bob'])
})

chat('what waits for a moderator is not changed behind their back', { plugins: { guard } }, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const { message } = await ann.ok('message:send', { conversationId: room, content: 'hmm' })
  await ann.fails('CONFLICT', 'message:edit', { messageId: message.id, content: 'something else' })
  await ann.ok('message:delete', { messageId: message.id })
  assert.match(await scene.operator.fails(5, 'review', 'approve', message.id), /on hold/)
})
