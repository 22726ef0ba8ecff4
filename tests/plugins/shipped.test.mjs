// The plugins that ship with chatd: each in a daemon of its own, as a reader of its first lines would configure it.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { run } from '../common/ctl.mjs'
import { chat, pluck, range, until, words } from '../common/harness.mjs'
import { ROOT } from '../common/daemon.mjs'

const PLUGINS = join(ROOT, 'plugins')

/** A conversation with the plugin `name`, configured so. */
function shipped(name, title, config, ...rest) {
  const plugins = { dir: PLUGINS, enabled: [name], config: { [name]: config } }
  const body = rest.pop()
  chat(`${name}: ${title}`, { ...rest.pop(), config: { plugins } }, body)
}

test('each has tests beside it, which pass, and a line in the README', async () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const files = readdirSync(PLUGINS)
  const names = files.filter((file) => !file.endsWith('.test.rhai')).map((file) => file.replace(/\.rhai$/, ''))
  assert.ok(names.length >= 10, `${names.length} plugins`)
  for (const name of names) {
    assert.ok(files.includes(`${name}.test.rhai`), `${name} has no tests`)
    assert.ok(readme.includes(`| [\`${name}\`](plugins/${name}.rhai) |`), `${name} is not in the README`)
  }
  const { status, stdout } = await run(['--json', 'plugin', 'test', PLUGINS])
  const { passed, failed, tests } = JSON.parse(stdout)
  assert.deepEqual(tests.filter((test) => !test.passed), [])
  assert.ok(status === 0 && failed === 0 && passed >= 30, stdout)
})

const ofType = (type) => (notification) => notification.type === type
const send = (conversationId, content) => ({ conversationId, content })

shipped('profanity', 'a word is refused in disguise, and nobody else sees it', { words: ['darn', 'blast*'] }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  for (const content of ['darn', 'Oh, D-A-R-N it', 'd\u0430rn', 'Blasted thing']) {
    const error = await ann.fails('DENIED', 'message:send', send(room, content))
    assert.equal(error.message, 'Please put that differently.')
  }
  const fine = await ann.say(room, 'a darning needle')
  await ann.fails('DENIED', 'message:edit', { messageId: fine.id, content: 'd4rn' })
  await scene.fence(ann, room, bob)
  assert.equal(bob.got('message:new').length, 2)
  assert.deepEqual(bob.got('message:updated'), [])
})

shipped('profanity', 'the sender alone sees it where it is silent', { words: ['darn'], action: 'silent' }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await ann.ok('message:send', send(room, 'darn it'))
  await scene.fence(ann, room, bob)
  assert.equal(bob.got('message:new').length, 1)
  assert.ok(pluck(await ann.history(room), 'content').includes('darn it'))
  assert.ok(!pluck(await bob.history(room), 'content').includes('darn it'))
})

shipped('links', 'those of the list pass', { allow: ['example.com'], roles: ['staff'] }, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.say(room, 'see https://docs.example.com/start')
  const error = await ann.fails('LINK_NOT_ALLOWED', 'message:send', send(room, 'see https://example.com@evil.test/'))
  assert.equal(error.message, 'Links to evil.test are not allowed here.')
})

shipped('flood', 'who writes too fast is refused, and muted in the end', { messages: 5, per: '1m', mute: '5m' }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  for (const n of range(1, 5)) await ann.say(room, words(`message ${n}`))
  for (const n of range(1, 11)) await ann.fails('FLOOD', 'message:send', send(room, words(`more ${n}`)))
  const refusal = async () => (await ann.emit('message:send', send(room, words('still')))).error.code
  while ((await refusal()) !== 'MUTED');
  await bob.say(room, words('others go on'))
})

shipped('flood', 'the same text passes so many times', { repeats: 2 }, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  for (const content of ['Buy my things', 'buy my things!']) await ann.say(room, content)
  await ann.fails('FLOOD', 'message:send', send(room, 'BUY MY THINGS'))
})

shipped('slow_mode', 'one message in so many seconds, but of moderators', { seconds: 60 }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await bob.say(room, words('first'))
  const error = await bob.fails('SLOW_MODE', 'message:send', send(room, words('second')))
  assert.match(error.message, /^Slow mode: you can write again in (60|5\d) s\.$/)
  for (const n of range(1, 3)) await ann.say(room, words(`owner ${n}`))
})

shipped('alerts', 'those who are responsible hear of a word', { words: ['refund*'], tell: ['lead'] }, async (scene) => {
  const [ann, lead] = await scene.users('ann', 'lead')
  const room = await scene.create(ann, [], { title: 'Help' })
  const sent = await ann.say(room, 'I want REFUNDS')
  const told = await lead.next('notification:new', ofType('alert'))
  assert.deepEqual([told.title, told.message], ['refund*', 'ann said it in Help.'])
  assert.deepEqual(told.data, { conversationId: room, messageId: sent.id })
})

// The whole day but for its last minute, so that it holds whenever the test runs; the exception shows that the rest is not.
shipped('quiet_hours', 'the inbox fills without ringing', { from: '00:00', to: '23:59', except: ['mention'] }, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const added = await bob.next('notification:new', ofType('conversation.added'))
  assert.equal(added.data?.quiet, true)
  await ann.say(room, `@bob ${words()}`)
  const mention = await bob.next('notification:new', ofType('mention'))
  assert.equal(mention.data?.quiet, undefined)
})

shipped('away', 'who mentions somebody away is told', {}, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await bob.ok('message:send', send(room, '/away back on Monday'))
  await ann.say(room, '@bob are you there?')
  const answer = await ann.nextIn('message:new', room)
  assert.deepEqual([answer.content, answer.type, answer.senderId], ['bob is away: back on Monday', 'system', 'chatd'])
  await bob.ok('message:send', send(room, '/back'))
  await ann.say(room, '@bob and now?')
  await scene.fence(ann, room, bob)
  assert.equal(ann.got('message:new').length, 1)
})

shipped('welcome', 'the first time here, and the first time there', { text: 'Welcome, {name}!', conversations: { help: 'Which version, {name}?' } }, async (scene) => {
  const ann = await scene.connect('ann')
  assert.equal((await ann.next('notification:new', ofType('welcome'))).message, 'Welcome, ann!')
  const bob = await scene.connect('bob')
  await bob.next('notification:new', ofType('welcome'))
  await scene.create(ann, [], { id: 'help' })
  await ann.ok('member:add', { conversationId: 'help', userId: 'bob' })
  assert.equal((await bob.next('notification:new', ofType('welcome'))).message, 'Which version, bob?')
  const again = await scene.connect('bob')
  await again.ok('conversation:join', 'help')
  await scene.fence(ann, 'help', again)
  const { notifications } = await again.ok('notification:list', {})
  assert.equal(notifications.filter(ofType('welcome')).length, 2)
})

shipped('commands', 'what they make of a message', {}, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await ann.ok('message:send', send(room, '/me waves'))
  const waved = await bob.nextIn('message:new', room)
  assert.deepEqual([waved.content, waved.type], ['ann waves', 'emote'])
  await ann.ok('message:send', send(room, '/roll 2d6'))
  const rolled = await bob.nextIn('message:new', room)
  assert.equal(rolled.type, 'system')
  const [, sum, a, b] = rolled.content.match(/^ann rolls 2d6: (\d+) \[([1-6]), ([1-6])\]$/).map(Number)
  assert.equal(sum, a + b)
  await ann.fails('INVALID', 'message:send', send(room, '/roll everything'))
})

shipped('commands', 'a reminder comes, over a restart as well', {}, { comesBack: true }, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.ok('message:send', send(room, '/remind 2s tea'))
  const answer = await ann.nextIn('message:new', room)
  assert.deepEqual([answer.content, answer.seq], ['In 2s: tea', null])
  await scene.daemon.stop()
  await scene.daemon.start()
  const again = await scene.connect('ann')
  const inbox = async () => (await again.ok('notification:list', {})).notifications.filter(ofType('reminder'))
  await until(async () => (await inbox()).length === 1, 'the reminder')
  assert.equal((await inbox())[0].message, 'tea')
})

shipped('redact', 'what is personal is not stored', {}, async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const sent = await ann.say(room, 'card 4111 1111 1111 1111, ann@mail.example, +49 30 1234567, order 12345678')
  assert.equal(sent.content, 'card █████, █████, █████, order 12345678')
  assert.equal((await bob.nextIn('message:new', room)).content, sent.content)
  const edited = await ann.ok('message:edit', { messageId: sent.id, content: 'or bob@mail.example' })
  assert.equal(edited.message.content, 'or █████')
  assert.deepEqual(pluck(await bob.history(room), 'content'), ['or █████'])
})
