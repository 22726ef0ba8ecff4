// Which webhooks there are: what a configuration may say, and what becomes of events when it changes.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

import { certificate, scratch } from '../common/certificate.mjs'
import { chat, pluck, until, words } from '../common/harness.mjs'
import { Receiver, freshWebhookSecret } from '../common/receiver.mjs'
import { tell, told } from './common.mjs'

const secret = freshWebhookSecret()
const REFUSED = [
  [{ url: 'http://app.example.com/', secret }, 'must be https'],
  [{ url: 'ftp://app.example.com/', secret }, 'must be https'],
  [{ url: 'https://user:word@app.example.com/', secret }, 'must not hold a user name or password'],
  [{ url: 'https://127.0.0.1/', secret }, 'leads to a private address'],
  [{ url: 'https://[::ffff:10.0.0.1]/', secret }, 'leads to a private address'],
  [{ url: 'https://169.254.169.254/latest', secret }, 'leads to a private address'],
  [{ url: 'http://8.8.8.8/', secret, allow_private: true }, 'http is for private addresses'],
  [{ url: 'nonsense', secret }, '`url` must be a URL'],
  [{ secret }, '`url` must be a URL'],
  [{ url: 'https://app.example.com/' }, 'needs `secret` or `secret_file`'],
  [{ url: 'https://app.example.com/', secret: 'whsec_short' }, '`secret` must be base64'],
  [{ url: 'https://app.example.com/', secret: ['whsec_AAAA'] }, '`secret` must stand for 24 to 64 bytes'],
  [{ url: 'https://app.example.com/', secret_file: '/nowhere/secret' }, '`secret_file` /nowhere/secret'],
  [{ url: 'https://app.example.com/', secret, events: ['message.creatd'] }, 'did you mean `message.created`?'],
  [{ url: 'https://app.example.com/', secret, timeot: '1s' }, 'did you mean `timeout`?'],
  [{ url: 'https://app.example.com/', secret, retry_for: '8d' }, '`retry_for` must be from 0ms to 7d'],
  [{ url: 'https://app.example.com/', secret, name: 'a b' }, '`name` must be 1 to 64 letters'],
]

chat('what cannot be a webhook is refused, and those that are there go on', async (scene) => {
  for (const [table, why] of REFUSED) {
    const { message, reason } = await scene.daemon.reload({ webhooks: [table] })
    assert.equal(message, 'configuration not reloaded', JSON.stringify(table))
    assert.ok(reason.includes(why), `${JSON.stringify(table)}: ${reason}`)
    assert.ok(!reason.includes(secret), 'no secret is shown')
  }
  const twice = { url: 'https://app.example.com/', secret }
  const { reason } = await scene.daemon.reload({ webhooks: [twice, twice] })
  assert.match(reason, /two are called `app.example.com`/)
})

told('a name that leads to a private address is refused when it is looked up', async (scene, { app }) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const table = { ...app.table({ name: 'app-0' }), url: `https://localhost:${app.port}/`, allow_private: false }
  await tell(scene, [table])
  await ann.say(room, words())
  const { reason } = await scene.daemon.logged('the webhook is down, and tried again')
  assert.match(reason, /its address is private/)
  assert.match((await scene.operator.run(['webhook', 'test', 'app-0'])).stderr, /its address is private/)
})

const files = scratch()
const { cert, key, pem } = certificate(files, 'app')
const tls = { cert: pem, key: readFileSync(key) }

told('a certificate that nobody vouches for is refused', { tls, expectErrors: [/rustls_platform_verifier/] }, async (scene, { app }) => {
  assert.match(await scene.operator.fails(1, 'webhook', 'test', 'app-0'), /certificate/)
  assert.equal(app.requests.all().length, 0)
})

told('one that the system trusts is not', { tls, env: { SSL_CERT_FILE: cert } }, async (scene, { app }) => {
  assert.equal((await scene.operator.json('webhook', 'test', 'app-0')).taken, true)
  await app.next('webhook.test')
})

told('over a reload one goes on where it was, a new one begins, and one that is gone is forgotten', async (scene, { app }) => {
  const next = await Receiver.listen()
  try {
    const only = { events: ['message.created'] }
    await tell(scene, [app.table({ name: 'old', ...only })])
    const ann = await scene.connect('ann')
    const room = await scene.create(ann)
    await app.close()
    await ann.say(room, 'while it was away')
    await scene.daemon.logged('the webhook is down, and tried again')
    await tell(scene, [app.table({ name: 'old', ...only }), next.table({ name: 'new', ...only })])
    await ann.say(room, 'to both')
    await next.next('message.created')
    assert.deepEqual(next.taken.all().map(({ data }) => data.content), ['to both'])
    await app.open()
    await app.next('message.created', ({ content }) => content === 'to both')
    assert.deepEqual(app.taken.all().map(({ data }) => data.content), ['while it was away', 'to both'])

    await tell(scene, [next.table({ name: 'new', ...only })])
    await ann.say(room, 'to one')
    await next.next('message.created', ({ content }) => content === 'to one')
    assert.deepEqual(pluck((await scene.operator.json('webhook', 'list')).webhooks, 'name'), ['new'])
    await tell(scene, [])
    await scene.operator.fails(5, 'webhook', 'list')
    assert.equal(app.taken.all().length, 2)
  } finally {
    await next.close()
  }
})

told('what was not told before a restart is told after it, and what was is not', { comesBack: true, webhook: { events: ['message.created'] } }, async (scene, { app }) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.say(room, 'before')
  await app.next('message.created')
  await scene.operator.ok('webhook', 'pause', 'app-0')
  await ann.say(room, 'meanwhile')
  ann.close()
  await scene.daemon.stop()
  await scene.daemon.start()
  const [line] = (await scene.operator.json('webhook', 'list')).webhooks
  assert.deepEqual([line.state, line.waiting, line.dead], ['paused', 1, 0])
  await scene.operator.ok('webhook', 'resume', 'app-0')
  await app.next('message.created', ({ content }) => content === 'meanwhile')
  assert.deepEqual(app.taken.all().map(({ data }) => data.content), ['before', 'meanwhile'])
  await until(async () => (await scene.operator.json('webhook', 'list')).webhooks[0].waiting === 0, 'nothing to wait')
})

told('the end waits for an answer that is on its way', { comesBack: true, webhook: { events: ['message.created'] } }, async (scene, { app }) => {
  app.answer = () => new Promise((answer) => setTimeout(() => answer(204), 400))
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.say(room, 'before')
  await app.requests.next(() => true, 'the request')
  ann.close()
  await scene.daemon.stop()
  await scene.daemon.start()
  const back = await scene.connect('ann')
  await back.say(room, 'after')
  await app.next('message.created', ({ content }) => content === 'after')
  assert.deepEqual(app.requests.all().map(({ data }) => data.content), ['before', 'after'])
})

told('what is secret in a URL is shown to nobody', async (scene, { app }) => {
  const token = scene.daemon.keepSecret('a-token-in-the-query')
  await tell(scene, [{ ...app.table({ name: 'app-0' }), url: `${app.url}?token=${token}` }])
  assert.equal((await scene.operator.json('webhook', 'test', 'app-0')).taken, true)
  assert.equal((await app.next('webhook.test')).url, `/events?token=${token}`)
  const shown = [await scene.operator.ok('webhook', 'show', 'app-0'), await scene.operator.ok('config', 'show')].join()
  assert.ok(shown.includes('/events') && !shown.includes(token), shown)
})

told('an operator sends a test, and reads what was answered', async (scene, { app }) => {
  const { operator } = scene
  const { taken, status } = await operator.json('webhook', 'test', 'app-0')
  assert.deepEqual([taken, status], [true, 204])
  assert.deepEqual((await app.next('webhook.test')).data, { webhook: 'app-0' })
  assert.match(await operator.ok('webhook', 'list'), /^WEBHOOK +STATE[^]*^app-0 +up +0 +- +0 /m)
  assert.match(await operator.ok('webhook', 'show', 'app-0'), /^ +url +http:\/\/127/m)
  app.answer = () => ({ status: 403, body: 'who are you' })
  assert.match(await operator.fails(1, 'webhook', 'test', 'app-0'), /app-0 did not take it: 403 Forbidden: who are you/)
  assert.match(await operator.fails(5, 'webhook', 'show', 'app'), /no webhook "app"/)
  assert.match(await operator.fails(5, 'webhook', 'replay', 'app-0'), /nothing was given up/)
})

told('figures for Prometheus', { config: { metrics: { enabled: true } }, webhook: { events: ['message.created'] } }, async (scene, { app }) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.say(room, words())
  await app.next('message.created')
  const read = async () => (await fetch(`${scene.daemon.url}/metrics`)).text()
  const taken = 'chatd_webhook_attempts_total{webhook="app-0",outcome="taken"} 1'
  await until(async () => (await read()).includes(taken), 'the attempt to be counted')
  const text = await read()
  for (const line of ['chatd_webhook_up{webhook="app-0"} 1', 'chatd_webhook_given_up_total{webhook="app-0"} 0', 'chatd_webhook_dropped_total 0']) {
    assert.ok(text.includes(line), line)
  }
})

told('the outbox holds nothing that everybody has', { webhook: { events: ['message.created'] } }, async (scene, { app }) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  for (let n = 0; n < 20; n += 1) await ann.say(room, words())
  await until(() => app.taken.all().length === 20, 'everything to be told')
  const count = 'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("SELECT COUNT(*) FROM outbox").fetchone()[0])'
  const rows = () => execFileSync('python3', ['-c', count, `${scene.daemon.stateDir}/chatd.db`], { encoding: 'utf8' }).trim()
  await until(() => rows() === '0', 'the outbox to be empty', { every: 200 })
})
