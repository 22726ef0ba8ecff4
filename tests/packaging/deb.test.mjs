// The Debian package as an administrator meets it: installed, run, upgraded, removed and purged in a Debian of its own.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { after, test } from 'node:test'

import { ROOT, binary } from '../common/daemon.mjs'
import { Root, serving } from './root.mjs'

const run = (program, ...args) => execFileSync(program, args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const made = run('packaging/deb', dirname(binary()), '--fast').trim().split('\n').at(-1)
const scratch = mkdtempSync(join(tmpdir(), 'chatd-deb-'))
after(() => rmSync(scratch, { recursive: true, force: true }))

/** The same package as a later version, whose shipped configuration has another line. */
function later() {
  const tree = join(scratch, 'later')
  run('dpkg-deb', '--raw-extract', made, tree)
  const control = join(tree, 'DEBIAN/control')
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*/m, 'Version: 99.0-1'))
  appendFileSync(join(tree, 'etc/chatd/config.toml'), '# A new key.\n')
  const file = join(scratch, 'chatd_99.0-1.deb')
  run('dpkg-deb', '-Znone', '--build', '--root-owner-group', tree, file)
  return file
}

/** The daemon as the unit has it run, ready to serve. */
function serve(root) {
  const unit = root.read('usr/lib/systemd/system/chatd.service')
  const [, line] = unit.match(/^ExecStart=(.*)$/m)
  const id = (flag) => root.run('id', flag, 'chatd').trim()
  // Which the manager makes.
  root.run('install', '-d', '-o', 'chatd', '-m', '0755', '/run/chatd')
  const env = { STATE_DIRECTORY: '/var/lib/chatd', RUNTIME_DIRECTORY: '/run/chatd' }
  return serving(root.chroot(`${id('-u')}:${id('-g')}`, env, line.split(' ')))
}

test('lintian has nothing to say', () => {
  const { stdout, status } = spawnSync('lintian', ['--fail-on', 'error,warning', '--allow-root', made], { encoding: 'utf8' })
  assert.deepEqual({ stdout, status }, { stdout: '', status: 0 })
})

test('it is installed, run, upgraded, removed and purged', { timeout: 600_000 }, async (t) => {
  const root = new Root()
  t.after(() => root.remove())
  // The manager seems to run: what the scripts ask of it is written down.
  root.run('dpkg-divert', '--local', '--rename', '--add', '/usr/bin/deb-systemd-invoke')
  writeFileSync(root.at('usr/bin/deb-systemd-invoke'), '#!/bin/sh\necho "$@" >>/run/asked\n', { mode: 0o755 })
  mkdirSync(root.at('run/systemd/system'), { recursive: true })
  const asked = () => {
    const lines = existsSync(root.at('run/asked')) ? root.read('run/asked').trim().split('\n') : []
    rmSync(root.at('run/asked'), { force: true })
    return lines
  }
  const install = (file) => {
    copyFileSync(file, root.at(basename(file)))
    root.run('dpkg', '--install', '--force-confdef', '--force-confold', `/${basename(file)}`)
    rmSync(root.at(basename(file)))
    return asked()
  }
  const state = () => root.run('stat', '-c', '%U:%G %a', '/var/lib/chatd', '/etc/chatd/config.toml', '/etc/chatd/credentials')
  const before = root.files()

  assert.deepEqual(install(made), ['start chatd.socket', 'start chatd.service'])
  assert.equal(state(), 'chatd:chatd 700\nroot:root 644\nroot:root 700\n')
  for (const wants of ['multi-user.target.wants/chatd.service', 'sockets.target.wants/chatd.socket']) {
    assert.ok([...root.files()].some((line) => line.startsWith(`etc/systemd/system/${wants} l`)), wants)
  }
  assert.match(root.run('chatd', '--check'), /^configuration ok: \/etc\/chatd\/config\.toml/)
  assert.equal(JSON.parse(root.read('usr/share/chatd/config.schema.json')).title, 'chatd')
  assert.match(root.run('bash', '-n', '/usr/share/bash-completion/completions/chatctl'), /^$/)

  writeFileSync(root.at('etc/chatd/conf.d/mine.toml'), '[server]\nlisten = ["127.0.0.1:0"]\n[log]\nformat = "json"\n')
  let daemon = await serve(root)
  t.after(() => daemon.kill())
  const token = root.run('chatctl', 'token', 'mint', '--user', 'ann').trim()
  const ann = await daemon.connect(token)
  const { conversation } = await ann.emitWithAck('conversation:create', { type: 'group', title: 'lunch' })
  const sent = await ann.emitWithAck('message:send', { conversationId: conversation.id, content: 'soup' })
  assert.ok(sent.ok)
  await daemon.stop()

  // The administrator's word stands over a new version's.
  const edited = `${root.read('etc/chatd/config.toml')}# Mine.\n`
  writeFileSync(root.at('etc/chatd/config.toml'), edited)
  const [id] = root.run('id', '-u', 'chatd').split('\n')
  assert.deepEqual(install(later()), ['start chatd.socket', 'restart chatd.service'], 'the socket goes on listening')
  assert.equal(root.read('etc/chatd/config.toml'), edited)
  assert.match(root.read('etc/chatd/config.toml.dpkg-dist'), /# A new key\.\n$/)
  assert.equal(root.run('id', '-u', 'chatd').trim(), id)
  daemon = await serve(root)
  const again = await daemon.connect(token)
  const { messages } = await again.emitWithAck('message:history', { conversationId: conversation.id })
  assert.deepEqual(messages.map(({ content }) => content), ['soup'])
  await daemon.stop()

  root.run('dpkg', '--remove', 'chatd')
  assert.deepEqual(asked(), ['stop chatd.socket chatd.service'])
  assert.ok(!existsSync(root.at('usr/bin/chatd')))
  assert.ok(existsSync(root.at('var/lib/chatd/chatd.db')), 'the messages stay until a purge')
  assert.equal(root.read('etc/chatd/config.toml'), edited)
  assert.deepEqual(install(made), ['start chatd.socket', 'restart chatd.service'], 'it comes back as it was')
  assert.equal(root.read('etc/chatd/config.toml'), edited)

  root.run('dpkg', '--purge', 'chatd')
  const kept = /^(etc\/(passwd|group|shadow|gshadow|subuid|subgid)-? |var\/(lib\/dpkg|log|cache)|var\/lib\/systemd\/deb-systemd-helper|run\/)/
  const now = root.files()
  const left = [...now].filter((line) => !before.has(line) && !kept.test(line))
  assert.deepEqual(left, [], 'nothing is left but the user')
  const gone = [...before].filter((line) => !now.has(line) && !kept.test(line))
  assert.deepEqual(gone, [], 'nothing of others is gone')
})
