import assert from 'node:assert/strict'

import { chat } from '../common/harness.mjs'

chat('a drain sends everybody away and lets nobody in, until a shutdown ends it', async (scene) => {
  const { daemon, operator } = scene
  const [ann, bob] = [await scene.connect('ann'), await scene.connect('bob', { transport: 'polling' })]
  assert.deepEqual(await operator.json('drain', '--wait'), { connections: 2 })
  for (const client of [ann, bob]) {
    assert.ok((await client.next('server:shutdown')).reconnectAfterMs > 0)
    await client.ended()
  }
  const status = await operator.json('status')
  assert.equal(status.state, 'draining')
  assert.equal(status.stats.connections.total, 0)
  assert.match(await operator.ok('status'), /draining/)
  await assert.rejects(scene.client('carol').open())
  assert.equal(await operator.ok('shutdown', '--wait'), '✓ the daemon has ended\n')
  assert.deepEqual(await daemon.exited, { code: 0, signal: null })
  daemon.assertLog()
})

chat('a shutdown ends the daemon as SIGTERM does', async (scene) => {
  const { daemon, operator } = scene
  const ann = await scene.connect('ann')
  assert.equal(await operator.ok('shutdown'), '✓ the daemon is ending\n')
  await ann.next('server:shutdown')
  assert.deepEqual(await daemon.exited, { code: 0, signal: null })
})
