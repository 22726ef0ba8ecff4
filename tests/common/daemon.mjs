// The real binary: started in a directory of its own, watched through its log, ended as an operator would end it.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { freshSecret, mint } from './token.mjs'
import { merge, toml } from './toml.mjs'
import { Feed, within } from './wait.mjs'

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

/** `$CHATD_BIN`, else the newer of the two builds of this checkout. */
export const binary = () => built('CHATD_BIN', 'chatd', 'cargo build --release')

/** The program that the variable names, else the newer of the two builds of this checkout. */
export function built(variable, path, how) {
  if (process.env[variable]) return process.env[variable]
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target')
  const found = ['release', 'debug'].map((profile) => join(target, profile, path)).filter((file) => existsSync(file))
  assert.ok(found.length > 0, `no ${path}: build it (${how}) or set ${variable}`)
  return found.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0]
}

/** Wide enough that only a test about a limit meets it, and within the limit of open files of any machine. */
const ROOMY = {
  limits: { events_per_second: 100_000, burst: 100_000, connections_per_user: 1_000, connections: 3_000 },
  log: { level: 'info', format: 'json' },
}

/** What the daemon must not find in its environment unless a test puts it there. */
const FOREIGN = /^(CHATD_|JWT_ACCESS_SECRET_KEY$|CLIENT_URL$|STATE_DIRECTORY$|RUNTIME_DIRECTORY$|XDG_RUNTIME_DIR$|NOTIFY_SOCKET$|LISTEN_|JOURNAL_STREAM$|RUST_LOG$)/

export function cleanEnvironment(extra = {}) {
  const own = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name))
  return { ...Object.fromEntries(own), ...extra }
}

/** A port for a daemon that comes back on the same address; outside the range that outgoing connections take. */
export async function reservedPort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    const free = await new Promise((answer) => {
      const probe = createServer()
      probe.once('error', () => answer(false))
      probe.listen(port, '127.0.0.1', () => probe.close(() => answer(true)))
    })
    if (free) return port
  }
}

function parseLine(line) {
  try {
    const { level, fields, ...rest } = JSON.parse(line)
    return { line, level, ...rest, ...fields }
  } catch {
    return { line, level: 'NOT JSON', message: line }
  }
}

/** Daemons of this process that run; none outlives it, however it ends. */
const running = new Set()
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')))

export class Daemon {
  #expected = []
  #process = null

  /**
   * `config` is laid over roomy defaults; `env` and `args` are added; `wrap` is a command line that runs the daemon;
   * `plugins` are scripts by their names, `files` texts beside the configuration;
   * `comesBack` keeps the port over restarts; `listens: false` leaves it to the daemon where; `expectErrors` lists patterns of ERROR lines that belong to the test.
   */
  constructor({ config = {}, env = {}, args = [], wrap = [], comesBack = false, listens = true, plugins = {}, files = {}, expectErrors = [] } = {}) {
    this.dir = mkdtempSync(join(tmpdir(), 'chatd-test-'))
    this.configFile = join(this.dir, 'config.toml')
    this.stateDir = join(this.dir, 'state')
    this.adminSocket = join(this.dir, 'run', 'admin.sock')
    this.secret = config.auth?.secret ?? freshSecret()
    this.config = merge(merge(ROOMY, { auth: { secret: this.secret } }), config)
    this.env = env
    this.args = args
    this.wrap = wrap
    this.comesBack = comesBack
    this.listens = listens
    this.log = new Feed()
    this.stdout = ''
    /** What no log line may hold: secrets, tokens, contents. */
    this.confidential = new Set([this.secret])
    this.#expected = [...expectErrors]
    this.writeConfig()
    for (const [name, script] of Object.entries(plugins)) this.writePlugin(name, script)
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.dir, name), text)
  }

  /** Puts a script where the daemon looks for plugins. */
  writePlugin(name, script) {
    const directory = join(this.dir, 'plugins')
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, `${name}.rhai`), script)
  }

  static async start(options) {
    const daemon = new Daemon(options)
    await daemon.start()
    return daemon
  }

  writeConfig(changes) {
    this.config = merge(this.config, changes)
    writeFileSync(this.configFile, `${toml(this.config)}\n`)
  }

  /** Runs it and returns at once. */
  spawn() {
    const listen = this.listens ? ['--listen', `127.0.0.1:${this.comesBack ? this.port : 0}`] : []
    const command = [
      ...this.wrap,
      binary(),
      ...listen,
      ...['--config', this.configFile, '--state-dir', this.stateDir],
      ...this.args,
    ]
    const child = spawn(command[0], command.slice(1), {
      cwd: this.dir,
      env: cleanEnvironment({ HOME: this.dir, RUNTIME_DIRECTORY: dirname(this.adminSocket), ...this.env }),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.add(child)
    child.once('exit', () => running.delete(child))
    this.log.reopen()
    const lines = createInterface({ input: child.stderr })
    lines.on('line', (line) => this.log.push(parseLine(line)))
    child.stdout.on('data', (data) => (this.stdout += data))
    const drained = new Promise((end) => lines.once('close', end))
    this.exited = new Promise((end, fail) => {
      child.once('error', fail)
      child.once('exit', async (code, signal) => {
        await drained
        this.#process = null
        this.log.end(`the daemon ended (${signal ?? `exit ${code}`})`)
        end({ code, signal })
      })
    })
    this.exited.catch(() => {})
    this.#process = child
  }

  async start() {
    if (this.comesBack) this.port ??= await reservedPort()
    this.spawn()
    try {
      const { address } = await this.logged('listening')
      await this.logged('ready')
      this.address = address
    } catch (cause) {
      this.#process?.kill('SIGKILL')
      throw new Error(`chatd did not start: ${cause.message}\n${this.tail()}`, { cause })
    }
    this.url = `${this.secure ? 'https' : 'http'}://${this.address}`
    this.port = Number(new URL(this.url).port)
  }

  get pid() {
    return this.#process?.pid
  }

  /** Whether it began with TLS. */
  get secure() {
    return Boolean(this.config.server?.tls)
  }

  get running() {
    return this.#process !== null
  }

  /** The next log line with this message that was not asked for yet. */
  logged(message, ms) {
    const matches = typeof message === 'string' ? (entry) => entry.message === message : (entry) => message.test(entry.line)
    return this.log.next(matches, `log line ${message}`, ms)
  }

  expectErrors(...patterns) {
    this.#expected.push(...patterns)
  }

  token(user, claims) {
    return this.keepSecret(mint(this.secret, user, claims))
  }

  /** Remembers what must not turn up in the log. */
  keepSecret(text) {
    this.confidential.add(text)
    return text
  }

  kill(signal) {
    assert.ok(this.#process, 'the daemon runs')
    this.#process.kill(signal)
  }

  /** As a power cut would leave it, less the disk. */
  async crash() {
    this.kill('SIGKILL')
    await this.exited
  }

  /** Rewrites the configuration and has it read; resolves to the log line that tells the outcome. */
  async reload(changes = {}) {
    this.writeConfig(changes)
    this.kill('SIGHUP')
    return this.log.next(
      ({ message }) => message === 'configuration reloaded' || message === 'configuration not reloaded',
      'the outcome of a reload',
    )
  }

  /** Ends it by SIGTERM, which must drain and exit with 0, and holds its log against the rules. */
  async stop({ ms = 30_000 } = {}) {
    if (this.running) {
      this.kill('SIGTERM')
      const { code, signal } = await within(ms, this.exited, () => `exit after SIGTERM\n${this.tail()}`)
      assert.deepEqual({ code, signal }, { code: 0, signal: null }, `exit after SIGTERM\n${this.tail()}`)
    }
    this.assertLog()
  }

  /** No unexpected error, every line JSON, nothing confidential. */
  assertLog() {
    const lines = this.log.all()
    const unexpected = lines.filter(
      ({ level, line }) => (level === 'ERROR' || level === 'NOT JSON') && !this.#expected.some((known) => known.test(line)),
    )
    assert.deepEqual(unexpected.map(({ line }) => line), [], 'unexpected log lines')
    const text = lines.map(({ line }) => line).join('\n') + this.stdout
    for (const secret of this.confidential) {
      // Of a token, any of its parts that is its own.
      const parts = secret.split('.').length === 3 ? secret.split('.').slice(1) : [secret]
      for (const piece of parts) {
        assert.ok(piece.length < 8 || !text.includes(piece), `the log holds what is confidential: ${piece}`)
      }
    }
  }

  /** Ends it in any way and removes its files. */
  async dispose() {
    if (this.running) await this.crash()
    rmSync(this.dir, { recursive: true, force: true })
  }

  tail(count = 30) {
    return this.log.all().slice(-count).map(({ line }) => line).join('\n')
  }

  /** A field of /proc/PID/status in KiB, such as `VmRSS`. */
  memoryKib(field = 'VmRSS') {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    return Number(status.match(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm'))[1])
  }
}
