import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

import { chatctl } from '../common/ctl.mjs'
import { chat, until, pluck, range, words } from '../common/harness.mjs'

async function past(scene) {
  const [alice, bob] = await scene.users('alice', 'bob')
  const group = await scene.create(alice, [bob])
  const { conversation } = await alice.ok('conversation:create', { type: 'direct', members: ['bob'] })
  await bob.nextIn('conversation:updated', conversation.id)
  const said = []
  for (const n of range(1, 5)) said.push(await alice.say(n % 2 ? group : conversation.id, words()))
  const answer = await bob.say(group, words('hello @alice'))
  await alice.ok('message:react', { messageId: answer.id, emoji: '👍' })
  return { alice, bob, group, direct: conversation.id, said, answer }
}

chat('an export has all that there is of a person', async (scene) => {
  const { operator, daemon } = scene
  const { group, direct, said } = await past(scene)
  const file = join(daemon.dir, 'alice.jsonl')
  assert.match(await operator.ok('user', 'export', 'alice', file), /lines in/)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const lines = readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line))
  assert.equal(lines[0].user.user, 'alice')
  const of = (kind) => lines.map((line) => line[kind]).filter(Boolean)
  assert.deepEqual(pluck(of('conversation'), 'id').sort(), [group, direct].sort())
  assert.deepEqual(pluck(of('message'), 'id'), pluck(said, 'id'))
  assert.deepEqual(pluck(of('notification'), 'type'), ['mention'])
  assert.match(await operator.fails(1, 'user', 'export', 'alice', file), /is there already[^]*--force/)
  await operator.ok('user', 'export', 'alice', file, '--force')
  assert.equal((await operator.ok('user', 'export', 'alice')).trim().split('\n').length, lines.length)
  assert.match(await operator.fails(5, 'user', 'export', 'alicia'), /did you mean "alice"/)
})

chat('an export that is killed leaves nothing that looks like one', async (scene) => {
  const { operator, daemon } = scene
  await past(scene)
  const file = join(daemon.dir, 'alice.jsonl')
  // The first block too many is its end, by a signal that nobody catches.
  const script = `ulimit -f 1; exec ${chatctl()} user export alice ${file}`
  const killed = spawnSync('bash', ['-c', script], { env: { ...process.env, CHATD_SOCKET: daemon.adminSocket } })
  assert.equal(killed.signal, 'SIGXFSZ', killed.stderr.toString())
  assert.ok(!existsSync(file))
  await operator.ok('user', 'export', 'alice', file)
  assert.ok(existsSync(file))
  // What is no plain file is written into, and stays what it is.
  const link = join(daemon.dir, 'link')
  symlinkSync(file, link)
  await operator.ok('user', 'export', 'alice', link, '--force')
  assert.ok(lstatSync(link).isSymbolicLink())
  await operator.ok('user', 'export', 'alice', '/dev/null')
  assert.ok(lstatSync('/dev/null').isCharacterDevice())
})

chat('a person is erased with what they said', async (scene) => {
  const { operator } = scene
  const { alice, bob, group, direct, said, answer } = await past(scene)
  assert.match(await operator.fails(2, 'user', 'delete', 'alice'), /to erase alice from 2 conversations, and everything they said needs a yes/)
  assert.deepEqual(await operator.json('user', 'delete', 'alice', '--yes'), { user: 'alice', messages: 5, conversations: 2 })
  await alice.ended()
  await alice.next('error')
  for (const { id } of said) {
    const { senderId, content } = await bob.next('message:deleted', (message) => message.id === id)
    assert.match(senderId, /^deleted-/)
    assert.equal(content, null)
  }
  const history = await bob.history(group)
  assert.deepEqual(pluck(history, 'seq'), range(1, 4), 'the order has no hole')
  assert.deepEqual(history.find(({ id }) => id === answer.id).reactions ?? {}, {})
  const { conversations } = await bob.ok('conversation:list', {})
  assert.equal(conversations.find(({ id }) => id === group).ownerId, 'bob')
  assert.equal((await bob.ok('conversation:members', { conversationId: direct })).members.length, 1)
  assert.ok(!(await operator.json('user', 'list')).users.some(({ user }) => user === 'alice'))
  assert.deepEqual(await operator.json('store', 'check'), { sound: true, problems: [] })
  const again = await scene.connect('alice')
  assert.deepEqual((await again.ok('conversation:list', {})).conversations, [])
  await again.ok('conversation:create', { type: 'direct', members: ['bob'] })
})

chat('a person is erased and what they said stays without the name; a ban stays too', async (scene) => {
  const { operator } = scene
  const { alice, bob, group } = await past(scene)
  await operator.ok('user', 'ban', 'alice')
  assert.equal((await alice.next('error')).code, 'BANNED')
  await operator.ok('user', 'delete', 'alice', '--messages', 'anonymise', '--yes')
  const left = (await bob.history(group)).filter(({ senderId }) => senderId !== 'bob')
  assert.equal(left.length, 3)
  assert.ok(left.every(({ senderId, content }) => senderId.startsWith('deleted-') && content))
  assert.match(await scene.refused('alice'), /^BANNED/)
})

chat('a person who is here when they are erased is not remembered for having left', { config: { presence: { grace: '100ms' } } }, async (scene) => {
  const { operator } = scene
  const [alice, bob] = await scene.users('alice', 'bob')
  await scene.create(alice, [bob])
  await operator.ok('user', 'delete', 'alice', '--yes')
  await alice.next('error')
  await bob.next('user:offline', ({ userId }) => userId === 'alice')
  // Bob leaves later than she did, so that what would have been kept of her is there by the time it is of him.
  bob.close()
  await until(async () => (await operator.json('user', 'show', 'bob')).lastSeen, 'bob to have been seen last')
  assert.match(await operator.fails(5, 'user', 'show', 'alice'), /no user "alice"/)
})
