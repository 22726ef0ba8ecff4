// A Debian of its own in a directory: made once by debootstrap, copied for each test, gone after it.

import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { ROOT } from '../common/daemon.mjs'

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

  spawn(env, ...command) {
    const [program, ...args] = this.command(...command)
    return spawn(program, args, { env: { PATH: '/usr/bin:/bin', ...env }, stdio: ['ignore', 'inherit', 'pipe'] })
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
