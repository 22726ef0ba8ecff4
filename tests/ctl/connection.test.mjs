import assert from 'node:assert/strict'

import { chat } from '../common/harness.mjs'

chat('connections are listed by ids of their own, never by those that are secrets', async (scene) => {
  const { operator } = scene
  const ann = await scene.connect('ann', { device: 'phone' })
  const bob = await scene.connect('bob', { transport: 'polling' })
  const list = await operator.json('connection', 'list')
  assert.equal(list.total, 2)
  assert.deepEqual(list.connections.map(({ user, device, transport, address }) => [user, device, transport, address]), [
    ['ann', 'phone', 'websocket', '127.0.0.1'], ['bob', null, 'polling', '127.0.0.1'],
  ])
  for (const { socket } of [ann, bob]) {
    assert.ok(!JSON.stringify(list).includes(socket.id) && !JSON.stringify(list).includes(socket.io.engine.id))
  }
  const { connection } = list.connections[0]
  assert.match(connection, /^c\d+$/)
  const shown = await operator.json('connection', 'show', connection)
  assert.ok(shown.bytesIn > 0 && shown.bytesOut > 0)
  assert.match(await operator.ok('connection', 'show', connection), /user +ann\n +device +phone\n +transport +websocket/)
  assert.deepEqual((await operator.json('connections', 'ls', '--user', 'bob')).total, 1)
})

chat('one connection is kicked and the user\'s others stay', async (scene) => {
  const { operator } = scene
  const [first, second] = [await scene.connect('ann'), await scene.connect('ann')]
  const { connections } = await operator.json('connection', 'list', '--user', 'ann')
  assert.deepEqual(await operator.json('connection', 'kick', connections[0].connection, '--reason', 'old'), { user: 'ann', devices: 1 })
  await first.next('error', ({ message }) => /: old$/.test(message))
  await first.ended()
  assert.ok(second.isOpen)
  assert.match(await operator.fails(5, 'connection', 'show', 'c999'), /no connection c999/)
  assert.match(await operator.fails(2, 'connection', 'kick', 'phone'), /expected an id such as c12/)
  assert.match(await operator.fails(5, 'connection', 'list', '--user', 'nobody'), /not connected/)
})
