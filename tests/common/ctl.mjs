// The operator's side: chatctl as a process, and the admin socket by hand.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createConnection } from 'node:net'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'

import { binary, cleanEnvironment } from './daemon.mjs'
import { DEADLINE_MS, Feed, within } from './wait.mjs'

/** chatctl lies beside the daemon that is tested. */
export const chatctl = () => process.env.CHATCTL_BIN ?? join(dirname(binary()), 'chatctl')

/** Runs chatctl to its end; resolves to `{ status, stdout, stderr }`. */
export async function run(args, { socket, input = '', env = {}, ms = DEADLINE_MS } = {}) {
  const child = spawn(chatctl(), args, {
    env: cleanEnvironment({ ...(socket && { CHATD_SOCKET: socket }), ...env }),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => (said[name] += text))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const closed = new Promise((end, fail) => child.once('error', fail).once('close', (status, signal) => end(status ?? signal)))
  try {
    const status = await within(ms, closed, () => `chatctl ${args.join(' ')} to end; it said ${JSON.stringify(said)}`)
    return { status, ...said }
  } finally {
    child.kill('SIGKILL')
  }
}

/** chatctl for one daemon. */
export class Operator {
  #streams = []

  constructor(daemon) {
    this.daemon = daemon
  }

  run(args, options) {
    return run(args, { socket: this.daemon.adminSocket, ...options })
  }

  /** A command that must be done; resolves to what it printed. */
  async ok(...args) {
    const { status, stdout, stderr } = await this.run(args)
    assert.equal(status, 0, `chatctl ${args.join(' ')}: ${status}\n${stdout}${stderr}`)
    return stdout
  }

  /** The same with `--json`; resolves to the document. */
  async json(...args) {
    return JSON.parse(await this.ok('--json', ...args))
  }

  /** A command that must end with `status`; resolves to what it said on standard error. */
  async fails(status, ...args) {
    const ended = await this.run(args)
    assert.equal(ended.status, status, `chatctl ${args.join(' ')}: ${ended.status}\n${ended.stdout}${ended.stderr}`)
    return ended.stderr
  }

  /** A command that goes on; its lines come out of the feed, as JSON where they are. */
  follow(...args) {
    const child = spawn(chatctl(), args, {
      env: cleanEnvironment({ CHATD_SOCKET: this.daemon.adminSocket }),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const lines = new Feed()
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(args.includes('--json') ? JSON.parse(line) : line))
    child.once('close', () => lines.end(`chatctl ${args.join(' ')} ended`))
    lines.stop = () => child.kill('SIGINT')
    this.#streams.push(child)
    return lines
  }

  /** A connection to the socket that has read the greeting. */
  async raw() {
    const raw = new RawAdmin(this.daemon.adminSocket)
    this.#streams.push(raw)
    raw.greeting = await raw.next()
    return raw
  }

  close() {
    for (const stream of this.#streams) stream.kill()
  }
}

/** Lines of JSON in both directions. */
export class RawAdmin {
  constructor(path) {
    this.replies = new Feed()
    this.socket = createConnection(path)
    createInterface({ input: this.socket }).on('line', (line) => this.replies.push(JSON.parse(line)))
    this.socket.on('error', () => {})
    this.socket.once('close', () => this.replies.end('the daemon hung up'))
  }

  write(text) {
    this.socket.write(text)
  }

  /** Says no more, and still listens. */
  endWriting() {
    this.socket.end()
  }

  next(matches = () => true) {
    return this.replies.next(matches, 'an answer on the admin socket')
  }

  async ask(request) {
    this.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, ...request })}\n`)
    return this.next()
  }

  /** Resolves when the daemon has hung up. */
  ended() {
    return within(DEADLINE_MS, new Promise((end) => this.socket.destroyed ? end() : this.socket.once('close', end)), 'the daemon to hang up')
  }

  kill() {
    this.socket.destroy()
  }
}
