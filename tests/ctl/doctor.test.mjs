import assert from 'node:assert/strict'

import { chat, pluck, until, words } from '../common/harness.mjs'

chat('the doctor looks at every part and says what to do', async ({ operator }) => {
  const { findings } = await operator.json('doctor')
  assert.deepEqual(pluck(findings, 'part'), ['configuration', 'delivery', 'store', 'plugins', 'disk', 'files', 'devices', 'clock'])
  const of = Object.fromEntries(findings.map((finding) => [finding.part, finding]))
  assert.equal(of.delivery.verdict, 'good')
  assert.match(of.delivery.detail, /ms through store and bus/)
  assert.equal(of.store.verdict, 'good')
  assert.ok(findings.every(({ verdict, advice }) => verdict === 'good' || advice))
  assert.match(await operator.ok('doctor'), /^✓ configuration {2}.*config\.toml\n✓ delivery/)
})

chat('a lockdown tightens the limits, over a reload too, and ends by itself', async (scene) => {
  const { daemon, operator } = scene
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const locked = await operator.json('lockdown', '3', '--for', '3s')
  assert.equal(locked.level, 3)
  assert.match(await operator.ok('status'), /! lockdown at level 3; it ends in/)
  await daemon.reload({ typing: { timeout: '5s' } })
  const acks = await Promise.all(Array.from({ length: 10 }, () => ann.emit('message:send', { conversationId: room, content: words() })))
  assert.ok(acks.some(({ error }) => error?.code === 'RATE_LIMITED'))
  await assert.rejects(scene.client('carol').open(), 'nobody new comes in')
  assert.ok(bob.isOpen)
  await until(async () => (await operator.json('status')).lockdown.level === 0, 'the lockdown to end')
  await scene.connect('carol')
  await operator.ok('lockdown', '1')
  assert.equal(await operator.ok('lockdown', '0'), '✓ the limits are those of the configuration\n')
  assert.match(await operator.fails(2, 'lockdown', '4'), /invalid value/)
})
