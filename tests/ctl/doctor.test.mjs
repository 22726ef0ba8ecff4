import assert from 'node:assert/strict'

import { certificate, scratch } from '../common/certificate.mjs'
import { chat, pluck, until, words } from '../common/harness.mjs'

chat('the doctor looks at every part and says what to do', async ({ operator }) => {
  const { findings } = await operator.json('doctor')
  assert.deepEqual(pluck(findings, 'part'), ['configuration', 'delivery', 'client', 'store', 'plugins', 'disk', 'files', 'devices', 'clock'])
  const of = Object.fromEntries(findings.map((finding) => [finding.part, finding]))
  assert.equal(of.delivery.verdict, 'good')
  assert.match(of.delivery.detail, /ms through store and bus/)
  assert.equal(of.store.verdict, 'good')
  assert.ok(findings.every(({ verdict, advice }) => verdict === 'good' || advice))
  assert.match(await operator.ok('doctor'), /^✓ configuration {2}.*config\.toml\n✓ delivery/)
})

chat('the doctor chats as a client does, and leaves nothing behind', { config: { presence: { grace: '0s' } } }, async ({ daemon, operator }) => {
  const { findings } = await operator.json('doctor')
  const client = findings.find(({ part }) => part === 'client')
  assert.equal(client.verdict, 'good')
  assert.match(client.detail, new RegExp(`^${daemon.address}: a message went through in \\d+\\.\\d ms$`))
  assert.deepEqual((await operator.json('conversation', 'list')).conversations, [])
  await until(async () => (await operator.json('stats')).rooms === 0 && (await operator.json('stats')).connections.total === 0, 'the doctor to hang up')
  assert.deepEqual((await operator.json('user', 'list')).users, [])
  await operator.ok('lockdown', '3')
  const { status, stdout } = await operator.run(['--json', 'doctor'])
  assert.equal(status, 1)
  const shut = JSON.parse(stdout).findings.find(({ part }) => part === 'client')
  assert.equal(shut.verdict, 'bad')
  assert.match(shut.advice, /a lockdown/)
})

for (const [name, script, shown, advice] of [
  ['denies', 'fn on_message(message) { deny("only in the morning") }', /only in the morning/, /the plugin rule refused it/],
  ['holds', 'fn on_message(message) { hold("to be read first") }', /outside of the order/, /holds or hides/],
  ['keeps everybody out', 'fn on_connect(user, connection) { deny("closed") }', /closed/, /the plugin rule refused it/],
]) {
  chat(`the doctor does not blame the daemon for a plugin that ${name}`, { plugins: { rule: script } }, async ({ operator }) => {
    const { findings } = await operator.json('doctor')
    const client = findings.find(({ part }) => part === 'client')
    assert.equal(client.verdict, 'doubtful')
    assert.match(client.detail, shown)
    assert.match(client.advice, advice)
    assert.deepEqual((await operator.json('review', 'list')).messages, [])
  })
}

const dir = scratch()
for (const [name, dates, verdict, detail] of [
  ['good', { to: 90 }, 'good', /^holds for (89|90) days, until \d{4}-/],
  ['soon', { to: 5 }, 'doubtful', /^ends in [45] days, /],
  ['old', { from: -9, to: -1 }, 'bad', /^expired at /],
]) {
  const { cert, key } = certificate(dir, name, dates)
  chat(`the doctor reads the dates of the certificate that is served: ${name}`, { config: { server: { tls: { cert, key } } } }, async ({ operator }) => {
    const { status, stdout } = await operator.run(['--json', 'doctor'])
    const found = JSON.parse(stdout).findings.filter(({ part }) => part === 'certificate' || part === 'client')
    assert.deepEqual(pluck(found, 'verdict'), [verdict, 'good'])
    assert.match(found[0].detail, detail)
    assert.equal(Boolean(found[0].advice), verdict !== 'good')
    assert.equal(status, verdict === 'bad' ? 1 : 0)
  })
}

chat('where clients come by polling alone, the doctor says that it did not chat', { config: { transports: { allow: ['polling'] } } }, async ({ operator }) => {
  const { findings } = await operator.json('doctor')
  assert.match(findings.find(({ part }) => part === 'client').detail, /clients come by polling alone/)
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
