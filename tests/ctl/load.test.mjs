import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'

import { chatctl } from '../common/ctl.mjs'
import { chat, pause, pluck, range } from '../common/harness.mjs'

chat('operators at work do not disturb the chat, also where they are cut off in the middle', { timeout: 90_000 }, async (scene) => {
  const { daemon, operator } = scene
  const clients = await Promise.all(range(0, 19).map((n) => scene.connect(`user-${n}`)))
  const room = await scene.create(clients[0], clients.slice(1))
  const chatter = scene.chatter(clients, room)
  const raw = await operator.raw()
  const methods = [
    { method: 'status' },
    { method: 'connection.list', params: { limit: 100 } },
    { method: 'user.list', params: { limit: 100 } },
    { method: 'conversation.members', params: { conversation: room, limit: 100 } },
    { method: 'user.notify', params: { user: 'user-3', message: 'hello' } },
    { method: 'user.mute', params: { user: 'ghost', force: true } },
    { method: 'user.unmute', params: { user: 'ghost' } },
  ]
  for (const n of range(0, 999)) {
    const { error } = await raw.ask({ ...methods[n % methods.length], id: n })
    assert.equal(error, undefined, JSON.stringify(error))
  }
  // Killed whenever it may be: a backup, a ban, a deletion are done or not done, and never half done.
  for (const n of range(0, 9)) {
    const args = [['backup', `${daemon.dir}/cut-${n}.db`], ['user', 'ban', 'ghost'], ['user', 'delete', 'ghost', '--yes']][n % 3]
    const child = spawn(chatctl(), ['--socket', daemon.adminSocket, ...args], { stdio: 'ignore' })
    const closed = new Promise((done) => child.once('close', done))
    await pause(n * 3)
    child.kill('SIGKILL')
    await closed
  }
  const said = await chatter.stop()
  assert.deepEqual(pluck(said, 'seq').sort((a, b) => a - b), range(1, said.length))
  assert.equal((await operator.json('status')).state, 'ready')
  assert.deepEqual(await operator.json('store', 'check'), { sound: true, problems: [] })
  for (const client of clients) assert.deepEqual(client.disconnects.all(), [])
})
