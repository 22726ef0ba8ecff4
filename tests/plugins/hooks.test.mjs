// Every hook but those of messages: when it is called, with what, and what its verdict does.

import assert from 'node:assert/strict'

import { chat, pluck, words } from '../common/harness.mjs'

/** A plugin that keeps what its hooks were given, for on_admin to tell. */
const witness = (...hooks) => `
fn note(what, args) { kv::set("note " + kv::incr("count"), #{ hook: what, args: args }); }
${hooks.map(([name, ...args]) => `fn ${name}(${args.join(', ')}) { note("${name}", [${args.join(', ')}]); }`).join('\n')}
fn on_admin(command, args) {
    let all = [];
    for n in 1..=kv::get("count", 0) { all.push(kv::get("note " + n)); }
    all
}`

const told = async ({ operator }, name = 'witness') => (await operator.json('plugin', 'call', name, 'tell')).answer

/** Waits until a plugin was told so many things. */
async function heard(scene, count) {
  for (;;) {
    const all = await told(scene)
    if (all.length >= count) return all
  }
}

chat('who connects is let in, renamed or refused', {
  plugins: {
    door: `
      fn on_connect(user, connection) {
          if user.id == "eve" { return deny("NOT_YOU", "go away, " + user.name); }
          if connection.headers["x-app"] == "old" { return deny("please update"); }
          user.name = "Dr " + user.name;
          user.roles.push("guest");
          user
      }
      fn on_message(m, user) { m.content = user.name + " " + user.roles[0] + " " + user.claims.colour; m }`,
  },
}, async (scene) => {
  const ann = await scene.connect('ann', { token: scene.daemon.token('ann', { name: 'Ann', colour: 'red' }) })
  const { conversation } = await ann.ok('conversation:create', { type: 'group' })
  assert.equal((await ann.say(conversation.id, 'x')).content, 'Dr Ann guest red')
  const eve = { token: scene.daemon.token('eve', { name: 'Eve' }) }
  assert.equal(await scene.refused('eve', eve), 'NOT_YOU: go away, Eve')
  const old = { token: scene.daemon.token('bob', { name: 'Bob' }), options: { extraHeaders: { 'x-app': 'old' } } }
  assert.equal(await scene.refused('bob', old), 'DENIED: please update')
  for (const header of ['authorization', 'cookie']) assert.ok(!JSON.stringify(await scene.operator.json('plugin', 'list')).includes(header))
})

chat('whose rule at the door fails keeps everybody out, and any other lets all through', {
  plugins: { broken: 'fn on_connect(user) { throw "broken"; }' },
}, async (scene) => {
  assert.match(await scene.refused('ann'), /^DENIED: a rule of this server could not be checked/)
})

chat('those who come and go are told of, with why and for how long', {
  plugins: { witness: witness(['on_connected', 'user', 'connection'], ['on_disconnected', 'user', 'connection', 'reason', 'seconds']) },
}, async (scene) => {
  const ann = await scene.connect('ann', { device: 'phone' })
  const bob = await scene.connect('bob', { transport: 'polling' })
  ann.close()
  const [first, second, third] = await heard(scene, 3)
  const connected = [first, second].find(({ args }) => args[0].id === 'ann').args[1]
  assert.deepEqual([connected.device, connected.transport, connected.address], ['phone', 'websocket', '127.0.0.1'])
  assert.equal([first, second].find(({ args }) => args[0].id === 'bob').args[1].transport, 'polling')
  assert.deepEqual([third.hook, third.args[0].id, third.args[2], third.args[3]], ['on_disconnected', 'ann', 'client disconnected', 0])
  bob.cut()
  const [, , , fourth] = await heard(scene, 4)
  assert.equal(fourth.args[0].id, 'bob')
})

chat('edits, deletions and reactions can be refused, edits and reactions changed', {
  plugins: {
    editor: `
      fn on_edit(message, user, conversation) {
          if message.content == "never" { return deny("NO_EDIT", message.id); }
          message.content += " (" + conversation.role + ")";
          message
      }
      fn on_delete(message, user, conversation) { if message.content.contains("keep") { return deny("it stays"); } }
      fn on_reaction(change, user, conversation) {
          if change.emoji == "💩" { return deny("NOT_NICE", "no"); }
          if change.emoji == ":+1:" { change.emoji = "👍"; }
          change
      }`,
  },
}, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const message = await bob.say(room, 'keep')
  assert.equal((await bob.fails('NO_EDIT', 'message:edit', { messageId: message.id, content: 'never' })).message, message.id)
  await bob.fails('DENIED', 'message:delete', { messageId: message.id })
  assert.equal((await bob.ok('message:edit', { messageId: message.id, content: 'gone' })).message.content, 'gone (member)')
  assert.equal((await ann.next('message:updated')).content, 'gone (member)')
  await ann.fails('NOT_NICE', 'message:react', { messageId: message.id, emoji: '💩' })
  assert.deepEqual((await ann.ok('message:react', { messageId: message.id, emoji: ':+1:' })).reactions, { '👍': ['ann'] })
  await bob.ok('message:delete', { messageId: message.id })
})

chat('conversations are created, joined, left and staffed by leave of the plugins', {
  plugins: {
    gate: `
      fn on_create(conversation, user) {
          if conversation.title == "secret" { return deny("no secrets"); }
          conversation.title = conversation.title + " by " + user.id;
          conversation.metadata.made = true;
          conversation.members = conversation.members.filter(|id| id != "eve");
          conversation
      }
      fn on_join(conversation, user) { if conversation.id == "lobby" && user.id == "bob" { return deny("FULL", "no room"); } }
      fn on_leave(conversation, user) { if conversation.id == "jail" { return deny("stay"); } }
      fn on_member(change, conversation) {
          if change.action == "add" && change.target == "eve" { return deny("not eve"); }
          if change.newRole == "owner" { return deny("NO_CROWN", change.by + " " + change.oldRole); }
      }`,
  },
}, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  await ann.fails('DENIED', 'conversation:create', { type: 'group', title: 'secret' })
  const { conversation } = await ann.ok('conversation:create', { type: 'group', title: 'Tea', members: ['bob', 'eve'] })
  assert.deepEqual([conversation.title, conversation.metadata, conversation.members], ['Tea by ann', { made: true }, 2])
  for (const id of ['lobby', 'jail']) await ann.ok('conversation:create', { id, type: 'channel', title: id })
  assert.equal((await bob.fails('FULL', 'conversation:join', 'lobby')).message, 'no room')
  await bob.ok('conversation:join', 'jail')
  await bob.fails('DENIED', 'conversation:leave', 'jail')
  await ann.fails('DENIED', 'member:add', { conversationId: conversation.id, userId: 'eve' })
  const crown = { conversationId: conversation.id, userId: 'bob', role: 'owner' }
  assert.equal((await ann.fails('NO_CROWN', 'member:update', crown)).message, 'ann member')
  await ann.ok('member:update', { ...crown, role: 'moderator' })
  await ann.ok('member:remove', { conversationId: conversation.id, userId: 'bob' })
})

chat('typing is dropped without a word, and a status is changed or refused', {
  plugins: {
    quiet: `
      fn on_typing(user, conversation) { if user.id == "bob" { return deny("x"); } }
      fn on_status(user, status) {
          if status == "busy" { return deny("NOT_BUSY", "no"); }
          if status == "away" { return #{ status: "online", text: "working" }; }
      }`,
  },
}, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await bob.ok('typing:start', { conversationId: room })
  await ann.ok('typing:start', { conversationId: room })
  await bob.next('typing:start')
  await scene.fence(ann, room, bob)
  assert.deepEqual(ann.got('typing:start'), [])
  await bob.fails('NOT_BUSY', 'user:status', 'busy')
  assert.equal((await bob.ok('user:status', 'away')).status, 'online')
  const { presence } = await ann.ok('presence:get', { userIds: ['bob'] })
  assert.deepEqual([presence[0].status, presence[0].text], ['online', 'working'])
})

chat('notifications are changed, suppressed or let be', {
  plugins: {
    inbox: `
      fn on_notify(notification, user, message) {
          if user.id == "cyd" { return deny("not now"); }
          notification.message = (if user.online { "here: " } else { "away: " }) + notification.message + (if message == () { "" } else { " by " + message.senderId });
          notification.data = #{ seen: notification.type };
          notification
      }`,
  },
}, async (scene) => {
  const [ann, bob, cyd] = await scene.users('ann', 'bob', 'cyd')
  const room = await scene.create(ann, [bob, cyd], { title: 'T' })
  const added = await bob.next('notification:new')
  assert.deepEqual([added.message, added.data], ['here: ann added you to a conversation', { seen: 'conversation.added' }])
  await ann.say(room, 'hi @bob @cyd')
  const mention = await bob.next('notification:new')
  assert.deepEqual([mention.message, mention.type], ['here: hi @bob @cyd by ann', 'mention'])
  const { notifications } = await bob.ok('notification:list', {})
  assert.deepEqual(pluck(notifications, 'id'), [mention.id, added.id])
  assert.deepEqual((await cyd.ok('notification:list', {})).notifications, [])
  assert.deepEqual(cyd.got('notification:new'), [])
})

chat('a flood is told of once', {
  plugins: { witness: witness(['on_rate_limit', 'user', 'limit']) },
  config: { limits: { events_per_second: 1, burst: 2, disconnect_after: 0 } },
}, async (scene) => {
  const ann = await scene.connect('ann')
  const asked = await Promise.all(Array.from({ length: 30 }, () => ann.emit('user:status', 'online')))
  assert.ok(asked.filter(({ ok }) => !ok).length > 20)
  const all = await heard(scene, 1)
  assert.deepEqual([all[0].args[0].id, all[0].args[1].name, all.length], ['ann', 'events', 1])
})

chat('what plugins do is done after the event, in its order', {
  plugins: {
    helper: `
      fn on_message_stored(message, user, conversation) {
          switch message.content {
              "ping" => { chat::send(conversation, "pong", #{ replyTo: message, metadata: #{ n: 1 } }); chat::send(conversation, "pang", #{ sender: "bot", type: "joke" }); },
              "notify" => chat::notify("bob", #{ title: "T", message: "M", type: "custom", data: #{ a: 1 } }),
              "emit" => chat::emit("bob", "app:thing", #{ n: [1, 2] }),
              "mute" => chat::mute(user, conversation, "1h"),
              "react" => chat::react(message, "👀"),
              "kick" => chat::kick("bob", "enough"),
              _ => (),
          }
      }`,
  },
}, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const ping = await ann.say(room, 'ping')
  const [pong, pang] = [await ann.next('message:new'), await ann.next('message:new')]
  assert.deepEqual([pong.content, pong.senderId, pong.type, pong.replyTo, pong.metadata, pong.seq], ['pong', 'chatd', 'system', ping.id, { n: 1 }, 2])
  assert.deepEqual([pang.content, pang.senderId, pang.type], ['pang', 'bot', 'joke'])
  await ann.say(room, 'notify')
  const { title, message, type, data } = await bob.next('notification:new', (entry) => entry.type === 'custom')
  assert.deepEqual([title, message, type, data], ['T', 'M', 'custom', { a: 1 }])
  const event = new Promise((resolve) => bob.socket.once('app:thing', resolve))
  await ann.say(room, 'emit')
  assert.deepEqual(await event, { n: [1, 2] })
  const liked = await ann.say(room, 'react')
  const reaction = await bob.next('message:reaction')
  assert.deepEqual([reaction.messageId, reaction.userId], [liked.id, 'chatd'])
  await ann.say(room, 'kick')
  assert.match((await bob.next('error')).message, /enough/)
  await bob.ended()
  await ann.say(room, 'mute')
  let answer
  do answer = await ann.emit('message:send', { conversationId: room, content: words() })
  while (answer.ok)
  assert.equal(answer.error.code, 'MUTED')
})

chat('plugins that answer each other come to an end', {
  plugins: {
    a: 'fn on_message_stored(m, u, c) { chat::send(c, "a"); }',
    b: 'fn on_message_stored(m, u, c) { chat::send(c, "b"); }',
  },
}, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.say(room, 'go')
  // Each answers the message, and then the other one's answers, three steps far.
  const answers = []
  for (let n = 0; n < 6; n += 1) answers.push((await ann.next('message:new')).content)
  assert.equal(answers.filter((content) => content === 'a').length, 3)
  await scene.daemon.logged(/this is as far as it goes/)
  const { messages } = await ann.ok('message:history', { conversationId: room })
  assert.equal(messages.length, 7)
})

chat('timers run and what plugins keep outlives a crash', {
  plugins: { clock: 'fn on_load() { timer.every("1s", "tick"); kv::set("gone", 1, "100ms"); } fn on_timer(name) { kv::incr(name); } fn on_admin() { #{ ticks: kv::get("tick", 0), gone: kv::get("gone") } }' },
  comesBack: true,
}, async (scene) => {
  const { daemon, operator } = scene
  const ticks = async () => (await operator.json('plugin', 'call', 'clock', 'x')).answer
  let now
  do now = await ticks()
  while (now.ticks < 2)
  assert.equal(now.gone, null)
  assert.deepEqual((await operator.json('plugin', 'show', 'clock')).timers, ['tick'])
  // What was kept is stored a moment later.
  do now = await ticks()
  while (now.ticks < 3)
  await daemon.crash()
  await daemon.start()
  assert.ok((await ticks()).ticks >= 2)
})

chat('the table of a plugin comes from the configuration, and changes with it', {
  plugins: { table: 'fn on_message(m) { m.content = `${config.word} ${config.list.len()} ${config.deep.er}`; m }' },
  config: { plugins: { config: { table: { word: 'one', list: [1, 2], deep: { er: true } } } } },
}, async (scene) => {
  const { daemon, operator } = scene
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  assert.equal((await ann.say(room, 'x')).content, 'one 2 true')
  daemon.writeConfig({ plugins: { config: { table: { word: 'two' } } } })
  await operator.ok('reload')
  assert.match((await ann.say(room, 'x')).content, /^two 2/)
})

chat('what one call wants is done in its order, and once for retries at once', {
  plugins: {
    helper: `
      fn on_message(m) { if m.content == "twice" { chat::send(m.conversationId, "done"); } }
      fn on_message_stored(message, user, conversation) {
          if message.content == "go" { chat::send(conversation, "first"); chat::emit(user, "app:second", 2); chat::kick(user, "third"); }
      }`,
  },
}, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const twice = { conversationId: room, content: 'twice', clientId: 'c' }
  const [one, two] = await Promise.all([1, 2].map(() => ann.ok('message:send', twice)))
  assert.deepEqual([one.duplicate, two.duplicate], [false, true])
  await ann.say(room, 'go')
  assert.match((await ann.next('error')).message, /third/)
  await ann.ended()
  const seen = ann.got('message:new').map(({ content }) => content)
  assert.deepEqual(seen, ['done', 'first'], 'before the end, and once')
})
