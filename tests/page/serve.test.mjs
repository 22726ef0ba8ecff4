// What `--demo` serves, and to whom.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { ROOT, binary, cleanEnvironment } from '../common/daemon.mjs'
import { chat } from '../common/harness.mjs'

const DEMO = { args: ['--demo'] }

const ask = (daemon, name, headers = {}) =>
  fetch(`${daemon.url}/demo/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ name }),
  })

chat('without the demo there is nothing', async ({ daemon }) => {
  for (const path of ['/', '/demo/app.js']) assert.equal((await fetch(daemon.url + path)).status, 404, path)
  assert.equal((await ask(daemon, 'Ann')).status, 404)
})

chat('the link to the page is logged once', DEMO, async ({ daemon }) => {
  const links = daemon.log.all(({ message }) => message?.startsWith('the demo page: '))
  assert.deepEqual(links.map(({ message }) => message), [`the demo page: ${daemon.url}/`])
  assert.deepEqual(daemon.log.all(({ level }) => level === 'WARN'), [])
})

chat('on a network it warns aloud', { args: ['--demo', '--listen', '0.0.0.0:0'] }, async ({ daemon }) => {
  const [warning] = daemon.log.all(({ level }) => level === 'WARN')
  assert.match(warning.message, /open to the network.*ANY USER/)
})

chat('files come with good manners', DEMO, async ({ daemon }) => {
  const kinds = { '/': 'text/html', '/demo/app.js': 'text/javascript', '/demo/base.css': 'text/css', '/demo/icon.svg': 'image/svg+xml' }
  for (const [path, kind] of Object.entries(kinds)) {
    const response = await fetch(daemon.url + path)
    assert.equal(response.status, 200, path)
    assert.ok(response.headers.get('content-type').startsWith(kind), path)
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
    assert.match(response.headers.get('content-security-policy'), /default-src 'none'; script-src 'self'/)
    const length = String(Buffer.byteLength(await response.text()))

    const head = await fetch(daemon.url + path, { method: 'HEAD' })
    assert.deepEqual([head.status, head.headers.get('content-length'), await head.text()], [200, length, ''], path)

    const etag = response.headers.get('etag')
    for (const known of [etag, `"other", ${etag}`, etag.replace('W/', ''), '*']) {
      const again = await fetch(daemon.url + path, { headers: { 'if-none-match': known } })
      assert.deepEqual([again.status, again.headers.get('etag'), await again.text()], [304, etag, ''], `${path} ${known}`)
    }
    assert.equal((await fetch(daemon.url + path, { headers: { 'if-none-match': '"other"' } })).status, 200)

    const post = await fetch(daemon.url + path, { method: 'POST', body: 'x' })
    assert.deepEqual([post.status, post.headers.get('allow')], [405, 'GET, HEAD'], path)
  }
  for (const path of ['/demo/', '/demo/index.html', '/demo/../Cargo.toml', '/demo/%2e%2e/secret', '/index.html']) {
    assert.equal((await fetch(daemon.url + path)).status, 404, path)
  }
})

chat('the bundled client is the released one', DEMO, async ({ daemon }) => {
  const released = readFileSync(join(ROOT, 'tests/node_modules/socket.io-client/dist/socket.io.min.js'), 'utf8')
  assert.equal(await (await fetch(`${daemon.url}/demo/socket.io.min.js`)).text(), released)
  assert.match(await (await fetch(`${daemon.url}/demo/socket.io.LICENSE`)).text(), /MIT License|\(The MIT License\)/)
})

chat('a token for a name', DEMO, async (scene) => {
  const { daemon } = scene
  const response = await ask(daemon, '  Ann \t LEE ', { origin: daemon.url })
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('cache-control'), 'no-store')
  const { token, ...person } = await response.json()
  daemon.keepSecret(token)
  assert.deepEqual(person, { userId: 'ann-lee', name: 'Ann LEE' })
  const ann = await scene.connect('ann-lee', { token })
  assert.equal(ann.connected.userId, 'ann-lee')
  const life = Date.parse(ann.connected.expiresAt) - Date.now()
  assert.ok(life > 3_500_000 && life < 3_700_000, `${life} ms`)
})

chat('no token for other sites, other forms and other names', { ...DEMO, config: { cors: { origins: ['*'] } } }, async ({ daemon }) => {
  for (const origin of ['https://evil.example', 'null', daemon.url.replace('127.0.0.1', 'localhost')]) {
    assert.equal((await ask(daemon, 'Ann', { origin })).status, 403, origin)
  }
  for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
    assert.equal((await ask(daemon, 'Ann', { 'content-type': type })).status, 415, type)
  }
  for (const name of ['', '  ', 'x'.repeat(33), 'a\u0007b', 'me@home', 7, null]) {
    const response = await ask(daemon, name)
    assert.equal(response.status, 400, String(name))
    assert.equal((await response.json()).code, 'INVALID')
  }
  for (const body of ['', '{', '[]', '{"name":"Ann","roles":["admin"]}']) {
    const response = await fetch(`${daemon.url}/demo/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    assert.equal(response.status, 400, body)
  }
  assert.equal((await ask(daemon, 'x'.repeat(2_000))).status, 413)
  const get = await fetch(`${daemon.url}/demo/token`)
  assert.deepEqual([get.status, get.headers.get('allow')], [405, 'POST'])
})

chat('tokens have a budget', DEMO, async ({ daemon }) => {
  const answers = await Promise.all(Array.from({ length: 120 }, (_, n) => ask(daemon, `User ${n}`)))
  const refused = answers.filter(({ status }) => status === 429)
  assert.ok(refused.length > 0 && answers.length - refused.length >= 50, `${refused.length} refused`)
  assert.ok(Number(refused[0].headers.get('retry-after')) >= 1)
})

chat('a configuration by which no token or no page can be had is refused', async ({ daemon }) => {
  const run = promisify(execFile)
  const key = join(ROOT, 'tests/fixtures/keys/ed25519.pub.pem')
  const cannotSign = { CHATD_AUTH__ALGORITHMS: 'EdDSA', CHATD_AUTH__PUBLIC_KEY_FILE: key, CHATD_AUTH__SECRET: '' }
  const cases = [
    [cannotSign, /server\.demo.*hands out tokens, but chatd holds no signing key/],
    [{ CHATD_SERVER__PATH: '/' }, /server\.demo.*no place for its page/],
    [{ CHATD_AUTH__REQUIRED_CLAIMS: 'tenant' }, /server\.demo.*tenant/],
  ]
  for (const [variables, complaint] of cases) {
    const env = cleanEnvironment({ HOME: daemon.dir, ...variables })
    if (env.CHATD_AUTH__SECRET === '') delete env.CHATD_AUTH__SECRET
    for (const flags of [['--check'], ['--listen', '127.0.0.1:0']]) {
      const { code, stderr } = await run(binary(), ['--demo', ...flags], { env, timeout: 10_000 }).catch((error) => error)
      assert.equal(code, 78, stderr)
      assert.match(stderr, complaint)
    }
  }
})
