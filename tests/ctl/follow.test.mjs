import assert from 'node:assert/strict'

import { chat, range, words } from '../common/harness.mjs'

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

chat('who follows and reads too slowly is told what was left out, and holds nobody up', { timeout: 90_000 }, async (scene) => {
  const { operator, daemon } = scene
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const raw = await operator.raw()
  assert.ok((await raw.ask({ method: 'events', params: { content: true } })).result)
  raw.socket.pause()
  const before = daemon.memoryKib()
  const content = 'x'.repeat(1_000)
  const began = performance.now()
  let sent = 0
  // What the kernel keeps for a socket, what waits behind it, and more than that.
  for (; sent < 3_000; sent += 50) await Promise.all(range(1, 50).map(() => ann.say(room, content)))
  assert.ok(performance.now() - began < 30_000)
  assert.ok(daemon.memoryKib() - before < 65_536, `${daemon.memoryKib() - before} KiB more`)
  raw.socket.resume()
  let [seen, missed] = [0, 0]
  while (seen + missed < sent) {
    const { params } = await raw.next()
    if (params.missed) missed += params.missed
    else if (params.item?.event === 'message:new') seen += 1
    // What was left out last is told with what comes next.
    if (seen + missed < sent) await ann.ok('typing:start', { conversationId: room })
  }
  assert.ok(missed > 0 && seen > 0, `${seen} seen, ${missed} missed of ${sent}`)
  raw.kill()
})
