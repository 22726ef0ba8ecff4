import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { chat, pluck } from '../common/harness.mjs'

const hello = `
fn on_message(message) {
    if message.content == "no" { return deny("no"); }
    if message.content == "wait" { return hold("look at it"); }
    if message.content == "fail" { throw "it failed"; }
}
fn on_admin(command, args, operator) {
    if command == "refuse" { return deny("not that"); }
    kv::incr("asked");
    #{ command: command, args: args, operator: operator }
}`

chat('plugins are listed and shown with what they did', { plugins: { hello } }, async (scene) => {
  const { operator } = scene
  const ann = await scene.connect('ann')
  const { conversation } = await ann.ok('conversation:create', { type: 'group' })
  await ann.say(conversation.id, 'yes')
  await ann.fails('DENIED', 'message:send', { conversationId: conversation.id, content: 'no' })
  await ann.say(conversation.id, 'fail')
  const { plugins } = await operator.json('plugin', 'list')
  const [line] = plugins
  assert.deepEqual([line.name, line.state, line.calls, line.errors], ['hello', 'running', 3, 1])
  assert.deepEqual(line.hooks, ['on_message', 'on_admin'])
  assert.match(line.lastError.message, /on_message: 5:36: it failed/)
  const { stats } = await operator.json('plugin', 'show', 'hello')
  assert.deepEqual(stats.map(({ hook, calls, errors, denied }) => [hook, calls, errors, denied]), [['on_message', 3, 1, 1]])
  assert.ok(stats[0].p99Us >= stats[0].p50Us && stats[0].p50Us > 0)
  const text = await operator.ok('plugin', 'list')
  assert.match(text, /^PLUGIN +STATE +HOOKS +CALLS +ERRORS +P50 +P99\nhello +running +on_message, on_admin +3 +1 +[\d.]+ µs/)
  assert.match(await operator.ok('plugin', 'show', 'hello'), /last error +on_message: 5:36: it failed \(.*\)\n\nHOOK +CALLS/)
  assert.match(await operator.fails(5, 'plugin', 'show', 'helo'), /no plugin "helo".*hello/s)
})

chat('a plugin is switched off and on, which a restart remembers', { plugins: { hello }, comesBack: true }, async (scene) => {
  const { daemon, operator } = scene
  const ann = await scene.connect('ann')
  const { conversation } = await ann.ok('conversation:create', { type: 'group' })
  const no = { conversationId: conversation.id, content: 'no' }
  await ann.fails('DENIED', 'message:send', no)
  assert.equal(await operator.ok('plugin', 'disable', 'hello'), '✓ hello is off\n')
  assert.equal(await operator.ok('plugin', 'disable', 'hello'), '✓ hello was off already\n')
  await ann.ok('message:send', no)
  await daemon.crash()
  await daemon.start()
  const again = await scene.connect('ann')
  await again.ok('message:send', no)
  assert.deepEqual(await operator.json('plugin', 'enable', 'hello'), { plugin: 'hello', enabled: true, changed: true })
  await again.fails('DENIED', 'message:send', no)
})

chat('a reload takes all scripts or none', { plugins: { hello }, expectErrors: [/configuration not reloaded/] }, async (scene) => {
  const { daemon, operator } = scene
  const ann = await scene.connect('ann')
  const { conversation } = await ann.ok('conversation:create', { type: 'group' })
  daemon.writePlugin('other', 'fn on_message(m) { if m.content == "other" { return deny("OTHER", "x"); } }')
  daemon.writePlugin('hello', 'fn on_message(m) { return deny("NEVER" }')
  assert.match(await operator.fails(1, 'plugin', 'reload'), /hello\.rhai:1:\d+: /)
  assert.match(await operator.fails(1, 'reload'), /hello\.rhai:1:\d+\n.*fn on_message/s)
  await ann.fails('DENIED', 'message:send', { conversationId: conversation.id, content: 'no' })
  await ann.say(conversation.id, 'other')
  daemon.writePlugin('hello', 'fn on_load() { throw "not today"; }')
  assert.match(await operator.fails(1, 'plugin', 'reload'), /hello\.rhai:1:\d+: not today/)
  await ann.fails('DENIED', 'message:send', { conversationId: conversation.id, content: 'no' })
  daemon.writePlugin('hello', '')
  assert.match(await operator.ok('plugin', 'reload'), /^✓ loaded in \d+ ms: hello, other\n$/)
  await ann.say(conversation.id, 'no')
  await ann.fails('OTHER', 'message:send', { conversationId: conversation.id, content: 'other' })
  rmSync(join(daemon.dir, 'plugins', 'other.rhai'))
  await operator.ok('reload')
  await ann.say(conversation.id, 'other')
})

chat('a command of a plugin’s own is called with who asks', { plugins: { hello } }, async ({ operator }) => {
  const { answer } = await operator.json('plugin', 'call', 'hello', 'count', 'a', 'b')
  assert.deepEqual(answer, { args: ['a', 'b'], command: 'count', operator: `uid ${process.getuid()}` })
  assert.match(await operator.fails(1, 'plugin', 'call', 'hello', 'refuse'), /not that/)
  assert.match(await operator.fails(5, 'plugin', 'call', 'nobody', 'x'), /no plugin "nobody"/)
})

chat('what waits is approved in its place or rejected with a reason', { plugins: { hello } }, async (scene) => {
  const { operator } = scene
  const [ann, bob] = await Promise.all(['ann', 'bob'].map((user) => scene.connect(user)))
  const { conversation } = await ann.ok('conversation:create', { type: 'group', members: ['bob'] })
  await bob.nextIn('conversation:updated', conversation.id)
  assert.match(await operator.fails(5, 'review', 'list'), /no message waits/)
  const send = (content) => ann.ok('message:send', { conversationId: conversation.id, content })
  const first = (await send('wait')).message
  const second = (await send('wait')).message
  await send('yes')
  const { messages, total } = await operator.json('review', 'list')
  assert.equal(total, 2)
  assert.deepEqual(pluck(messages, 'id'), [first.id, second.id])
  assert.deepEqual([messages[0].plugin, messages[0].reason, messages[0].content], ['hello', 'look at it', 'wait'])
  const page = await operator.json('review', 'list', '--limit', '1')
  assert.deepEqual(pluck((await operator.json('review', 'list', '--after', page.next)).messages, 'id'), [second.id])

  const approved = await operator.json('review', 'approve', first.id)
  assert.deepEqual([approved.id, approved.seq, approved.pending], [first.id, 2, undefined])
  const came = await bob.next('message:new', ({ id }) => id === first.id)
  assert.equal(came.seq, 2)
  assert.equal((await ann.next('message:new', ({ id }) => id === first.id)).seq, 2)
  assert.match(await operator.fails(5, 'review', 'approve', first.id), /no message .* is on hold/)

  assert.match(await operator.ok('review', 'reject', second.id, '--reason', 'not nice'), /stays with ann/)
  assert.equal((await ann.next('message:deleted')).content, null)
  const { message, type } = await ann.next('notification:new', (entry) => entry.type === 'message.rejected')
  assert.deepEqual([type, message], ['message.rejected', 'your message was not let through: not nice'])
  assert.deepEqual(bob.got('message:deleted'), [])
  const own = await ann.ok('message:history', { conversationId: conversation.id })
  assert.deepEqual(pluck(own.messages, 'content'), [null, 'yes', 'wait'])
  const others = await bob.ok('message:history', { conversationId: conversation.id })
  assert.deepEqual(pluck(others.messages, 'content'), ['yes', 'wait'])
})

chat('scripts are written, checked, tested and tried without a daemon', async ({ daemon, operator }) => {
  const away = { socket: '/nowhere' }
  const run = (...args) => operator.run(['plugin', ...args], away)
  const dir = join(daemon.dir, 'work')
  assert.equal((await run('new', 'fresh', '--dir', dir)).status, 0)
  const script = join(dir, 'fresh.rhai')
  assert.match((await run('new', 'fresh', '--dir', dir)).stderr, /is there already/)
  assert.deepEqual((({ status, stdout }) => [status, stdout])(await run('check', script)), [0, `✓ ${script}: on_message\n`])
  assert.match((await run('test', dir)).stdout, /2 passed, 0 failed\n$/)

  const verdict = await run('run', script, '--hook', 'on_message', '--input', '{"content": "xyzzy!"}')
  assert.deepEqual(JSON.parse(verdict.stdout), { verdict: 'deny', code: 'DENIED', text: 'That word is not said here.', effects: [] })
  assert.equal(JSON.parse((await run('run', script, '--input', '{"message": {"content": "hi"}}')).stdout).verdict, 'allow')
  assert.match((await run('run', script, '--hook', 'on_mesage')).stderr, /no hook on_mesage.*did you mean on_message/s)
  assert.match((await run('run', script, '--input', '{')).stderr, /--input is no JSON/)

  writeFileSync(script, readFileSync(script, 'utf8').replace('deny(', 'dney('))
  const checked = await run('check', script)
  assert.equal(checked.status, 1)
  assert.match(checked.stderr, /there is no function dney\n --> .*fresh\.rhai:8:16\n.*dney.*\n.*\^ did you mean deny\?/s)
  const tested = await run('test', dir, '--json')
  assert.equal(tested.status, 1)
  const { passed, failed, tests } = JSON.parse(tested.stdout)
  assert.deepEqual([passed, failed, tests[0].test, tests[0].passed], [1, 1, 'test_the_word_is_refused', false])

  assert.equal((await run('definitions', dir)).status, 0)
  assert.match(readFileSync(join(dir, 'chatd.d.rhai'), 'utf8'), /module kv \{[^}]*fn get\(key: String\)/)
})

chat('a candidate is replayed on what was said, and changes nothing', async (scene) => {
  const { daemon, operator } = scene
  const ann = await scene.connect('ann')
  const { conversation } = await ann.ok('conversation:create', { type: 'group' })
  for (const content of ['fine', 'spam 1', 'spam 2', 'shout', 'broken']) await ann.say(conversation.id, content)
  const script = join(daemon.dir, 'candidate.rhai')
  writeFileSync(script, `fn on_message(m, user, conversation) {
      kv::incr("seen");
      if m.content.starts_with("spam") { chat::kick(user); return deny("SPAM", "spam in " + conversation.id); }
      if m.content == "shout" { m.content = m.content.to_upper(); return m; }
      if m.content == "broken" { throw "broken"; }
  }`)
  const args = ['plugin', 'replay', script, '--last', '1h', '--config', daemon.configFile, '--state-dir', daemon.stateDir]
  const report = JSON.parse(await operator.ok(...args, '--json'))
  assert.deepEqual([report.messages, report.effects], [5, 2])
  const counts = Object.fromEntries(Object.entries(report.verdicts).map(([name, { messages }]) => [name, messages]))
  assert.deepEqual(counts, { allow: 1, deny: 2, error: 1, rewrite: 1 })
  const [sample] = report.verdicts.deny.samples
  assert.deepEqual([sample.code, sample.content, sample.seq], ['SPAM', 'spam 1', 2])
  assert.equal(report.verdicts.rewrite.samples[0].rewritten, 'SHOUT')
  assert.match(await operator.ok(...args), /^5 messages of the last 1h, [\d.]+ µs each\n\nallow: 1\n\ndeny: 2\n/)
  const { messages } = await ann.ok('message:history', { conversationId: conversation.id })
  assert.equal(messages.length, 5)
  assert.ok(ann.isOpen)
})

chat('a plugin that is benched is seen in status and doctor', {
  plugins: { hello }, expectErrors: [/the plugin failed too often/],
}, async (scene) => {
  const { operator } = scene
  const parts = async () => (await operator.json('status')).parts.find(({ name }) => name === 'plugins')
  assert.deepEqual(await parts(), { name: 'plugins', ok: true, detail: '1 runs' })
  const ann = await scene.connect('ann')
  const { conversation } = await ann.ok('conversation:create', { type: 'group' })
  for (let n = 0; n < 10; n += 1) await ann.say(conversation.id, 'fail')
  assert.deepEqual(await parts(), { name: 'plugins', ok: false, detail: 'benched, as they failed too often: hello' })
  const doctor = await operator.run(['doctor'])
  assert.equal(doctor.status, 1)
  assert.match(doctor.stdout, /plugins +benched: hello/)
  assert.match(await operator.ok('plugin', 'list'), /hello +benched for \d+ s/)
})
