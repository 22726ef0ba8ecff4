// The back ends of examples/: set up as their README says, and used as their users would.

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

import { cleanEnvironment, reservedPort, ROOT } from '../common/daemon.mjs'
import { chat, pluck } from '../common/harness.mjs'
import { Feed } from '../common/wait.mjs'

const README = readFileSync(join(ROOT, 'examples/README.md'), 'utf8')
const VARIABLES = ['JWT_SECRET', 'API_KEY', 'WEBHOOK_SECRET']

/** Makes secrets and configuration by the lines of the README, with the back end at `port`; resolves to the secrets. */
async function setUp(daemon, port) {
  const [, lines] = README.match(/^```sh\n([^]*?)^```$/m)
  assert.ok(lines.includes(':8080/') && lines.includes('> shop.toml'))
  const conf = join(daemon.dir, 'conf.d')
  mkdirSync(conf)
  const script = `set -eu\n${lines.replace(':8080/', `:${port}/`)}\n${VARIABLES.map((name) => `echo "$${name}"`).join('\n')}`
  const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: conf })
  const secrets = stdout.trim().split('\n')
  for (const secret of secrets) daemon.keepSecret(secret)
  return Object.fromEntries(VARIABLES.map((name, n) => [name, secrets[n]]))
}

/** A back end that runs, and what it prints. */
async function start(command, env) {
  const child = spawn(command[0], command.slice(1), { env: cleanEnvironment(env), stdio: ['ignore', 'pipe', 'pipe'] })
  const said = new Feed()
  createInterface({ input: child.stdout }).on('line', (line) => said.push(line))
  let errors = ''
  child.stderr.on('data', (data) => (errors += data))
  child.once('exit', (code) => said.end(`the back end ended (${code}): ${errors}`))
  return { child, said }
}

async function post(url, body, headers = {}) {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })
  return { status: response.status, body: response.status === 200 ? await response.json() : undefined }
}

function backend(name, commandIn) {
  chat(`the shop ${name} provisions, lets its users in, and pushes to those who are away`, async (scene) => {
    const { daemon } = scene
    const port = await reservedPort()
    const secrets = await setUp(daemon, port)
    await daemon.stop()
    await daemon.start()
    const shop = await start(commandIn(daemon), { ...secrets, CHAT_URL: daemon.url, PORT: String(port) })
    try {
      const url = (await shop.said.next((line) => line.startsWith('listening on '), 'the shop')).slice('listening on '.length)
      const { body } = await post(`${url}/login`, { user: 'ann' })
      const ann = await scene.connect('ann', { token: daemon.keepSecret(body.token) })
      const order = { id: 7, buyer: 'ann', seller: 'bob' }
      const { body: { conversationId } } = await post(`${url}/orders`, order)
      assert.equal((await ann.nextIn('conversation:updated', conversationId)).title, 'Order 7')
      assert.equal((await ann.next('message:new')).content, 'Order 7 is paid.')
      assert.deepEqual((await post(`${url}/orders`, order)).body, { conversationId })
      const { messages } = await ann.ok('message:history', { conversationId })
      assert.deepEqual(pluck(messages, 'content'), ['Order 7 is paid.'], 'once')
      await ann.say(conversationId, 'Is it on its way, @bob?')
      await shop.said.next((line) => /^push to bob: .*Is it on its way/.test(line), 'a push to bob, who is away')
      const forged = { type: 'notification.created', timestamp: new Date().toISOString(), data: { userId: 'eve', connections: 0, notification: { message: 'x' } } }
      const headers = { 'webhook-id': 'forged', 'webhook-timestamp': String(Math.floor(Date.now() / 1_000)), 'webhook-signature': 'v1,AAAA' }
      assert.equal((await post(`${url}/chat/events`, forged, headers)).status, 401)
    } finally {
      shop.child.kill()
    }
  })
}

backend('with Express', ({ dir }) => {
  // Where its packages are in the tests.
  cpSync(join(ROOT, 'examples/express'), join(dir, 'shop'), { recursive: true })
  symlinkSync(join(ROOT, 'tests/node_modules'), join(dir, 'shop/node_modules'))
  return [process.execPath, join(dir, 'shop/server.mjs')]
})
backend('in Python', () => [join(ROOT, 'tests/.venv/bin/python'), join(ROOT, 'examples/python/server.py')])
