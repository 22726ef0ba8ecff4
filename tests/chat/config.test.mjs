// The configuration from outside: where it comes from, who wins, and how a mistake is told before anything starts.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { Daemon, Scene, chat, words } from '../common/harness.mjs'
import { binary, cleanEnvironment } from '../common/daemon.mjs'
import { request, POLL } from '../common/raw.mjs'
import { freshSecret, mint } from '../common/token.mjs'

/** Runs the daemon to its end; it must not start to serve. */
function run(args, { cwd, env } = {}) {
  return new Promise((answer, fail) => {
    const child = spawn(binary(), args, { cwd, env: cleanEnvironment(env), stdio: ['ignore', 'pipe', 'pipe'], timeout: 15_000 })
    const out = { stdout: '', stderr: '' }
    child.stdout.on('data', (data) => (out.stdout += data))
    child.stderr.on('data', (data) => (out.stderr += data))
    child.once('error', fail)
    child.once('close', (code, signal) => answer({ code, signal, ...out }))
  })
}

/** A directory with a configuration file of this text. */
function file(text, parts = {}) {
  const daemon = new Daemon()
  writeFileSync(daemon.configFile, text)
  for (const [name, part] of Object.entries(parts)) {
    mkdirSync(join(daemon.dir, 'conf.d'), { recursive: true })
    writeFileSync(join(daemon.dir, 'conf.d', name), part)
  }
  return daemon
}

const SECRET = freshSecret()
const AUTH = `[auth]\nsecret = "${SECRET}"\n`

async function print(text, { parts, env, args = [] } = {}) {
  const daemon = file(text, parts)
  try {
    return await run(['--config', daemon.configFile, '--print-config', ...args], { cwd: daemon.dir, env })
  } finally {
    await daemon.dispose()
  }
}

const MISTAKES = {
  'an unknown key': ['[limits]\nbrust = 3\n', /brust/, /burst/],
  'an unknown section': ['[limit]\nburst = 3\n', /limit/, /limits/],
  'a wrong type': ['[limits]\nburst = "many"\n', /burst/, /2/],
  'a size that is none': ['[messages]\nmax_content = "large"\n', /max_content/, /64KiB/],
  'a time that is none': ['[ping]\ninterval = "soon"\n', /interval/, /25s/],
  'a choice that is none': ['[store]\ndurability = "maybe"\n', /durability/, /full/],
  'a negative count': ['[limits]\nburst = -1\n', /burst/, /./],
  'a section after its time': ['burst = 1\n', /burst/, /./],
  'a key that stands twice': ['[limits]\nburst = 1\nburst = 2\n', /burst/, /3/],
  'no TOML': ['[limits\n', /1/, /./],
  'a secret that is too short': ['[auth]\nsecret = "short"\n', /secret/, /./],
  'an address that is none': ['[server]\nlisten = ["nowhere"]\n', /listen/, /./],
  'a database that is none': ['[store]\nurl = "mysql://x"\n', /url/, /sqlite/],
  'no transport at all': ['[transports]\nallow = []\n', /allow/, /./],
}

for (const [why, [text, named, helped]] of Object.entries(MISTAKES)) {
  test(`a mistake is told with its place, and nothing starts: ${why}`, { timeout: 60_000 }, async () => {
    const daemon = file(text)
    try {
      for (const args of [['--check'], ['--listen', '127.0.0.1:0', '--state-dir', daemon.stateDir]]) {
        const { code, stdout, stderr } = await run(['--config', daemon.configFile, ...args], { cwd: daemon.dir })
        assert.equal(code, 78, stderr)
        const said = stdout + stderr
        assert.match(said, /config\.toml/)
        assert.match(said, named)
        assert.match(said, helped)
        assert.ok(!/panicked/.test(said), said)
      }
    } finally {
      await daemon.dispose()
    }
  })
}

test('every mistake is told at once', { timeout: 30_000 }, async () => {
  const { code, stderr, stdout } = await print('[limits]\nbrust = 1\n[messages]\nmax_content = "x"\n[tpying]\ntimeout = "1s"\n')
  assert.equal(code, 78)
  for (const named of [/brust/, /max_content/, /tpying/]) assert.match(stderr + stdout, named)
})

test('--check is content with what is right', { timeout: 30_000 }, async () => {
  const daemon = file(`${AUTH}[limits]\nburst = 5\n`)
  try {
    const { code, stderr } = await run(['--config', daemon.configFile, '--check'], { cwd: daemon.dir })
    assert.equal(code, 0, stderr)
  } finally {
    await daemon.dispose()
  }
})

test('a file that is named and missing is a mistake', { timeout: 30_000 }, async () => {
  const { code, stderr } = await run(['--config', '/nowhere/config.toml', '--check'])
  assert.equal(code, 78)
  assert.match(stderr, /\/nowhere\/config\.toml/)
})

test('--print-config shows values and where they come from, and no secret', { timeout: 30_000 }, async () => {
  const { code, stdout, stderr } = await print(`${AUTH}[limits]\nburst = 33\n`, {
    parts: { '10-a.toml': '[limits]\nevents_per_second = 44\nburst = 45\n', '20-b.toml': '[limits]\nburst = 46\n' },
    env: { CHATD_MESSAGES__EDIT_WINDOW: '7m', CHATD_LIMITS__CONNECTIONS: '77' },
    args: ['--listen', '127.0.0.1:4321'],
  })
  assert.equal(code, 0, stderr)
  const line = (key) => stdout.split('\n').find((text) => new RegExp(`^\\s*${key}\\s*=`).test(text)) ?? assert.fail(`no ${key} in\n${stdout}`)
  assert.match(line('burst'), /46\b.*20-b\.toml/)
  assert.match(line('events_per_second'), /44\b.*10-a\.toml/)
  assert.match(line('edit_window'), /7m.*CHATD_MESSAGES__EDIT_WINDOW/)
  assert.match(line('connections'), /77\b.*CHATD_LIMITS__CONNECTIONS/)
  assert.match(line('listen'), /4321/)
  assert.match(line('drain_timeout'), /20s.*default/)
  assert.ok(!(stdout + stderr).includes(SECRET))
})

test('the environment: numbers, flags and lists as a person would write them', { timeout: 30_000 }, async () => {
  const { code, stdout, stderr } = await print(AUTH, {
    env: {
      CHATD_CORS__ORIGINS: 'https://a.example,https://b.example',
      CHATD_CONVERSATIONS__AUTO_JOIN: 'false',
      CHATD_MESSAGES__MAX_CONTENT: '2KiB',
      CHATD_AUTH__ISSUER: '12345',
    },
  })
  assert.equal(code, 0, stderr)
  assert.match(stdout, /auto_join\s*=\s*false/)
  assert.match(stdout, /max_content\s*=\s*"2KiB"/)
  assert.match(stdout, /issuer\s*=\s*"12345"/)
  assert.match(stdout, /https:\/\/a\.example.*https:\/\/b\.example/)
})

test('a variable that names no key is a mistake', { timeout: 30_000 }, async () => {
  const { code, stderr } = await print(AUTH, { env: { CHATD_LIMITS__BRUST: '3' } })
  assert.equal(code, 78)
  assert.match(stderr, /CHATD_LIMITS__BRUST/)
})

test('JWT_ACCESS_SECRET_KEY and CLIENT_URL stand in, below the file', { timeout: 60_000 }, async () => {
  const [aliased, filed] = [freshSecret(), freshSecret()]
  const daemon = new Daemon({
    config: { auth: { secret: undefined } },
    env: { JWT_ACCESS_SECRET_KEY: aliased, CLIENT_URL: 'https://app.example' },
  })
  daemon.writeConfig({ auth: { secret: undefined } })
  daemon.keepSecret(aliased)
  daemon.keepSecret(filed)
  const scene = new Scene(daemon)
  try {
    await daemon.start()
    const ann = await scene.connect('ann', { token: daemon.keepSecret(mint(aliased, 'ann')) })
    await scene.create(ann)
    const { headers } = await request(daemon, POLL, { headers: { origin: 'https://app.example' } })
    assert.equal(headers['access-control-allow-origin'], 'https://app.example')
    ann.close()
    await daemon.stop()
    daemon.writeConfig({ auth: { secret: filed } })
    await daemon.start()
    assert.match(await scene.refused('ann', { token: mint(aliased, 'ann') }), /^TOKEN_INVALID/)
    await scene.connect('ann', { token: mint(filed, 'ann') })
    await scene.end()
  } finally {
    scene.close()
    await daemon.dispose()
  }
})

test('without any key it makes a secret once, for the owner alone, and says how to mint', { timeout: 60_000 }, async () => {
  const daemon = new Daemon({ comesBack: true })
  daemon.writeConfig({ auth: { secret: undefined } })
  const scene = new Scene(daemon)
  try {
    await daemon.start()
    const { message } = await daemon.logged(/--user USER/)
    // The command that it names does what it says.
    const [, ...command] = message.match(/chatctl (.*) --user USER/)[1].split(' ')
    const token = daemon.keepSecret((await scene.operator.ok('token', ...command, '--user', 'ann')).trim())
    const place = ['--config', daemon.configFile, '--state-dir', daemon.stateDir]
    const alone = await run(['token', '--user', 'ann', ...place], { cwd: daemon.dir })
    daemon.keepSecret(alone.stdout.trim())
    assert.equal(alone.code, 0, alone.stderr)
    assert.equal((await scene.connect('ann', { token })).connected.userId, 'ann')
    const secretFile = readdirSync(daemon.stateDir).find((name) => /secret/.test(name))
    assert.ok(secretFile, readdirSync(daemon.stateDir).join(' '))
    const path = join(daemon.stateDir, secretFile)
    assert.equal(statSync(path).mode & 0o777, 0o600)
    const { mtimeMs } = statSync(path)
    assert.match(await scene.refused('ann', { token: daemon.token('ann') }), /^TOKEN_INVALID/)
    await daemon.stop()
    await daemon.start()
    assert.equal(statSync(path).mtimeMs, mtimeMs, 'the secret is made once')
    await scene.end()
  } finally {
    scene.close()
    await daemon.dispose()
  }
})

test('a secret from a file', { timeout: 30_000 }, async () => {
  const daemon = new Daemon()
  const secret = daemon.keepSecret(freshSecret())
  writeFileSync(join(daemon.dir, 'secret'), `${secret}\n`)
  daemon.writeConfig({ auth: { secret: undefined, secret_file: join(daemon.dir, 'secret') } })
  const scene = new Scene(daemon)
  try {
    await daemon.start()
    await scene.connect('ann', { token: mint(secret, 'ann') })
    await scene.end()
  } finally {
    scene.close()
    await daemon.dispose()
  }
})

test('with no file at all it says so and serves', { timeout: 30_000 }, async () => {
  const daemon = new Daemon()
  const args = ['--listen', '127.0.0.1:0', '--state-dir', daemon.stateDir]
  const child = spawn(binary(), args, { env: cleanEnvironment({ CHATD_LOG__FORMAT: 'json' }), stdio: ['ignore', 'ignore', 'pipe'] })
  try {
    let said = ''
    await new Promise((ready, fail) => {
      child.stderr.on('data', (data) => {
        said += data
        if (/"message":"ready"/.test(said)) ready()
      })
      child.once('exit', (code) => fail(new Error(`exit ${code}\n${said}`)))
    })
    assert.match(said, /config\.toml/)
  } finally {
    const gone = new Promise((end) => child.once('exit', end))
    child.kill('SIGTERM')
    await gone
    await daemon.dispose()
  }
})

test('a port that is taken ends the start with a word', { timeout: 30_000 }, async () => {
  const first = await Daemon.start()
  const daemon = new Daemon()
  try {
    const args = ['--config', daemon.configFile, '--listen', first.address, '--state-dir', daemon.stateDir]
    const { code, stderr } = await run(args, { cwd: daemon.dir })
    assert.ok(code > 0, `exit ${code}`)
    assert.ok(stderr.includes(first.address), stderr)
    assert.ok(!/panicked/.test(stderr), stderr)
  } finally {
    await first.dispose()
    await daemon.dispose()
  }
})

chat('the log holds no content and no token at the lowest level either', { config: { log: { level: 'trace' } } }, async (scene) => {
  for (const transport of ['websocket', 'polling', 'upgrade']) {
    const [ann, bob] = await Promise.all([scene.connect('ann', { transport }), scene.connect('bob', { transport })])
    const room = await scene.create(ann, [bob])
    const sent = await ann.say(room, words('private'), { clientId: `of ${transport}` })
    await bob.next('message:new')
    await ann.ok('message:edit', { messageId: sent.id, content: words('also private') })
    await bob.ok('message:search', { query: 'private' })
    await ann.ok('authenticate', { token: scene.daemon.token('ann') })
    await ann.fails('INVALID', 'message:send', { conversationId: room, content: words('private in a mistake'), surprise: words('surprise') })
    scene.daemon.confidential.add(ann.socket.id)
    ann.close()
    bob.close()
  }
  await scene.refused('eve', { token: `${scene.daemon.token('eve')}x` })
})
