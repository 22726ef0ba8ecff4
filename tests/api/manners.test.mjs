// The manners of the API: keys, scopes and networks, problems, limits, and requests that come again.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

import { API, Api, KEY } from '../common/api.mjs'
import { chat, pluck, range } from '../common/harness.mjs'
import { hangUp, request } from '../common/raw.mjs'
import { merge } from '../common/toml.mjs'
import { until } from '../common/wait.mjs'

const key = () => randomBytes(32).toString('hex')
const [READ, WRITE, FAR, NEAR] = [key(), key(), key(), key()]
const hashed = (text) => `sha256:${createHash('sha256').update(text).digest('hex')}`

chat('a key is asked for, and held to its scopes and networks', {
  config: {
    api: {
      enabled: true,
      keys: [
        { name: 'reader', key: hashed(READ), scopes: ['read'] },
        { name: 'writer', key: WRITE },
        { name: 'far', key: FAR, networks: ['10.0.0.0/8'] },
        { name: 'near', key: NEAR, networks: ['127.0.0.1', '::1'] },
      ],
    },
  },
}, async (scene) => {
  const { daemon } = scene
  const missing = await new Api(daemon, '').fails(401, 'TOKEN_MISSING', 'GET', '/users')
  assert.equal(missing.headers.get('www-authenticate'), 'Bearer')
  await new Api(daemon, '').fails(401, 'TOKEN_MISSING', 'GET', '/nowhere')
  await new Api(daemon, '').fails(401, 'TOKEN_MISSING', 'GET', '/users', undefined, { authorization: `Basic ${READ}` })
  await new Api(daemon, key()).fails(401, 'TOKEN_INVALID', 'GET', '/users')
  await new Api(daemon, hashed(READ)).fails(401, 'TOKEN_INVALID', 'GET', '/users')
  const reader = new Api(daemon, READ)
  await reader.ok('GET', '/users')
  await reader.fails(403, 'FORBIDDEN', 'PUT', '/users/ann')
  const writer = new Api(daemon, WRITE)
  await writer.ok('PUT', '/users/ann')
  await writer.ok('GET', '/users', undefined, { authorization: `bearer  ${WRITE}` })
  await writer.fails(403, 'FORBIDDEN', 'PUT', '/users/ann/ban')
  await writer.fails(403, 'FORBIDDEN', 'GET', '/users/ann/export')
  await new Api(daemon, FAR).fails(403, 'FORBIDDEN', 'GET', '/users')
  await new Api(daemon, NEAR).ok('GET', '/users')
})

chat('no route serves a key without its scope', {
  config: {
    api: {
      enabled: true,
      keys: [{ name: 'reader', key: READ, scopes: ['read'] }, { name: 'writer', key: WRITE, scopes: ['write'] }, { name: 'none', key: FAR, scopes: ['read'], networks: ['10.0.0.0/8'] }],
    },
  },
}, async ({ daemon }) => {
  const reader = new Api(daemon, READ)
  const { paths } = await reader.ok('GET', '/openapi.json')
  let refused = 0
  for (const [path, item] of Object.entries(paths)) {
    for (const [method, { description }] of Object.entries(item).filter(([, operation]) => operation.operationId)) {
      const place = path.replace(/\{\w+\}/g, 'x')
      const [, scope] = description.match(/scope `(\w+)`/)
      const without = { read: [FAR], write: [READ, FAR], admin: [READ, WRITE, FAR] }[scope]
      for (const given of without) {
        await new Api(daemon, given).fails(403, 'FORBIDDEN', method.toUpperCase(), place, method === 'get' ? undefined : {})
        refused += 1
      }
      await new Api(daemon, '').fails(401, 'TOKEN_MISSING', method.toUpperCase(), place)
    }
  }
  assert.ok(refused > 60, `${refused} requests`)
  assert.deepEqual((await reader.ok('GET', '/users')).users, [], 'nothing was done')
})

chat('keys come from a file as well, and a reload takes new ones', {
  config: { api: { enabled: true, keys_file: 'keys.toml' } },
  files: { 'keys.toml': `[[keys]]\nname = "one"\nkey = "${READ}"\n` },
}, async (scene) => {
  const { daemon, operator } = scene
  await new Api(daemon, READ).ok('GET', '/users')
  const file = join(daemon.dir, 'keys.toml')
  writeFileSync(file, `[[keys]]\nname = "two"\nkey = "${hashed(WRITE)}"\nscopes = ["read"]\n`)
  await operator.ok('reload')
  await new Api(daemon, READ).fails(401, 'TOKEN_INVALID', 'GET', '/users')
  await new Api(daemon, WRITE).ok('GET', '/users')
  writeFileSync(file, '[[keys]]\nname = "three"\nkey = "too-short-and-secret"\n')
  daemon.keepSecret('too-short-and-secret')
  const refused = await operator.run(['reload'])
  assert.notEqual(refused.status, 0)
  assert.match(refused.stderr, /api\.keys_file.*"three".*at least 32 bytes/s)
  assert.doesNotMatch(refused.stderr, /too-short-and-secret/)
  await new Api(daemon, WRITE).ok('GET', '/users')
})

chat('what is wrong is told as a problem', { config: API }, async (scene) => {
  const api = new Api(scene.daemon)
  await api.fails(404, 'NOT_FOUND', 'GET', '/nowhere')
  await api.fails(404, 'NOT_FOUND', 'GET', '')
  const method = await api.fails(405, 'INVALID', 'POST', '/users/ann')
  assert.equal(method.headers.get('allow'), 'GET, PUT, DELETE')
  await api.fails(400, 'INVALID', 'PUT', '/users/ann/status', '{')
  await api.fails(400, 'INVALID', 'PUT', '/users/ann/status', '[1]')
  await api.fails(400, 'INVALID', 'PUT', '/users/ann/status')
  await api.fails(415, 'INVALID', 'PUT', '/users/ann/status', '{}', { 'content-type': 'text/plain' })
  const unknown = await api.fails(400, 'INVALID', 'PUT', '/users/ann/status', { status: 'away', mood: 1 })
  assert.match(unknown.body.detail, /mood/)
  assert.match((await api.fails(400, 'INVALID', 'GET', '/users?colour=red')).body.detail, /colour/)
  await api.fails(400, 'INVALID', 'GET', '/users?limit=0')
  await api.fails(400, 'INVALID', 'GET', '/users?limit=201')
  await api.fails(400, 'INVALID', 'GET', '/users?cursor=ann')
  await api.fails(400, 'INVALID', 'GET', `/users/${'x'.repeat(129)}`)
  await api.fails(413, 'TOO_LARGE', 'PUT', '/users/ann/status', { status: 'away', text: 'x'.repeat(1 << 20) })
  const known = await api.request('GET', '/users', undefined, { 'request-id': 'mine-1' })
  assert.equal(known.headers.get('request-id'), 'mine-1')
  assert.notEqual((await api.request('GET', '/users', undefined, { 'request-id': 'x'.repeat(129) })).headers.get('request-id').length, 129)
})

chat('answers have a tag, and are compressed where the caller likes it', { config: merge(API, { compression: { threshold: 64 } }) }, async (scene) => {
  const api = new Api(scene.daemon)
  for (let n = 0; n < 50; n += 1) await api.ok('PUT', `/users/user${n}`)
  const first = await api.request('GET', '/users')
  const tag = first.headers.get('etag')
  const same = await api.request('GET', '/users', undefined, { 'if-none-match': tag })
  assert.deepEqual([same.status, same.text, same.headers.get('etag')], [304, '', tag])
  await api.ok('PUT', '/users/another')
  assert.equal((await api.request('GET', '/users', undefined, { 'if-none-match': tag })).status, 200)
  const raw = await request(scene.daemon, '/api/v1/users', { headers: { authorization: `Bearer ${KEY}`, 'accept-encoding': 'gzip' } })
  assert.equal(raw.headers['content-encoding'], 'gzip')
  assert.equal(JSON.parse(gunzipSync(raw.bytes)).users.length, 50)
  const head = await fetch(`${scene.daemon.url}/api/v1/users`, { method: 'HEAD', headers: { authorization: `Bearer ${KEY}` } })
  assert.deepEqual([head.status, await head.text()], [200, ''])
})

chat('a request that comes again is answered as it was, and done once', { config: API, comesBack: true }, async (scene) => {
  const api = new Api(scene.daemon)
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const path = `/conversations/${room}/messages`
  const once = { 'idempotency-key': 'order-7' }
  const first = await api.request('POST', path, { senderId: 'ann', content: 'paid' }, once)
  const again = await api.request('POST', path, { senderId: 'ann', content: 'paid' }, once)
  assert.deepEqual([again.status, again.body], [first.status, first.body])
  assert.deepEqual([first.headers.get('idempotent-replayed'), again.headers.get('idempotent-replayed')], [null, 'true'])
  await api.fails(422, 'INVALID', 'POST', path, { senderId: 'ann', content: 'something else' }, once)
  await api.fails(422, 'INVALID', 'POST', '/users/ann/notifications', { message: 'x' }, once)
  const [one, two] = await Promise.all([1, 2].map(() => api.request('POST', '/users/ann/notifications', { message: 'x' }, { 'idempotency-key': 'n' })))
  const statuses = [one.status, two.status].sort()
  assert.ok(statuses[0] === 201 && (statuses[1] === 409 || statuses[1] === 201), `${statuses}`)
  assert.equal((await api.ok('GET', '/users/ann/notifications')).notifications.length, 1)
  // What was refused may be tried again under its key.
  await api.fails(404, 'NOT_FOUND', 'POST', '/conversations/later/messages', { content: 'x' }, { 'idempotency-key': 'later' })
  await api.ok('POST', '/conversations', { ownerId: 'ann', type: 'group', id: 'later' })
  await api.ok('POST', '/conversations/later/messages', { content: 'x' }, { 'idempotency-key': 'later' })
  for (const wrong of ['', 'a b', 'x'.repeat(256)]) {
    await api.fails(400, 'INVALID', 'POST', path, { senderId: 'ann', content: 'x' }, { 'idempotency-key': wrong })
  }
  await scene.daemon.crash()
  await scene.daemon.start()
  const later = await api.request('POST', path, { senderId: 'ann', content: 'paid' }, once)
  assert.deepEqual([later.status, later.body.message.id, later.headers.get('idempotent-replayed')], [201, first.body.message.id, 'true'])
  assert.deepEqual(pluck((await api.ok('GET', path)).messages, 'content'), ['paid'])
})

chat('who hangs up and asks again has it done once', { config: API }, async (scene) => {
  const { daemon } = scene
  const api = new Api(daemon)
  const path = '/users/ann/notifications'
  const messages = range(1, 40).map((n) => `entry ${n}`)
  for (const message of messages) {
    const [body, key] = [JSON.stringify({ message }), message.replace(' ', '-')]
    const head = [`POST /api/v1${path} HTTP/1.1`, 'Host: chatd', `Authorization: Bearer ${KEY}`, 'Content-Type: application/json',
      `Idempotency-Key: ${key}`, `Content-Length: ${body.length}`]
    await hangUp(daemon, `${head.join('\r\n')}\r\n\r\n${body}`)
    const again = () => api.request('POST', path, { message }, { 'idempotency-key': key })
    const { status } = await until(async () => {
      const answer = await again()
      return answer.status !== 409 && answer
    }, 'the first one to be over', { every: 2 })
    assert.equal(status, 201)
  }
  const { notifications } = await api.ok('GET', `${path}?limit=200`)
  assert.deepEqual(pluck(notifications, 'message').reverse(), messages)
})

chat('a listener of its own keeps the API from where the clients come in', {
  config: merge(API, { api: { listen: '127.0.0.1:0' } }),
}, async (scene) => {
  const { daemon } = scene
  const { address } = await daemon.logged('api')
  const main = await fetch(`${daemon.url}/api/v1/users`)
  assert.equal(main.status, 404)
  await new Api(daemon, KEY, `http://${address}`).ok('GET', '/users')
  assert.equal((await fetch(`http://${address}/socket.io/?EIO=4&transport=polling`)).status, 404)
  assert.equal((await fetch(`http://${address}/api/v1/openapi.json`)).status, 200)
})

chat('without [api] there is no such path', {}, async (scene) => {
  assert.equal((await fetch(`${scene.daemon.url}/api/v1/users`)).status, 404)
  assert.equal((await fetch(`${scene.daemon.url}/api/v1/openapi.json`)).status, 404)
})
