import assert from 'node:assert/strict'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { RawAdmin, run } from '../common/ctl.mjs'
import { Daemon, chat, range, until } from '../common/harness.mjs'

const COMMANDS = { jsonrpc: '2.0', id: 1, method: 'status' }

chat('the socket is closed to others, greets, and goes with the daemon', async ({ daemon, operator }) => {
  const { mode } = statSync(daemon.adminSocket)
  assert.equal(mode & 0o777, 0o660)
  assert.equal(statSync(dirname(daemon.adminSocket)).mode & 0o777, 0o700)
  const raw = await operator.raw()
  assert.deepEqual(Object.keys(raw.greeting.params), ['server', 'version', 'protocol'])
  assert.equal(raw.greeting.method, 'hello')
  assert.equal((await raw.ask({ method: 'status' })).result.state, 'ready')
  await daemon.stop()
  assert.ok(!existsSync(daemon.adminSocket))
})

chat('mode and place are as configured, and what a crash left is cleared away', { comesBack: true }, async ({ daemon }) => {
  const socket = join(daemon.dir, 'operators.sock')
  daemon.writeConfig({ admin: { socket, mode: '0600' } })
  await daemon.stop()
  await daemon.start()
  assert.equal(statSync(socket).mode & 0o777, 0o600)
  await daemon.crash()
  assert.ok(existsSync(socket))
  const { status, stderr } = await run(['status'], { socket })
  assert.equal(status, 3, stderr)
  await daemon.start()
  assert.equal((await run(['status'], { socket })).status, 0)
})

chat('the log names where the socket is', async ({ daemon }) => {
  assert.equal((await daemon.logged('admin socket')).path, daemon.adminSocket)
})

chat('what is no request is answered as JSON-RPC has it', async ({ operator }) => {
  const raw = await operator.raw()
  const answers = [
    ['what', -32700, null],
    ['[]', -32600, null, /batches are not taken/],
    ['"status"', -32600, null, /expected an object/],
    ['{"jsonrpc":"2.0","id":{"a":1},"method":"status"}', -32600, null, /id: expected a string or a number/],
    ['{"jsonrpc":"2.0","id":1,"method":5}', -32600, 1, /method: expected a string/],
    ['{"jsonrpc":"2.0","id":2,"method":"user.kick","params":{"user":5}}', -32602, 2, /^user: expected a string, found 5$/],
    ['{"jsonrpc":"2.0","id":3,"method":"user.kick","params":["ann"]}', -32602, 3, /^params: expected an object$/],
    ['{"jsonrpc":"1.0","id":7,"method":"status"}', -32600, 7],
    ['{"jsonrpc":"2.0","id":"a","method":"status","extra":1}', -32600, 'a'],
    ['{"jsonrpc":"2.0","id":8,"method":"dance"}', -32601, 8],
    ['{"jsonrpc":"2.0","id":9,"method":"status","params":{"loud":true}}', -32602, 9],
  ]
  for (const [line, code, id, message = /./] of answers) {
    raw.write(`${line}\n`)
    const answer = await raw.next()
    assert.equal(answer.error?.code, code, JSON.stringify(answer))
    assert.equal(answer.id, id)
    assert.match(answer.error.message, message)
    assert.ok(answer.error.data.kind)
  }
  raw.write(`${JSON.stringify({ ...COMMANDS, id: null })}\n`)
  const unnamed = await raw.next()
  assert.deepEqual([unnamed.id, unnamed.result.state], [null, 'ready'])
  // A notification has no answer: the next one is that of the request behind it.
  raw.write(`${JSON.stringify({ jsonrpc: '2.0', method: 'status' })}\n${JSON.stringify({ ...COMMANDS, id: 10 })}\n`)
  assert.equal((await raw.next()).id, 10)
})

chat('who says no more is still told, and gives its place up once it has gone', async ({ daemon, operator }) => {
  const raw = await operator.raw()
  raw.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'backup' })}\n`)
  raw.endWriting()
  assert.ok((await raw.next()).result)
  let bytes = 0
  for (let flow = await raw.next(); flow.params !== 'end'; flow = await raw.next()) bytes += flow.params.item.length
  assert.ok(bytes > 4096, `${bytes} bytes of a backup`)
  await raw.ended()
  const listeners = await Promise.all(range(1, 16).map(() => operator.raw()))
  for (const listener of listeners) {
    listener.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'events', params: {} })}\n`)
    assert.ok((await listener.next()).result)
    listener.endWriting()
  }
  assert.match(await operator.fails(1, 'status'), /16 clients are connected/)
  listeners[0].kill()
  await until(async () => (await run(['status'], { socket: daemon.adminSocket })).status === 0, 'a place to be free')
})

chat('a request of more than 64 KiB ends the connection', async ({ operator }) => {
  const raw = await operator.raw()
  raw.write(`{"jsonrpc":"2.0","id":1,"method":"${'x'.repeat(70_000)}`)
  assert.equal((await raw.next()).error.code, -32600)
  await raw.ended()
})

chat('sixteen clients at one time, and a place is free again when one leaves', async ({ daemon, operator }) => {
  const clients = await Promise.all(Array.from({ length: 16 }, () => operator.raw()))
  assert.match(await operator.fails(1, 'status'), /16 clients are connected/)
  clients[3].kill()
  await until(async () => (await run(['status'], { socket: daemon.adminSocket })).status === 0, 'a place to be free')
})

chat('a daemon goes on without where another has the usual place', async ({ daemon }) => {
  const second = new Daemon({ env: { RUNTIME_DIRECTORY: dirname(daemon.adminSocket) } })
  try {
    await second.start()
    const { line } = await second.logged(/another daemon has the admin socket/)
    assert.match(line, /admin\.socket/)
    await second.stop()
    assert.ok(existsSync(daemon.adminSocket), 'the first keeps its socket')
  } finally {
    await second.dispose()
  }
})

chat('a place that is taken, and a group that is none, keep it from starting where they are configured', async ({ daemon }) => {
  writeFileSync(join(daemon.dir, 'taken'), '')
  const wrong = [
    { socket: daemon.adminSocket, why: /another process listens/ },
    { socket: join(daemon.dir, 'taken'), why: /something else than a socket/ },
    { group: 'no-such-group', why: /no-such-group/ },
  ]
  for (const { why, ...admin } of wrong) {
    const second = new Daemon({ config: { admin }, expectErrors: [why] })
    try {
      second.spawn()
      const { code } = await second.exited
      assert.equal(code, 69)
      assert.match(second.tail(), why)
      second.assertLog()
    } finally {
      await second.dispose()
    }
  }
})

chat('whom neither root nor the configuration names is turned away before a word', async ({ daemon, operator }, t) => {
  if (process.getuid() !== 0) return t.skip('only root can be somebody else')
  // Nobody else reaches the directory of the test, so the way is opened for a moment.
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
  const { spawnSync } = await import('node:child_process')
  spawnSync('chmod', ['-R', 'go+rwX', daemon.dir])
  const { chatctl } = await import('../common/ctl.mjs')
  const asNobody = () => spawnSync(nobody[0], [...nobody.slice(1), chatctl(), '--socket', daemon.adminSocket, 'status'], { encoding: 'utf8' })
  const refused = asNobody()
  // Where the program itself lies in a directory of root's, nobody can run it.
  if (refused.status === 127 || refused.status === 126) return t.skip('the program is out of reach')
  assert.equal(refused.status, 4, refused.stderr)
  assert.match(refused.stderr, /user 65534 may not use the admin socket/)
  await daemon.logged(/an admin client was turned away/)
  assert.equal((await operator.json('status')).state, 'ready')
})

chat('nobody answers: the exit status and the words say so', async ({ daemon }) => {
  const { status, stderr } = await run(['status'], { socket: join(daemon.dir, 'nothing.sock') })
  assert.equal(status, 3)
  assert.match(stderr, /^error: chatd is not running: nobody answers at .*nothing\.sock\n {2}→ systemctl status chatd/)
})

chat('a raw client may hang up in the middle of a word', async ({ daemon, operator }) => {
  const raw = new RawAdmin(daemon.adminSocket)
  await raw.next()
  raw.write('{"jsonrpc":"2.0","id":1,"met')
  raw.kill()
  assert.equal((await operator.json('status')).state, 'ready')
})
