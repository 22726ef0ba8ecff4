// Origins: who may speak to the daemon from a browser, on both transports.

import assert from 'node:assert/strict'

import { chat, within } from '../common/harness.mjs'
import { POLL, request } from '../common/raw.mjs'

const APP = 'https://app.example'
const allow = (...origins) => ({ config: { cors: { origins } } })

const poll = (scene, origin, more = {}) => request(scene.daemon, POLL, { ...more, headers: { ...(origin && { origin }), ...more.headers } })
const upgrade = async (scene, origin) => (await scene.rawUnknown({ headers: origin ? { Origin: origin } : {} })).status
const preflight = (scene, origin) =>
  poll(scene, origin, {
    method: 'OPTIONS',
    headers: { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization, content-type' },
  })

chat('by default the same origin only', async (scene) => {
  const own = `http://${scene.daemon.address}`
  assert.equal(await upgrade(scene, own), 101)
  assert.equal((await poll(scene, own)).status, 200)
  assert.equal(await upgrade(scene, APP), 403)
  const foreign = await poll(scene, APP)
  assert.equal(foreign.headers['access-control-allow-origin'], undefined)
  assert.equal((await preflight(scene, APP)).headers['access-control-allow-origin'], undefined)
})

chat('who sends no origin is no browser and may come in', async (scene) => {
  assert.equal(await upgrade(scene, null), 101)
  const { status, headers } = await poll(scene, null)
  assert.deepEqual([status, headers['access-control-allow-origin']], [200, undefined])
})

chat('an allowed origin may, with credentials', allow(APP, 'http://localhost:5173'), async (scene) => {
  for (const origin of [APP, 'http://localhost:5173']) {
    assert.equal(await upgrade(scene, origin), 101)
    const { status, headers } = await poll(scene, origin)
    assert.equal(status, 200)
    assert.equal(headers['access-control-allow-origin'], origin)
    assert.equal(headers['access-control-allow-credentials'], 'true')
    assert.match(headers.vary ?? '', /origin/i)
  }
})

chat('what only looks like an allowed origin may not', allow(APP), async (scene) => {
  for (const origin of ['https://app.example.evil.example', 'http://app.example', 'https://app.example:8443', 'https://evil.example', 'https://xapp.example', 'null', 'https://app.example/']) {
    assert.equal(await upgrade(scene, origin), 403, origin)
    assert.equal((await poll(scene, origin)).headers['access-control-allow-origin'], undefined, origin)
  }
})

chat('a preflight is answered', allow(APP), async (scene) => {
  const { status, headers } = await preflight(scene, APP)
  assert.ok(status === 200 || status === 204, `status ${status}`)
  assert.equal(headers['access-control-allow-origin'], APP)
  assert.equal(headers['access-control-allow-credentials'], 'true')
  assert.match(headers['access-control-allow-methods'], /POST/)
  assert.match(headers['access-control-allow-headers'].toLowerCase(), /authorization/)
  assert.equal(headers['access-control-max-age'], '600')
})

chat('"*" lets everybody in', allow('*'), async (scene) => {
  assert.equal(await upgrade(scene, 'https://anyone.example'), 101)
  const { status, headers } = await poll(scene, 'https://anyone.example')
  assert.equal(status, 200)
  assert.ok(['*', 'https://anyone.example'].includes(headers['access-control-allow-origin']))
})

chat('without credentials none are promised', { config: { cors: { origins: [APP], credentials: false } } }, async (scene) => {
  const { headers } = await poll(scene, APP)
  assert.equal(headers['access-control-allow-origin'], APP)
  assert.equal(headers['access-control-allow-credentials'], undefined)
})

chat('a whole session over polling carries the headers, refusals too', allow(APP), async (scene) => {
  const options = { extraHeaders: { Origin: APP } }
  const ann = await scene.connect('ann', { transport: 'polling', options })
  await scene.create(ann)
  const unknown = await poll(scene, APP, { headers: {} })
  assert.equal(unknown.headers['access-control-allow-origin'], APP)
  const refused = await request(scene.daemon, `${POLL}&sid=unknown`, { headers: { origin: APP } })
  assert.equal(refused.status, 400)
  assert.equal(refused.headers['access-control-allow-origin'], APP)
})

chat('origins are taken on reload; who is in stays in', async (scene) => {
  const bob = await scene.connect('bob')
  assert.equal(await upgrade(scene, APP), 403)
  await scene.daemon.reload({ cors: { origins: [APP] } })
  assert.equal(await upgrade(scene, APP), 101)
  const ann = await scene.connect('ann', { options: { extraHeaders: { Origin: APP } } })
  await scene.daemon.reload({ cors: { origins: [] } })
  assert.equal(await upgrade(scene, APP), 403)
  const room = await scene.create(ann, [bob])
  await within(5_000, scene.fence(ann, room, bob), 'a message between those who are in')
})
