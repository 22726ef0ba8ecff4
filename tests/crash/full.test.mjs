// A full disk: what cannot be kept is refused and nothing else, what was acknowledged stays, readers notice nothing, and once
// there is room again the daemon serves as before, without a restart.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { API, Api } from '../common/api.mjs'
import { chat, pause, pluck, range, until } from '../common/harness.mjs'

// The state lies on a small disk of its own, which nobody but the daemon sees.
const wrap = ['unshare', '--map-root-user', '--mount', 'sh', '-c', 'mkdir -p state && mount -t tmpfs -o size=24m none state && exec "$@"', 'sh']
const expectErrors = [/the store takes no writes/, /database or disk is full/]

chat('service through a full disk, and after it', { wrap, expectErrors, config: API, timeout: 90_000 }, async (scene) => {
  const { daemon, operator } = scene
  const disk = `/proc/${daemon.pid}/root${daemon.stateDir}`
  const [ann, bob, eve] = await scene.users('ann', 'bob', 'eve')
  const room = await scene.create(ann, [bob, eve])
  const kept = [await ann.say(room, 'before')]
  const ballast = join(disk, 'ballast')
  for (let size = 1 << 20; size >= 4096; ) {
    try {
      writeFileSync(ballast, Buffer.alloc(size), { flag: 'a' })
    } catch (error) {
      assert.equal(error.code, 'ENOSPC')
      size /= 2
    }
  }
  // What the log has room for still goes in.
  const content = 'x'.repeat(20_000)
  let refused
  while (!refused) {
    const said = await ann.emit('message:send', { conversationId: room, content, clientId: `fill-${kept.length}` })
    if (said.ok) kept.push(said.message)
    else refused = said.error
  }
  assert.equal(refused.code, 'UNAVAILABLE')
  const ready = async () => (await fetch(`${daemon.url}/readyz`)).status
  await until(async () => (await ready()) === 503, 'the daemon to say that it is not ready')
  // It stays so, whatever the daemon writes of its own accord that needs no room.
  for (const look of range(1, 25)) {
    assert.equal(await ready(), 503, `look ${look}`)
    await pause(100)
  }
  assert.equal(daemon.log.all(({ message }) => message === 'the store takes writes again').length, 0)
  const { messages } = await bob.ok('message:history', { conversationId: room, limit: 1 })
  assert.equal(messages[0].id, kept.at(-1).id, 'readers notice nothing')
  const posted = () => new Api(daemon).request('POST', `/conversations/${room}/messages`, { senderId: 'bob', content }, { 'idempotency-key': 'k' })
  assert.equal((await posted()).status, 503)
  assert.match(await operator.fails(1, 'backup', join(daemon.dir, 'copy.db')), /full/)
  assert.ok(!existsSync(join(daemon.dir, 'copy.db')))
  assert.match(await operator.fails(1, 'user', 'delete', 'eve', '--yes'), /takes no writes/)
  const { status, stdout } = await operator.run(['--json', 'doctor'])
  assert.equal(status, 1)
  const verdicts = Object.fromEntries(JSON.parse(stdout).findings.map(({ part, verdict }) => [part, verdict]))
  assert.deepEqual([verdicts.store, verdicts.disk], ['bad', 'bad'])

  rmSync(ballast)
  await until(async () => (await ready()) === 200, 'the daemon to be ready again, of itself')
  const after = await ann.ok('message:send', { conversationId: room, content, clientId: `fill-${kept.length}` })
  assert.equal(after.duplicate, false)
  kept.push(after.message)
  await bob.next('message:new', ({ id }) => id === after.message.id)
  const { status: made, body } = await posted()
  assert.equal(made, 201)
  kept.push(body.message)
  const all = await bob.everything(room)
  assert.deepEqual(pluck(all, 'id'), pluck(kept, 'id'), 'what was acknowledged, and nothing else')
  assert.deepEqual(pluck(all, 'seq'), range(1, kept.length))
  await operator.ok('backup', join(daemon.dir, 'copy.db'))
  await operator.ok('store', 'check')
  assert.deepEqual(readdirSync(disk).filter((name) => name.includes('backup')), [])
})
