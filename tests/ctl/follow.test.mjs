import assert from 'node:assert/strict'

import { chat, words } from '../common/harness.mjs'

chat('events are followed without what was said, filtered by whom and where', async (scene) => {
  const { operator } = scene
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const other = await scene.create(ann, [bob])
  const all = operator.follow('--json', 'events')
  const here = operator.follow('--json', 'events', 'message:new', '--conversation', room, '--content')
  // Both are watching once they have seen something.
  const seen = async (feed, id) => {
    for (let n = 0; ; n += 1) {
      const content = words('probe')
      await ann.say(id, content)
      try {
        return await feed.next(({ event }) => event === 'message:new', 'a probe', 500)
      } catch (cause) {
        if (n > 20) throw cause
      }
    }
  }
  await seen(all, room)
  await seen(here, room)
  const content = words()
  await ann.say(other, words())
  const said = await bob.say(room, content)
  const shown = await here.next(({ user }) => user === 'bob', 'what bob said')
  assert.deepEqual({ ...shown, at: null }, { event: 'message:new', user: 'bob', conversation: room, message: said.id, seq: said.seq, content, at: null })
  assert.ok(here.all().every(({ event, conversation }) => event === 'message:new' && conversation === room))
  const unsaid = await all.next(({ message }) => message === said.id, 'the same without its content')
  assert.ok(!('content' in unsaid))
  await bob.ok('typing:start', { conversationId: room })
  await all.next(({ event, user }) => event === 'typing:start' && user === 'bob', 'typing')
  await operator.ok('kick', 'bob')
  await bob.next('error')
  await all.next(({ event, user, code }) => event === 'user:dismissed' && user === 'bob' && code === 'FORBIDDEN', 'the kick')
  all.stop()
  here.stop()
})

chat('the log is read and followed, also below its own level', async (scene) => {
  const { operator, daemon } = scene
  const recent = (await operator.ok('--json', 'log')).trim().split('\n').map((line) => JSON.parse(line))
  assert.ok(recent.some(({ message }) => message === 'ready'))
  assert.ok(recent.every(({ level }) => level !== 'DEBUG'))
  assert.equal((await operator.ok('log', '--lines', '1')).trim().split('\n').length, 1)
  assert.match(await operator.ok('log'), /Z {2}INFO chatd::daemon::serve: ready .*store=/)
  const lines = operator.follow('--json', 'log', '--follow', '--level', 'debug', '--lines', '0')
  const connected = ({ message, level }) => message === 'connected' && level === 'DEBUG'
  for (let n = 0; ; n += 1) {
    const client = await scene.connect(`user-${n}`)
    client.close()
    if (await lines.next(connected, 'a line below the level', 500).catch(() => null)) break
    assert.ok(n < 20)
  }
  lines.stop()
  assert.deepEqual(daemon.log.all(({ level }) => level === 'DEBUG'), [], 'the log itself goes on as it was')
  assert.match(await operator.fails(2, 'log', '--level', 'loud'), /invalid value/)
})
