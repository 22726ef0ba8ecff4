// chatd-api(7) and the README at their word: every route stands in the page with all that it takes and answers, and the
// examples are followed.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

import { API, Api } from '../common/api.mjs'
import { Daemon, ROOT } from '../common/daemon.mjs'
import { chat, pluck } from '../common/harness.mjs'

const PAGE = readFileSync(join(ROOT, 'man/chatd-api.7'), 'utf8')

/** What the page says of each route: `{ 'GET /users': text }`. */
function entries() {
  const items = [...PAGE.matchAll(/^\.It Li ((?:GET|POST|PUT|PATCH|DELETE) \/\S+)\n([^]*?)(?=^\.(?:It|El)\b)/gm)]
  return Object.fromEntries(items.map(([, route, text]) => [route, text]))
}

chat('every route stands in the page, with its scope and all that it takes and answers', { config: API }, async (scene) => {
  const { paths, components } = await new Api(scene.daemon).ok('GET', '/openapi.json')
  const schema = (value) => (value?.$ref ? components.schemas[value.$ref.split('/').at(-1)] : value)
  /** The fields of an object, with `?` behind those that may be missing; of one of several, all of theirs. */
  const fields = (value) => (schema(value)?.oneOf ?? [schema(value)]).flatMap((one) => Object.keys(one?.properties ?? {})
    .map((name) => (one.required.includes(name) ? name : `${name}?`)))
  const said = entries()
  const there = []
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const route = `${method.toUpperCase()} ${path}`
      there.push(route)
      assert.ok(said[route], `${route} is not in chatd-api(7)`)
      const [scope, ...rest] = said[route].split('\n')
      assert.equal(scope, `${operation.description.match(/`(\w+)`/)[1]}.`, route)
      const words = rest.join(' ').split(/[\s,{}[\]=:]+/)
      const body = operation.requestBody?.content['application/json'].schema
      const [, answer] = Object.entries(operation.responses).find(([status]) => status.startsWith('2'))
      const parameters = operation.parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name)
      for (const word of [...parameters, ...fields(body), ...fields(answer.content['application/json'].schema)]) {
        assert.ok(words.includes(word), `${word} of ${route} is not in chatd-api(7)`)
      }
      assert.equal(words.includes('201'), '201' in operation.responses, `${route} and 201`)
    }
  }
  assert.ok(there.length > 40, `${there.length} routes`)
  assert.deepEqual(Object.keys(said).filter((route) => !there.includes(route)), [], 'in chatd-api(7) alone')
})

test('every status with its code stands in the page', () => {
  const codes = [...readFileSync(join(ROOT, 'src/domain/error.rs'), 'utf8').matchAll(/Code::\w+ => "([A-Z_]+)"/g)].map(([, code]) => code)
  const shown = [...PAGE.matchAll(/^\.It Li (\d{3} [A-Z_]+(?: , \d{3} [A-Z_]+)*)$/gm)].flatMap(([, list]) => list.split(' , '))
  assert.ok(codes.length > 15, `${codes}`)
  // What only connections and the tokens of users come to.
  const elsewhere = ['UNKNOWN_EVENT', 'RATE_LIMITED', 'TOKEN_EXPIRED', 'TOKEN_REVOKED', 'TOO_MANY_CONNECTIONS']
  for (const code of codes) {
    assert.equal(shown.some((entry) => entry.endsWith(` ${code}`)), !elsewhere.includes(code), code)
  }
})

const ESCAPES = { '\\-': '-', '\\(aq': "'", '\\e': '\\' }
const shown = (text) => text.replace(/\\(?:\(..|.)/g, (escape) => ESCAPES[escape] ?? assert.fail(`${escape} in an example`))
const examples = () => [...PAGE.matchAll(/^\.Bd -literal.*\n([^]*?)^\.Ed$/gm)].map(([, block]) => shown(block))
const commands = () => examples().filter((text) => text.startsWith('$ ')).map((text) => text.trim().split('\n').map((line) => line.replace(/^\$ /, '')))

/** Runs lines of the page in one shell; resolves to what it printed, line by line. */
async function shell(lines, env = {}) {
  const script = ['set -eu', ...lines.map((line) => `${line}\necho`)].join('\n')
  const { stdout } = await promisify(execFile)('bash', ['-c', script], { env: { ...process.env, ...env } })
  return stdout.split('\n').filter((line) => line !== '')
}

/** A daemon with this piece of the configuration, for as long as `body` runs. */
async function configured(piece, body) {
  const daemon = new Daemon()
  try {
    mkdirSync(join(daemon.dir, 'conf.d'))
    writeFileSync(join(daemon.dir, 'conf.d', 'api.toml'), piece)
    await daemon.start()
    await body(daemon)
    await daemon.stop()
  } finally {
    await daemon.dispose()
  }
}

/** Lines of the page or the README, to the daemon that there is. */
function at(daemon, lines) {
  const here = lines.map((line) => line.replace('http://127.0.0.1:3000/', `${daemon.url}/`))
  assert.notDeepEqual(here, lines)
  return here
}

test('the first request does what the page says', { timeout: 60_000 }, async () => {
  const [making, naming, asking] = commands()
  const [hash, KEY] = await shell([making.join('\n'), 'echo "$KEY"'])
  const piece = examples().find((text) => text.startsWith('# config.toml')).replace('sha256:...', `sha256:${hash.split(' ')[0]}`)
  await configured(piece, async (daemon) => {
    daemon.keepSecret(KEY)
    const ask = async () => (await shell([...at(daemon, naming), ...asking], { KEY })).map((line) => JSON.parse(line))
    const [user, conversation, sent, emitted, history] = await ask()
    assert.equal(user.user.id, 'ann')
    assert.deepEqual([conversation.conversation.id, conversation.conversation.members], ['lunch', 2])
    assert.deepEqual([sent.message.senderId, sent.message.type, sent.duplicate], ['chatd', 'system', false])
    assert.deepEqual(emitted, { devices: 0, notified: true })
    assert.deepEqual(pluck(history.messages, 'content'), ['The table is booked.'])
    // The same once more: the conversation is refused, and no message is there twice.
    const [, refused, repeated, , afterwards] = await ask()
    assert.deepEqual([refused.code, repeated.message.id], ['CONFLICT', sent.message.id])
    assert.equal(afterwards.messages.length, 1)
    const problem = JSON.parse(examples().find((text) => text.startsWith('{"type"')))
    const { body } = await new Api(daemon, KEY).fails(problem.status, problem.code, 'GET', '/conversations/nowhere')
    assert.deepEqual({ ...body, requestId: problem.requestId }, problem)
  })
})

test('the request of the README does what it says', { timeout: 60_000 }, async () => {
  const [, piece, request, answer] = readFileSync(join(ROOT, 'README.md'), 'utf8')
    .match(/^```toml\n(\[api\]\n[^]*?)^```\n\n```sh\n([^]*?)^```\n\n {4}(.*)$/m)
  const [, making] = piece.match(/"sha256:…" +# (.*)$/m)
  const [hash, KEY] = await shell([making, 'echo "$KEY"'])
  await configured(piece.replace('sha256:…', `sha256:${hash.split(' ')[0]}`), async (daemon) => {
    daemon.keepSecret(KEY)
    assert.deepEqual(await shell(at(daemon, [request.trim()]).map((line) => line.replace('curl', 'curl -sS')), { KEY }), [answer])
  })
})
