// `GET /api/socket/health`: for load balancers and people.

import assert from 'node:assert/strict'

import { chat, until } from '../common/harness.mjs'
import { request } from '../common/raw.mjs'

const PATH = '/api/socket/health'

chat('health counts connections and rooms', async (scene) => {
  const health = async () => {
    const { status, headers, body } = await request(scene.daemon, PATH)
    assert.equal(status, 200)
    assert.match(headers['content-type'], /^application\/json/)
    return JSON.parse(body)
  }
  assert.deepEqual(await health(), { status: 'ok', socket: { initialized: true, connected: 0, rooms: 0 } })
  const [ann, bob] = await scene.users('ann', 'bob')
  await scene.create(ann, [bob])
  await scene.create(ann, [bob])
  assert.deepEqual(await health(), { status: 'ok', socket: { initialized: true, connected: 2, rooms: 2 } })
  bob.close()
  await until(async () => (await health()).socket.connected === 1, 'the one who left to be counted out')
})

chat('livez and readyz answer probes', async ({ daemon }) => {
  for (const path of ['/livez', '/readyz']) {
    const { status, body } = await request(daemon, path)
    assert.deepEqual([status, JSON.parse(body)], [200, { status: 'ok' }])
    const refused = await request(daemon, path, { method: 'POST' })
    assert.deepEqual([refused.status, refused.headers.allow], [405, 'GET, HEAD'])
  }
})
