// What the Dockerfile puts into an image, without Docker: the same root file system, environment and user.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

import { ROOT, binary } from '../common/daemon.mjs'
import { inside, serving } from './root.mjs'

test('an image serves as nobody, with nothing in it but chatd', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'chatd-image-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  // It stands for "/".
  execFileSync('chmod', ['755', root])
  execFileSync('packaging/rootfs', [root, dirname(binary())], { cwd: ROOT })
  assert.deepEqual(readdirSync(join(root, 'usr/bin')), ['chatctl', 'chatd'])

  const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
  const env = Object.fromEntries(dockerfile.match(/^ENV (.*)$/m)[1].split(' ').map((pair) => pair.split('=')))
  assert.match(dockerfile, /^USER nobody$/m)
  assert.equal(env.CHATD_SERVER__LISTEN, '0.0.0.0:3000')
  const daemon = await serving(inside(root, '65534:65534', { ...env, CHATD_SERVER__LISTEN: '127.0.0.1:0' }, ['chatd']))
  t.after(() => daemon.kill())
  const ctl = (...args) => execFileSync('/usr/sbin/chroot', ['--userspec=65534:65534', root, '/usr/bin/chatctl', ...args], { env, encoding: 'utf8' })
  ctl(...JSON.parse(dockerfile.match(/^HEALTHCHECK CMD (.*)$/m)[1]).slice(1))
  const ann = await daemon.connect(ctl('token', 'mint', '--user', 'ann').trim())
  const { conversation } = await ann.emitWithAck('conversation:create', { type: 'group', title: 'lunch' })
  const sent = await ann.emitWithAck('message:send', { conversationId: conversation.id, content: 'soup' })
  assert.equal(sent.message.seq, 1)
  await daemon.stop()
})
