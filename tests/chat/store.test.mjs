// The store: what the daemon does when its disk is full, its file is not its own, or another daemon has it.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { Daemon, Scene, chat, pluck, range, until, within, words } from '../common/harness.mjs'
import { smallDisk } from '../common/disk.mjs'
import { request } from '../common/raw.mjs'

const database = (daemon) => join(daemon.stateDir, 'chatd.db')

/** Starts a daemon that must refuse, and tells its exit status and last words. */
async function refusal(daemon) {
  daemon.spawn()
  const { code } = await within(15_000, daemon.exited, 'the daemon to refuse')
  const lines = daemon.log.all().map(({ line }) => line)
  return { code, lines, text: lines.join('\n') }
}

test('a full disk: writing fails with UNAVAILABLE, reading goes on, and it heals', { timeout: 90_000 }, async (t) => {
  const disk = smallDisk(4)
  const daemon = new Daemon({ expectErrors: [/./] })
  daemon.wrap = disk.wrap(daemon.stateDir)
  const scene = new Scene(daemon)
  try {
    await daemon.start()
    const [ann, bob] = await scene.users('ann', 'bob')
    const room = await scene.create(ann, [bob])
    const stored = [await ann.say(room, words())]
    disk.fill(daemon)
    const send = (content, clientId) => ann.emit('message:send', { conversationId: room, content, clientId })
    let refused = null
    for (let n = 0; n < 500 && !refused; n += 1) {
      const ack = await send('f'.repeat(8_000), `n${n}`)
      if (ack.ok) stored.push(ack.message)
      else refused = { error: ack.error, clientId: `n${n}` }
    }
    assert.equal(refused?.error.code, 'UNAVAILABLE', 'a disk that is full must show')
    const ready = await request(daemon, '/readyz')
    assert.deepEqual([ready.status, JSON.parse(ready.body)], [503, { status: 'unavailable', failing: 'store' }])
    assert.equal((await request(daemon, '/livez')).status, 200)
    // Reading goes on, also for those who come now.
    assert.deepEqual(pluck(await bob.history(room), 'id'), pluck(stored.slice(-50), 'id'))
    await bob.ok('conversation:list', {})
    const cyd = await scene.connect('bob')
    await cyd.ok('conversation:join', room)
    assert.equal((await send(words(), 'still')).error?.code, 'UNAVAILABLE')
    disk.free(daemon)
    // The client retries with the same clientId until it heals.
    const healed = await until(async () => {
      const ack = await send('f'.repeat(8_000), refused.clientId)
      return ack.ok && ack
    }, 'the store to heal', { ms: 30_000, every: 200 })
    assert.equal(healed.message.seq, stored.length + 1, 'what failed left no hole')
    await scene.fence(ann, room, bob)
    assert.deepEqual(pluck(bob.got('message:new'), 'seq'), range(1, stored.length + 2))
    await scene.end()
  } catch (cause) {
    t.diagnostic(daemon.tail())
    throw cause
  } finally {
    scene.close()
    await daemon.dispose()
  }
})

chat('a store of a newer version is refused with 69 and left as it is', async (scene) => {
  const { daemon } = scene
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.say(room, words())
  ann.close()
  await daemon.stop()
  execFileSync('python3', ['-c', 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute("PRAGMA user_version = 9999"); c.commit(); c.execute("PRAGMA wal_checkpoint(TRUNCATE)"); c.close()', database(daemon)])
  const before = readFileSync(database(daemon))
  daemon.expectErrors(/./)
  const { code, text } = await refusal(daemon)
  assert.equal(code, 69, text)
  assert.match(text, /9999/)
  assert.deepEqual(readFileSync(database(daemon)), before)
})

const broken = {
  'a file that is no database': (daemon) => {
    mkdirSync(daemon.stateDir, { recursive: true })
    writeFileSync(database(daemon), 'this is a shopping list, not a database\n'.repeat(500))
  },
  'a directory in its place': (daemon) => mkdirSync(database(daemon), { recursive: true }),
  'a state directory that is a file': (daemon) => writeFileSync(daemon.stateDir, ''),
  'a directory that does not exist': (daemon) => daemon.writeConfig({ store: { url: 'sqlite:/nowhere/at/all/chatd.db' } }),
}

for (const [why, spoil] of Object.entries(broken)) {
  test(`the start is refused with 69: ${why}`, { timeout: 30_000 }, async () => {
    const daemon = new Daemon({ expectErrors: [/./] })
    try {
      spoil(daemon)
      const { code, lines, text } = await refusal(daemon)
      assert.equal(code, 69, text)
      assert.ok(lines.length > 0 && lines.length < 10, 'a clear word, not a flood')
      assert.ok(!/panicked|backtrace/i.test(text), text)
    } finally {
      await daemon.dispose()
    }
  })
}

chat('one store, one daemon', async (scene) => {
  const { daemon } = scene
  const ann = await scene.connect('ann')
  const second = new Daemon({ config: { auth: { secret: daemon.secret } }, expectErrors: [/./] })
  second.stateDir = daemon.stateDir
  try {
    const { code, text } = await refusal(second)
    assert.equal(code, 69, text)
  } finally {
    await second.dispose()
  }
  await scene.create(ann)
})

chat('durability "normal" stores and survives kill -9 as well', { comesBack: true, config: { store: { durability: 'normal' } } }, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const sent = await Promise.all(range(1, 100).map(() => ann.say(room, words())))
  await scene.daemon.crash()
  await scene.daemon.start()
  const again = await scene.connect('ann')
  assert.deepEqual(pluck(await again.history(room, { limit: 200 }), 'id'), pluck(sent, 'id'))
})

chat('the database may lie elsewhere', async (scene) => {
  const { daemon } = scene
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await ann.say(room, words())
  await daemon.stop()
  daemon.writeConfig({ store: { url: `sqlite:${join(daemon.dir, 'elsewhere.db')}` } })
  await daemon.start()
  const again = await scene.connect('ann')
  await again.fails('NOT_FOUND', 'message:history', { conversationId: room })
  assert.notEqual(again.connected.epoch, ann.connected.epoch, 'another store, another history')
  assert.ok(readFileSync(join(daemon.dir, 'elsewhere.db')).length > 0)
})

chat('what people write is readable to the daemon alone', async (scene) => {
  const ann = await scene.connect('ann')
  await ann.say(await scene.create(ann), words())
  for (const suffix of ['', '-wal', '-shm']) {
    assert.equal(statSync(database(scene.daemon) + suffix).mode & 0o777, 0o600, suffix)
  }
})
