import assert from 'node:assert/strict'

import { chat, until, words } from '../common/harness.mjs'

const isKick = ({ message }) => /^you were disconnected by an operator/.test(message)

chat('a kick disconnects all devices, or one, and tells them why', async (scene) => {
  const { operator, daemon } = scene
  const phone = await scene.connect('alice', { device: 'phone' })
  const laptop = await scene.connect('alice', { device: 'laptop' })
  assert.deepEqual(await operator.json('kick', 'alice', '--device', 'phone'), { user: 'alice', devices: 1 })
  assert.equal((await phone.next('error', isKick)).code, 'FORBIDDEN')
  assert.equal(await phone.ended(), 'io server disconnect')
  assert.ok(laptop.isOpen)
  const text = await operator.ok('user', 'kick', 'alice', '--reason', 'log in again')
  assert.equal(text, '✓ 1 device disconnected from alice\n')
  assert.match((await laptop.next('error', isKick)).message, /: log in again$/)
  await laptop.ended()
  const line = await daemon.log.next((entry) => entry.message === 'admin command' && entry['command.name'] === 'user.kick', 'the audit line')
  assert.equal(line['command.target'], 'user alice')
  assert.equal(line['command.outcome'], 'done')
  assert.equal(line['peer.uid'], process.getuid())
  await scene.connect('alice')
})

chat('who is not there: the nearest names, and exit status 5', async (scene) => {
  const { operator } = scene
  await scene.connect('alice')
  assert.equal(
    await operator.fails(5, 'kick', 'alic'),
    'error: no user "alic"\n  did you mean "alice"?\n',
  )
  const { error } = JSON.parse(await operator.fails(5, '--json', 'user', 'show', 'zebra'))
  assert.deepEqual(error, { kind: 'NOT_FOUND', message: 'no user "zebra"', hints: [], suggestions: [], exitStatus: 5 })
  assert.match(await operator.fails(5, 'kick', 'alice', '--device', 'tv'), /no device "tv"/)
  assert.match(await operator.fails(2, 'kick', 'a\nb'), /user: expected/)
})

chat('a ban keeps out, over restarts, until it is ended', { comesBack: true }, async (scene) => {
  const { operator, daemon } = scene
  const mallory = await scene.connect('mallory')
  const banned = await operator.json('user', 'ban', 'mallory', '--reason', 'spam')
  assert.deepEqual(banned, { user: 'mallory', conversation: null, until: null, devices: 1 })
  assert.equal((await mallory.next('error')).code, 'BANNED')
  await mallory.ended()
  assert.equal(await scene.refused('mallory'), 'BANNED: you are banned: spam')
  await daemon.stop()
  await daemon.start()
  assert.equal(await scene.refused('mallory'), 'BANNED: you are banned: spam')
  const { users } = await operator.json('user', 'list', '--banned')
  assert.deepEqual(users, [{ user: 'mallory', devices: 0, status: null, ban: { until: null, reason: 'spam' }, mute: null }])
  assert.equal(await operator.ok('user', 'unban', 'mallory'), '✓ the ban of mallory has ended\n')
  assert.match(await operator.fails(5, 'user', 'unban', 'mallory'), /mallory is not banned/)
  await scene.connect('mallory')
})

chat('a ban for a time ends by itself, and takes who was never here only by force', async (scene) => {
  const { operator } = scene
  assert.match(await operator.fails(5, 'user', 'ban', 'ghost'), /no user "ghost"\n {2}→ --force/)
  const { until: end } = await operator.json('user', 'ban', 'ghost', '--force', '--for', '1s')
  assert.match(await scene.refused('ghost'), new RegExp(`^BANNED: you are banned until ${end}$`))
  await until(async () => {
    const client = scene.client('ghost')
    return client.open().then(() => true, () => (client.close(), false))
  }, 'the ban to end')
})

chat('a mute lets nobody be heard, anywhere, and a retry still has its answer', async (scene) => {
  const { operator } = scene
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const said = { conversationId: room, content: words(), clientId: 'one' }
  const { message } = await bob.ok('message:send', said)
  await operator.ok('user', 'mute', 'bob', '--for', '1h', '--reason', 'cool down')
  const refusal = await bob.fails('MUTED', 'message:send', { conversationId: room, content: words() })
  assert.match(refusal.message, /^you are muted until .*: cool down$/)
  assert.equal((await bob.ok('message:send', said)).duplicate, true)
  await bob.fails('MUTED', 'message:edit', { messageId: message.id, content: words() })
  await bob.fails('MUTED', 'message:react', { messageId: message.id, emoji: '👍' })
  await bob.fails('MUTED', 'typing:start', { conversationId: room })
  await bob.ok('message:history', { conversationId: room })
  assert.match(await operator.ok('user', 'show', 'bob'), /muted +ends in 59 min: cool down/)
  await operator.ok('user', 'unmute', 'bob')
  await bob.say(room, words())
})

chat('mute and ban in one conversation', async (scene) => {
  const { operator } = scene
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const other = await scene.create(ann, [bob])
  await operator.ok('user', 'mute', 'bob', '--conversation', room)
  await bob.fails('MUTED', 'message:send', { conversationId: room, content: words() })
  await bob.say(other, words())
  await operator.ok('user', 'unmute', 'bob', '--in', room)
  await bob.say(room, words())
  await operator.ok('user', 'ban', 'bob', '--conversation', room, '--for', '2h')
  await bob.nextIn('conversation:deleted', room, () => true).catch(() => bob.next('conversation:deleted'))
  await bob.fails('BANNED', 'message:history', { conversationId: room })
  const members = await operator.ok('conversation', 'members', room)
  assert.match(members, /^bob +member .* ends in 1 h 59 min$/m)
  await operator.ok('user', 'unban', 'bob', '--conversation', room)
  await bob.next('conversation:updated', ({ id }) => id === room)
  assert.match(await operator.fails(5, 'user', 'mute', 'bob', '--conversation', `${room.slice(0, -1)}x`), /did you mean/)
  assert.match(await operator.fails(1, 'user', 'ban', 'ann', '--conversation', room), /cannot be the owner/)
})

chat('lists and details', async (scene) => {
  const { operator } = scene
  await scene.connect('ann', { device: 'phone', status: 'away' })
  const bob = await scene.connect('bob')
  await scene.create(bob, [], { members: ['carol'] })
  assert.deepEqual((await operator.json('user', 'list')).users.map(({ user, devices, status }) => [user, devices, status]), [
    ['ann', 1, 'away'], ['bob', 1, 'online'], ['carol', 0, null],
  ])
  assert.deepEqual((await operator.json('users', 'ls', '--online')).users.map(({ user }) => user), ['ann', 'bob'])
  assert.deepEqual(await operator.json('user', 'list', '--limit', '1'), {
    users: [{ user: 'ann', devices: 1, status: 'away', ban: null, mute: null }], next: 'ann',
  })
  assert.equal((await operator.json('user', 'list', '--limit', '0', 'c')).users.length, 1)
  const shown = await operator.json('user', 'show', 'ann')
  assert.equal(shown.connections[0].device, 'phone')
  assert.equal(shown.status, 'away')
  const text = await operator.ok('user', 'list')
  assert.match(text, /^USER +STATUS +DEVICES +BANNED +MUTED\nann +away +1\n/)
  assert.match(await operator.fails(5, 'user', 'list', '--banned'), /no such users/)
})

chat('notices reach the inbox and every device', async (scene) => {
  const { operator } = scene
  const [ann, bob] = await scene.users('ann', 'bob')
  assert.deepEqual(await operator.json('broadcast', 'maintenance at ten', '--title', 'Notice'), { users: 2 })
  for (const client of [ann, bob]) {
    const { type, title, message } = await client.next('notification:new')
    assert.deepEqual({ type, title, message }, { type: 'operator', title: 'Notice', message: 'maintenance at ten' })
  }
  await operator.ok('user', 'notify', 'ann', 'just you')
  assert.equal((await ann.next('notification:new')).message, 'just you')
  assert.equal(bob.got('notification:new').length, 1)
  const { status } = await operator.run(['broadcast', '--to', 'bob', '-'], { input: 'from a pipe\n' })
  assert.equal(status, 0)
  assert.equal((await bob.next('notification:new', ({ message }) => message === 'from a pipe')).type, 'operator')
  assert.equal((await ann.ok('notification:list', {})).notifications.length, 2)
})
