// SIGTERM: clients are told, what was accepted is answered, and the end comes in time whoever does not read.

import assert from 'node:assert/strict'

import { chat, pluck, range, until, within, words } from '../common/harness.mjs'
import { POLL, PollingSession, request } from '../common/raw.mjs'

const exit = async (daemon, ms) => {
  const since = performance.now()
  const outcome = await within(ms, daemon.exited, 'the daemon to end')
  return { ...outcome, took: performance.now() - since }
}

for (const signal of ['SIGTERM', 'SIGINT']) {
  chat(`${signal} tells every client when to come back, and ends with 0`, async (scene) => {
    const clients = await Promise.all(
      ['websocket', 'polling', 'upgrade'].map((transport) => scene.connect(`user-${transport}`, { transport })),
    )
    await scene.create(clients[0], clients.slice(1))
    scene.daemon.kill(signal)
    for (const client of clients) {
      const { reconnectAfterMs } = await client.next('server:shutdown')
      assert.ok(reconnectAfterMs >= 0 && reconnectAfterMs < 60_000)
      const reason = await client.ended()
      // After "io server disconnect" a client would not come back by itself.
      assert.match(reason, /^transport (close|error)$/, client.transport)
    }
    const { code } = await exit(scene.daemon, 10_000)
    assert.equal(code, 0)
  })
}

chat('a polling client that is between two polls is told as well', async (scene) => {
  const session = await PollingSession.connect(scene.daemon, 'ann')
  scene.daemon.kill('SIGTERM')
  await scene.daemon.logged('draining')
  await session.until('42["server:shutdown"')
  assert.equal((await exit(scene.daemon, 10_000)).code, 0)
})

chat('the times to come back are spread', async (scene) => {
  const clients = await scene.users(...range(1, 30).map((n) => `user-${n}`))
  scene.daemon.kill('SIGTERM')
  const times = await Promise.all(clients.map(async (client) => (await client.next('server:shutdown')).reconnectAfterMs))
  assert.ok(new Set(times).size > 15, times.join(' '))
  await exit(scene.daemon, 10_000)
})

chat('an idle daemon ends at once', async (scene) => {
  scene.daemon.kill('SIGTERM')
  const { code, took } = await exit(scene.daemon, 5_000)
  assert.equal(code, 0)
  assert.ok(took < 2_000, `${took} ms`)
})

chat('what was sent before is answered, and what was answered is stored', { comesBack: true, timeout: 90_000 }, async (scene) => {
  const clients = await scene.users(...range(1, 8).map((n) => `user-${n}`))
  const room = await scene.create(clients[0], clients.slice(1))
  const answers = []
  let unanswered = 0
  const flood = clients.flatMap((client) =>
    range(1, 100).map(async (n) => {
      try {
        answers.push(await client.emit('message:send', { conversationId: room, content: words(), clientId: `n${n}` }))
      } catch {
        unanswered += 1
      }
    }),
  )
  await until(() => answers.length >= 50, 'the flood to flow')
  scene.daemon.kill('SIGTERM')
  const { code } = await exit(scene.daemon, 25_000)
  assert.equal(code, 0)
  for (const client of clients) client.close()
  await Promise.all(flood)
  for (const { ok, error } of answers) assert.ok(ok || error.code === 'UNAVAILABLE', JSON.stringify(error))
  await scene.daemon.start()
  const reader = await scene.connect('user-1')
  const stored = new Map()
  for (let after = 0, more = true; more; ) {
    const page = await reader.ok('message:history', { conversationId: room, after, limit: 200 })
    for (const message of page.messages) stored.set(message.id, message)
    after = page.messages.at(-1).seq
    more = page.hasMore
  }
  for (const { ok, message } of answers) if (ok) assert.ok(stored.has(message.id))
  assert.deepEqual(pluck([...stored.values()], 'seq'), range(1, stored.size))
  // Everything that the daemon took it answered before it closed: nothing is stored that nobody was told of.
  const told = new Set(answers.filter(({ ok }) => ok).map(({ message }) => message.id))
  const untold = [...stored.keys()].filter((id) => !told.has(id))
  assert.deepEqual(untold, [], `${unanswered} unanswered`)
})

chat('while it drains nobody new comes in', { config: { server: { drain_timeout: '5s' } } }, async (scene) => {
  const ann = await scene.connect('ann')
  scene.daemon.kill('SIGTERM')
  await ann.next('server:shutdown')
  const late = await request(scene.daemon, POLL).then(({ status }) => status, () => 'refused')
  assert.ok(late === 'refused' || late === 503, `answered ${late}`)
  await exit(scene.daemon, 10_000)
})

/** Clients that have far more to read than the buffers hold, and do not. */
async function deaf(scene, count) {
  const raws = await Promise.all(range(1, count).map((n) => scene.raw(`deaf-${n}`)))
  const ann = await scene.connect('ann')
  const room = await scene.create(ann, [], { members: range(1, count).map((n) => `deaf-${n}`) })
  for (const raw of raws) raw.pause()
  for (let n = 0; n < 400; n += 20) await Promise.all(range(1, 20).map(() => ann.say(room, 'x'.repeat(32 * 1024))))
  return { raws, ann }
}

const DEAF = (drain) => ({
  config: {
    server: { drain_timeout: drain },
    transports: { write_timeout: '60s', send_buffer_bytes: '64MiB' },
    receipts: { delivered: 'client' },
  },
})

chat('clients that do not read cannot hold up the end', DEAF('3s'), async (scene) => {
  await deaf(scene, 3)
  scene.daemon.kill('SIGTERM')
  const { code, took } = await exit(scene.daemon, 20_000)
  assert.equal(code, 0)
  assert.ok(took < 6_000, `${took} ms with a drain_timeout of 3 s`)
})

chat('a second signal ends it at once', DEAF('60s'), async (scene) => {
  const { ann } = await deaf(scene, 1)
  scene.daemon.kill('SIGTERM')
  await ann.next('server:shutdown')
  assert.ok(scene.daemon.running, 'still waiting for the one who does not read')
  scene.daemon.kill('SIGTERM')
  const { took } = await exit(scene.daemon, 10_000)
  assert.ok(took < 2_000, `${took} ms`)
})

chat('clients come back by themselves to the next daemon', { comesBack: true, timeout: 90_000 }, async (scene) => {
  const ann = await scene.connect('ann')
  const bob = scene.client('bob', { options: { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 300 } })
  await bob.open()
  const room = await scene.create(ann, [bob])
  await scene.daemon.stop()
  assert.match(await bob.ended(), /^transport/)
  await scene.daemon.start()
  await bob.next('connected')
  const again = await scene.connect('ann')
  await scene.fence(again, room, bob)
})
