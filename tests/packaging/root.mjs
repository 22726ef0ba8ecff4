// A Debian of its own in a directory: made once by debootstrap, copied for each test, gone after it.

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { io } from 'socket.io-client'

import { ROOT } from '../common/daemon.mjs'
import { DEADLINE_MS, Feed, within } from '../common/wait.mjs'

const BASE = join(ROOT, 'target/debian-base')

const run = (program, args, options) => execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options })

function base() {
  if (existsSync(BASE)) return BASE
  const release = readFileSync('/etc/os-release', 'utf8').match(/^VERSION_CODENAME=(.+)$/m)[1]
  const [mirror] = run('apt-get', ['indextargets', '--format', '$(SITE)', 'Created-By: Packages']).split('\n')
  rmSync(`${BASE}.new`, { recursive: true, force: true })
  // As on any server, there is a systemd: its programs make users and directories even where it does not run.
  run('debootstrap', ['--variant=minbase', '--include=systemd', release, `${BASE}.new`, mirror])
  renameSync(`${BASE}.new`, BASE)
  return BASE
}

/** Starts a program below a directory that is its whole world, as this user. */
export const inside = (root, user, env, command) =>
  spawn('/usr/sbin/chroot', [`--userspec=${user}`, '--groups=', root, ...command], {
    env: { PATH: '/usr/bin:/bin', ...env },
    stdio: ['ignore', 'inherit', 'pipe'],
  })

/** A daemon that was started so, once it serves; it logs JSON. */
export async function serving(child) {
  const log = new Feed()
  createInterface({ input: child.stderr }).on('line', (text) => log.push(JSON.parse(text)))
  const ended = new Promise((end) => child.once('exit', (code, signal) => end({ code, signal })))
  child.once('exit', () => log.end('the daemon ended'))
  const logged = (message) => log.next((entry) => entry.message === message, `log line ${message}`)
  const { address } = await logged('listening')
  await logged('ready')
  const sockets = []
  return {
    async connect(token) {
      const socket = io(`http://${address}`, { transports: ['websocket'], forceNew: true, reconnection: false, auth: { token } })
      sockets.push(socket)
      const connected = new Promise((ok, fail) => socket.once('connected', ok).once('connect_error', fail))
      await within(DEADLINE_MS, connected, () => 'a connection')
      return socket
    },
    async stop() {
      child.kill('SIGTERM')
      assert.deepEqual(await within(2 * DEADLINE_MS, ended, () => 'the end of a drain'), { code: 0, signal: null })
      for (const socket of sockets) socket.close()
    },
    kill: () => child.kill('SIGKILL'),
  }
}

export class Root {
  constructor() {
    this.path = join(ROOT, `target/debian-root-${process.pid}`)
    mkdirSync(this.path, { recursive: true })
    run('cp', ['-a', '--reflink=auto', `${base()}/.`, this.path])
  }

  at(path) {
    return join(this.path, path)
  }

  read(path) {
    return readFileSync(this.at(path), 'utf8')
  }

  /** Runs a command in it, with the processes of that command alone in sight; resolves to what it printed. */
  run(...command) {
    const [program, ...args] = this.command(...command)
    return run(program, args, { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive' } })
  }

  /** Starts a program in it, as this user. */
  chroot(user, env, command) {
    return inside(this.path, user, env, command)
  }

  command(...command) {
    return ['unshare', '--mount', '--pid', '--fork', '--kill-child', `--root=${this.path}`, '--wd=/', '--mount-proc', ...command]
  }

  /** Every path, with what a person would see of it. */
  files() {
    const lines = run('find', [this.path, '-xdev', '-printf', '%P %y %m %U:%G %l\n'], { maxBuffer: 1 << 28 }).split('\n')
    return new Set(lines)
  }

  remove() {
    rmSync(this.path, { recursive: true, force: true })
  }
}
