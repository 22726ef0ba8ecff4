// What happens where an application does not take what it is told.

import assert from 'node:assert/strict'

import { pluck, range, until, words } from '../common/harness.mjs'
import { freshWebhookSecret } from '../common/receiver.mjs'
import { tell, told } from './common.mjs'

const MESSAGES = { events: ['message.created'] }

/** `count` messages; their contents. */
async function several(ann, room, count, topic) {
  const contents = range(1, count).map((n) => `${topic} ${n}`)
  for (const content of contents) await ann.say(room, content)
  return contents
}

const contents = (app, matches = () => true) => app.taken.all(({ data }) => matches(data)).map(({ data }) => data.content)

told('what is not taken is tried again with the same id, at growing intervals', { webhook: { ...MESSAGES, retry_delay: '40ms' } }, async (scene, { app }) => {
  let left = 3
  app.answer = () => ((left -= 1) >= 0 ? { status: 500, body: 'not now' } : 200)
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const { id } = await ann.say(room, words())
  await app.next('message.created', (message) => message.id === id)
  const attempts = app.requests.all()
  assert.equal(new Set(pluck(attempts, 'id')).size, 1)
  assert.equal(attempts.length, 4)
  const pauses = range(1, 3).map((n) => attempts[n].at - attempts[n - 1].at)
  for (const [n, least] of [30, 90, 280].entries()) assert.ok(pauses[n] >= least, `${pauses}`)
})

told('order holds within a conversation, and a message that fails holds up no other', { webhook: MESSAGES }, async (scene, { app }) => {
  let sick = true
  app.answer = ({ data }) => (sick && data.content === 'sick 1' ? 422 : 204)
  const ann = await scene.connect('ann')
  const [sickRoom, soundRoom] = [await scene.create(ann), await scene.create(ann)]
  const delayed = await several(ann, sickRoom, 5, 'sick')
  const prompt = await several(ann, soundRoom, 20, 'sound')
  await app.next('message.created', ({ content }) => content === prompt.at(-1))
  assert.deepEqual(contents(app), prompt)
  sick = false
  await app.next('message.created', ({ content }) => content === delayed.at(-1))
  assert.deepEqual(contents(app, ({ conversationId }) => conversationId === sickRoom), delayed)
})

told('a slow application holds up no other, and not the chat', { count: 2, webhook: MESSAGES }, async (scene, { apps: [slow, quick] }) => {
  let release
  const held = new Promise((go) => (release = go))
  slow.answer = () => held.then(() => 204)
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const said = await several(ann, room, 50, 'said')
  await quick.next('message.created', ({ content }) => content === said.at(-1))
  assert.deepEqual(contents(quick), said)
  assert.deepEqual([slow.requests.all().length, slow.taken.all().length], [1, 0])
  release()
  await slow.next('message.created', ({ content }) => content === said.at(-1))
  assert.deepEqual(contents(slow), said)
})

told('conversations are told beside each other, no more at once than allowed', { webhook: { ...MESSAGES, concurrency: 3 } }, async (scene, { app }) => {
  app.answer = () => new Promise((answer) => setTimeout(() => answer(204), 20))
  const ann = await scene.connect('ann')
  const rooms = await Promise.all(range(1, 10).map(() => scene.create(ann)))
  await Promise.all(rooms.map((room) => several(ann, room, 3, room)))
  await until(() => app.taken.all().length === 30, 'everything to be told')
  assert.equal(app.mostUnderway, 3)
  for (const room of rooms) assert.deepEqual(contents(app, ({ conversationId }) => conversationId === room), range(1, 3).map((n) => `${room} ${n}`))
})

for (const status of [422, 500]) told(`conversations whose messages are answered with ${status} hold up no others, however many they are`, { webhook: { ...MESSAGES, concurrency: 2 } }, async (scene, { app }) => {
  app.answer = ({ data }) => (data.content.startsWith('sick') ? status : 204)
  const ann = await scene.connect('ann')
  const sick = await Promise.all(range(1, 6).map(() => scene.create(ann)))
  for (const room of sick) await ann.say(room, 'sick')
  const sound = await scene.create(ann)
  const said = await several(ann, sound, 10, 'sound')
  await app.next('message.created', ({ content }) => content === said.at(-1))
  assert.deepEqual(contents(app), said)
  const { retried, givenUp } = await scene.operator.json('webhook', 'show', 'app-0')
  assert.deepEqual([retried.length, givenUp.length], [6, 0])
})

told('an application that is away gets everything once it is back', { webhook: MESSAGES }, async (scene, { app }) => {
  const ann = await scene.connect('ann')
  const rooms = await Promise.all(range(1, 5).map(() => scene.create(ann)))
  await app.close()
  for (const room of rooms) await several(ann, room, 4, room)
  await scene.daemon.logged('the webhook is down, and tried again')
  await app.open()
  await until(() => app.taken.all().length >= 20, 'everything to be told')
  await scene.daemon.logged('the webhook takes events again')
  assert.equal(app.taken.all().length, 20)
  for (const room of rooms) assert.deepEqual(contents(app, ({ conversationId }) => conversationId === room), range(1, 4).map((n) => `${room} ${n}`))
})

told('Retry-After is waited for', { webhook: MESSAGES }, async (scene, { app }) => {
  let busy = true
  app.answer = () => (busy ? { status: 429, headers: { 'retry-after': '1' } } : 204)
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.say(room, words())
  const { at } = await app.requests.next(() => true, 'the first attempt')
  busy = false
  const { at: taken } = await app.requests.next(() => true, 'the second attempt')
  assert.ok(taken - at >= 990, `after ${taken - at} ms`)
})

told('410 ends it until an operator resumes it', { webhook: MESSAGES }, async (scene, { app }) => {
  app.answer = () => 410
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const said = await several(ann, room, 3, 'said')
  await scene.daemon.logged('410 Gone: nothing is sent until it is resumed')
  assert.equal((await scene.operator.json('webhook', 'show', 'app-0')).state, 'gone')
  assert.equal(app.requests.all().length, 1)
  app.answer = () => 204
  await scene.operator.ok('webhook', 'resume', 'app-0')
  await app.next('message.created', ({ content }) => content === said.at(-1))
  assert.deepEqual(contents(app), said)
})

told('an answer that does not come counts as a failure', { webhook: { ...MESSAGES, timeout: '200ms' } }, async (scene, { app }) => {
  let silent = true
  app.answer = () => (silent ? new Promise(() => {}) : 204)
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.say(room, words())
  await app.requests.next(() => true, 'the first attempt')
  silent = false
  await app.next('message.created')
  const { lastFailure } = await scene.operator.json('webhook', 'show', 'app-0')
  assert.equal(lastFailure.reason, 'no answer in time')
})

told('what is given up is reported, and replayed in its order', { webhook: { ...MESSAGES, retry_delay: '20ms', retry_for: '0s' } }, async (scene, { app }) => {
  app.answer = ({ data }) => (data.content.startsWith('bad') ? { status: 400, body: 'a bad one' } : 204)
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await several(ann, room, 2, 'bad')
  await ann.say(room, 'good')
  await app.next('message.created', ({ content }) => content === 'good')
  const shown = await scene.operator.json('webhook', 'show', 'app-0')
  assert.deepEqual(pluck(shown.givenUp, 'error'), ['400 Bad Request: a bad one', '400 Bad Request: a bad one'])
  assert.match((await scene.operator.run(['doctor'])).stdout, /2 events were given up for app-0/)

  app.answer = () => 204
  const { replayed } = await scene.operator.json('webhook', 'replay', 'app-0', shown.givenUp[0].id)
  assert.equal(replayed, 1)
  await app.next('message.created', ({ content }) => content === 'bad 2')
  assert.equal((await scene.operator.json('webhook', 'replay', 'app-0')).replayed, 1)
  await app.next('message.created', ({ content }) => content === 'bad 1')
  assert.deepEqual((await scene.operator.json('webhook', 'show', 'app-0')).givenUp, [])
})

told('a redirect is not followed', { webhook: { ...MESSAGES, retry_for: '0s' } }, async (scene, { app }) => {
  app.answer = ({ url }) => (url === '/events' ? { status: 307, headers: { location: '/elsewhere' } } : 204)
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.say(room, words())
  await scene.daemon.logged(/given up: /)
  assert.deepEqual(pluck(app.requests.all(), 'url'), ['/events'])
})

told('secrets are changed without an event that cannot be verified', { webhook: MESSAGES }, async (scene, { app }) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const next = freshWebhookSecret()
  const both = { ...app.table({ name: 'app-0', ...MESSAGES }), secret: [next, app.secret] }
  await tell(scene, [both])
  await ann.say(room, 'by both')
  await app.next('message.created', ({ content }) => content === 'by both')
  app.secret = next
  await ann.say(room, 'by the new one')
  await app.next('message.created', ({ content }) => content === 'by the new one')
  await tell(scene, [app.table({ name: 'app-0', ...MESSAGES })])
  await ann.say(room, 'by the new one alone')
  const { headers } = await app.next('message.created', ({ content }) => content === 'by the new one alone')
  assert.equal(headers['webhook-signature'].split(' ').length, 1)
})
