// The daemon under its unit's restrictions, as far as they go without systemd: tests/common/confine.py applies them.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { ROOT } from '../common/daemon.mjs'
import { chat, words } from '../common/harness.mjs'

const UNIT = join(ROOT, 'systemd/chatd.service')
// Debian's own, for which there is python3-seccomp.
const confined = ['/usr/bin/python3', join(ROOT, 'tests/common/confine.py'), UNIT]
const GREETER = 'fn on_message(message, user, conversation) { message.metadata = #{ greeted: true }; message }'

test('systemd finds no more exposure than there must be', () => {
  const said = execFileSync('systemd-analyze', ['security', '--offline=true', '--no-pager', UNIT], { encoding: 'utf8' })
  const [, level] = said.match(/Overall exposure level for chatd\.service: ([0-9.]+)/)
  assert.ok(Number(level) <= 1.2, said)
})

/** What a program may do that was taken over: each line is a shell's condition, and whether it holds. */
const POWERS = {
  'touch "$1/probe"': true,
  'touch "$RUNTIME_DIRECTORY/probe"': true,
  'touch probe': false,
  'touch /etc/chatd-probe': false,
  'touch /usr/bin/chatd-probe': false,
  'test -e "$OUTSIDE"': false,
  'ls /root': false,
  'cat /proc/1/status': false,
  'cat /proc/meminfo': false,
  'test -e /dev/kmsg': false,
  'chmod u+s "$1/probe"': false,
  'unshare --user true': false,
  'nice -n -1 true 2>&1 | grep -q cannot': true,
  '/usr/bin/python3 -c "import socket; socket.socket(socket.AF_INET)"': true,
  '/usr/bin/python3 -c "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)"': false,
  '/usr/bin/python3 -c "import mmap; mmap.mmap(-1, 4096, prot=2)"': true,
  '/usr/bin/python3 -c "import mmap; mmap.mmap(-1, 4096, prot=6)"': false,
}

test('the restrictions hold', (t) => {
  const home = mkdtempSync(join(tmpdir(), 'chatd-test-'))
  const outside = mkdtempSync(join(tmpdir(), 'chatd-test-'))
  t.after(() => [home, outside].forEach((path) => rmSync(path, { recursive: true, force: true })))
  const script = Object.keys(POWERS).map((power) => `if ${power} >/dev/null 2>&1; then echo true; else echo false; fi`).join('\n')
  const [program, ...args] = [...confined, '/bin/sh', '-c', script, '--state-dir', join(home, 'state')]
  const env = { PATH: process.env.PATH, RUNTIME_DIRECTORY: join(home, 'run'), OUTSIDE: outside }
  const said = execFileSync(program, args, { cwd: home, env, encoding: 'utf8' }).trim().split('\n')
  assert.deepEqual(Object.fromEntries(Object.keys(POWERS).map((power, n) => [power, said[n] === 'true'])), POWERS)
})

chat('it does all its work under the restrictions of its unit', { wrap: confined, plugins: { greeter: GREETER } }, async (scene) => {
  const { daemon, operator } = scene
  const status = readFileSync(`/proc/${daemon.pid}/status`, 'utf8')
  const field = (name) => status.match(new RegExp(`^${name}:\\s*(.*)$`, 'm'))[1]
  assert.deepEqual(
    { caps: ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map(field), privileges: field('NoNewPrivs'), seccomp: field('Seccomp') },
    { caps: Array(4).fill('0000000000000000'), privileges: '1', seccomp: '2' },
  )
  assert.equal(field('Seccomp_filters'), '2')
  const mounts = readFileSync(`/proc/${daemon.pid}/mountinfo`, 'utf8').split('\n').map((line) => line.split(' '))
  const options = (path) => mounts.findLast(([, , , , at]) => at === path)?.[5].split(',')
  assert.ok(options('/').includes('ro'))
  assert.ok(options(daemon.stateDir).includes('rw'))
  

  const [ann, bob] = [await scene.connect('ann'), await scene.connect('bob', { transport: 'upgrade' })]
  const room = await scene.create(ann, [bob])
  const said = await ann.say(room, `${words()} zebra`)
  const heard = await bob.nextIn('message:new', room)
  assert.equal(heard.id, said.id)
  assert.deepEqual(heard.metadata, { greeted: true }, 'the plugin was read and asked')
  const { messages } = await bob.ok('message:search', { query: 'zebra' })
  assert.deepEqual(messages.map(({ id }) => id), [said.id])

  daemon.writePlugin('greeter', GREETER.replace('true', '2'))
  const { applied } = await operator.json('reload')
  assert.deepEqual(applied, [])
  await ann.say(room, words())
  assert.deepEqual((await bob.nextIn('message:new', room)).metadata, { greeted: 2 }, 'the plugin was read anew')
  await daemon.reload({ limits: { burst: 77 } })
  assert.equal((await operator.ok('config', 'get', 'limits.burst')).trim(), '77')

  const copy = join(daemon.dir, 'copy.db')
  await operator.json('backup', copy)
  assert.match(await operator.ok('store', 'check', copy), /is sound/)
  const { findings } = await operator.json('doctor')
  assert.deepEqual(findings.filter(({ verdict }) => verdict === 'bad'), [])

  const drained = Promise.all([ann.next('server:shutdown'), bob.next('server:shutdown')])
  await operator.ok('shutdown', '--wait', '--yes')
  await drained
  assert.deepEqual(await daemon.exited, { code: 0, signal: null })
})
