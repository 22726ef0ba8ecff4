import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { chatctl } from '../common/ctl.mjs'
import { chat, pluck, words } from '../common/harness.mjs'

chat('a backup under load is whole, and a restore is another history', { comesBack: true, timeout: 90_000 }, async (scene) => {
  const { daemon, operator } = scene
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const kept = await ann.say(room, words('kept'))
  const chatter = scene.chatter([ann, bob], room)
  const file = join(daemon.dir, 'copy.db')
  const backup = await operator.json('backup', file)
  const saidThen = await chatter.stop()
  assert.equal(backup.epoch, ann.connected.epoch)
  assert.equal(statSync(file).size, backup.bytes)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(daemon.stateDir).filter((name) => name.includes('backup')), [], 'no copy is left behind')
  assert.match(await operator.fails(1, 'backup', file), /is there already\n {2}→ --force/)
  assert.match(await operator.ok('store', 'check', file), /is sound/)
  assert.match(await operator.fails(1, 'restore', file, '--yes'), /a daemon runs/)

  await ann.say(room, words('lost'))
  scene.close()
  await operator.ok('shutdown', '--wait')
  assert.deepEqual(await daemon.exited, { code: 0, signal: null })
  const place = ['--config', daemon.configFile, '--state-dir', daemon.stateDir]
  assert.match(await operator.fails(2, 'restore', file, ...place), /to put .*copy\.db .* into the place of the database needs a yes/)
  assert.match(await operator.ok('restore', file, '--yes', ...place), /^restored from .*; what was there is .*before-\d+\.db\n$/)
  await daemon.start()
  const again = await scene.connect('ann', { resume: { epoch: backup.epoch, conversations: { [room]: kept.seq } } })
  assert.notEqual(again.connected.epoch, backup.epoch)
  assert.equal(again.connected.resumed[room].status, 'reset')
  const seqs = pluck(await again.history(room, { limit: 200 }), 'seq')
  assert.ok(seqs.includes(kept.seq))
  assert.ok(seqs.length <= saidThen.length + 1)
  assert.deepEqual(seqs, [...seqs].sort((a, b) => a - b))
})

chat('the copy that a daemon was killed over is taken away by the next one', { comesBack: true }, async ({ daemon, operator }) => {
  const raw = await operator.raw()
  // Begun, and never read.
  assert.ok((await raw.ask({ method: 'backup' })).result)
  const copies = () => readdirSync(daemon.stateDir).filter((name) => name.includes('backup'))
  raw.socket.pause()
  writeFileSync(join(daemon.stateDir, 'chatd.backup-1-7'), 'half of a copy')
  await daemon.crash()
  assert.ok(copies().length > 0)
  await daemon.start()
  assert.deepEqual(copies(), [])
})

chat('a state directory that has no name in UTF-8 is refused, and nothing is made elsewhere', async ({ daemon }) => {
  const before = readdirSync(daemon.dir)
  const script = `exec ${chatctl()} store vacuum --state-dir "$(printf '%b' '${daemon.dir}/state-\\xff')"`
  const { status, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8', env: { ...process.env, CHATD_SOCKET: `${daemon.dir}/none.sock` } })
  assert.ok(status > 0, stderr)
  assert.match(stderr, /UTF-8/)
  assert.deepEqual(readdirSync(daemon.dir), before)
})

chat('a backup goes to standard output', async ({ operator, daemon }) => {
  const { chatctl } = await import('../common/ctl.mjs')
  const copy = execFileSync(chatctl(), ['--socket', daemon.adminSocket, 'backup', '-'])
  assert.equal(copy.subarray(0, 15).toString(), 'SQLite format 3')
  const file = join(daemon.dir, 'piped.db')
  writeFileSync(file, copy)
  assert.match(await operator.ok('store', 'check', file), /is sound/)
})

chat('what is no backup is not restored, and nothing is changed', { comesBack: true }, async ({ operator, daemon }) => {
  await daemon.stop()
  const place = ['--yes', '--config', daemon.configFile, '--state-dir', daemon.stateDir]
  const before = readFileSync(join(daemon.stateDir, 'chatd.db'))
  const files = { 'text.db': 'not a database at all, but long enough to be read as one', 'empty.db': '' }
  for (const [name, text] of Object.entries(files)) {
    const file = join(daemon.dir, name)
    writeFileSync(file, text)
    assert.match(await operator.fails(1, 'restore', file, ...place), /^error: .* is no database of chatd/)
  }
  assert.match(await operator.fails(1, 'restore', join(daemon.dir, 'nowhere.db'), ...place), /No such file/)
  assert.deepEqual(readFileSync(join(daemon.stateDir, 'chatd.db')), before)
  await daemon.start()
})

chat('a restore that is killed at its last step leaves what was there', { comesBack: true }, async (scene) => {
  const { daemon, operator } = scene
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const file = join(daemon.dir, 'copy.db')
  await operator.ok('backup', file)
  const later = await ann.say(room, words('later'))
  scene.close()
  await daemon.stop()
  // As it is about to give the copy the name of the database.
  const kill = ['-f', '-qq', '-o', '/dev/null', '-e', 'inject=rename,renameat,renameat2:signal=SIGKILL']
  const place = ['--config', daemon.configFile, '--state-dir', daemon.stateDir]
  const killed = spawnSync('strace', [...kill, chatctl(), 'restore', file, '--yes', ...place])
  assert.notEqual(killed.status, 0)
  await daemon.start()
  const again = await scene.connect('ann')
  assert.deepEqual(pluck(await again.history(room), 'id'), [later.id])
})

chat('the database is checked, migrated and shrunk', { comesBack: true }, async (scene) => {
  const { operator, daemon } = scene
  assert.deepEqual(await operator.json('store', 'check'), { sound: true, problems: [] })
  assert.match(await operator.ok('store', 'check'), /^✓ the database is sound\n$/)
  assert.deepEqual(await operator.json('store', 'prune'), { messages: 0 })
  assert.match(await operator.fails(1, 'store', 'vacuum'), /a daemon runs/)
  await daemon.stop()
  const place = ['--config', daemon.configFile, '--state-dir', daemon.stateDir]
  assert.match(await operator.ok('store', 'check', ...place), /is sound \(schema \d+\)/)
  assert.match(await operator.ok('store', 'migrate', ...place), /schema \d+ is current/)
  assert.match(await operator.ok('store', 'vacuum', ...place), /bytes before/)
  await daemon.start()
  assert.ok(existsSync(daemon.adminSocket))
})

chat('pruning takes what retention does not keep', { config: { messages: { retention: '1s' } } }, async (scene) => {
  const { operator } = scene
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const { timestamp } = await ann.say(room, words())
  await new Promise((done) => setTimeout(done, Date.parse(timestamp) + 1_050 - Date.now()))
  assert.deepEqual(await operator.json('store', 'prune'), { messages: 1 })
})
