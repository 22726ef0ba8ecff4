// chatd-webhooks(7): every event stands in it, and its first webhook works as it is written there.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { ROOT, reservedPort } from '../common/daemon.mjs'
import { chat, until } from '../common/harness.mjs'
import { freshWebhookSecret } from '../common/receiver.mjs'
import { KINDS, tell } from './common.mjs'

const page = readFileSync(join(ROOT, 'man/chatd-webhooks.7'), 'utf8')
/** What stands there to be copied. */
const displays = [...page.matchAll(/^\.Bd .*\n([^]*?)^\.Ed$/gm)].map(([, text]) => text.replaceAll('\\-', '-').replaceAll('\\(aq', "'").replaceAll('\\e', '\\'))

test('every event stands in the manual', () => {
  const entries = [...page.matchAll(/^\.It Li ([a-z., ]+)$/gm)].flatMap(([, names]) => names.split(' , '))
  assert.deepEqual(entries.filter((name) => name.includes('.')).sort(), [...KINDS, 'webhook.test'].sort())
})

chat('the application of the manual verifies what it is told', async (scene) => {
  const program = displays.find((text) => text.startsWith('import '))
  const secret = freshWebhookSecret()
  const port = await reservedPort()
  const file = join(ROOT, 'tests/webhook', `manual-${port}.mjs`)
  assert.ok(program.includes('listen(8080)'))
  writeFileSync(file, program.replace('listen(8080)', `listen(${port}, '127.0.0.1')`))
  const app = spawn(process.execPath, [file], { env: { ...process.env, SECRET: secret }, stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  app.stdout.on('data', (data) => (said += data))
  try {
    await tell(scene, [{ name: 'app', url: `http://127.0.0.1:${port}/`, secret, allow_private: true }])
    await until(async () => (await scene.operator.run(['webhook', 'test', 'app'])).status === 0, 'the application to answer', { every: 200 })
    await until(() => said.includes('webhook.test {"webhook":"app"}'), 'what it was told')
    await tell(scene, [{ name: 'app', url: `http://127.0.0.1:${port}/`, secret: freshWebhookSecret(), allow_private: true }])
    assert.match(await scene.operator.fails(1, 'webhook', 'test', 'app'), /401 Unauthorized/)
  } finally {
    app.kill()
    rmSync(file, { force: true })
  }
})

chat('the table of the manual is one', async (scene) => {
  const table = displays.find((text) => text.includes('[[webhooks]]'))
  const file = join(scene.daemon.dir, 'app.whsec')
  writeFileSync(file, `${freshWebhookSecret()}\n`)
  assert.ok(table.includes('"/etc/chatd/app.whsec"'))
  writeFileSync(join(scene.daemon.dir, 'manual.toml'), table.replace('/etc/chatd/app.whsec', file))
  await scene.operator.ok('config', 'check', join(scene.daemon.dir, 'manual.toml'))
})
