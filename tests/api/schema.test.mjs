// The description at /api/v1/openapi.json at its word: a fuzzer reads it, asks for what it offers and for what it rules out,
// and holds the answers to it.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { API, Api, KEY } from '../common/api.mjs'
import { ROOT } from '../common/daemon.mjs'
import { chat, range } from '../common/harness.mjs'
import { toml } from '../common/toml.mjs'

const FUZZER = join(ROOT, 'tests/.venv/bin/schemathesis')

/** So that there is something to approve and to reject. */
const HOLDS = 'fn on_message(m) { if m.content.starts_with("held") { hold("not yet") } }'

/** Puts people, conversations and messages there; resolves to the ids among which the fuzzer picks. */
async function settle(api) {
  const users = range(1, 8).map((n) => `user${n}`)
  const rooms = range(1, 8).map((n) => `room${n}`)
  const leaving = ['leaving1', 'leaving2']
  const closing = ['closing1', 'closing2']
  const [messages, held] = [[], []]
  for (const user of [...users, ...leaving]) await api.ok('PUT', `/users/${user}`)
  for (const id of [...rooms, ...closing]) {
    await api.ok('POST', '/conversations', { type: 'group', id, ownerId: users[0], members: users })
    if (closing.includes(id)) continue
    const say = async (content) => (await api.ok('POST', `/conversations/${id}/messages`, { senderId: users[0], content })).message.id
    messages.push(await say('hello'), await say('hello again'))
    held.push(await say('held for now'), await say('held as well'))
  }
  return { users, rooms, leaving, closing, messages, held }
}

/** The description with every schema in its place: the fuzzer's dictionaries cannot follow a reference. */
function resolved(value, schemas) {
  if (Array.isArray(value)) return value.map((item) => resolved(item, schemas))
  if (typeof value !== 'object' || value === null) return value
  const [, name] = /^#\/components\/schemas\/(\w+)$/.exec(value.$ref) ?? []
  if (name) return resolved(schemas[name], schemas)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolved(inner, schemas)]))
}

/** Mostly ids that are there; the same requests in each run. */
function configuration(daemon, ids) {
  const among = (dictionary) => ({ dictionary, probability: 0.8 })
  const off = { enabled: false }
  const file = join(daemon.dir, 'schemathesis.toml')
  writeFileSync(file, toml({
    headers: { Authorization: `Bearer ${KEY}` },
    generation: { deterministic: true, 'max-examples': 15 },
    // The daemon counts bytes, and a cursor is what it gave out: no schema can say so.
    checks: { positive_data_acceptance: off },
    operations: [
      // There may be a member "remove", who can be changed and taken out.
      { 'include-path': '/conversations/{conversationId}/members/remove', checks: { allow_header_conformance: off } },
      { 'include-operation-id': ['approve', 'reject'], parameters: { messageId: among('held') } },
      // What the others need stays, and may do what it may.
      { 'include-operation-id': ['deleteUser', 'ban', 'mute'], parameters: { userId: among('leaving') } },
      { 'include-operation-id': 'deleteConversation', parameters: { conversationId: among('closing') } },
    ],
    dictionaries: Object.fromEntries(Object.entries(ids).map(([name, values]) => [name, { values }])),
    parameters: { userId: among('users'), conversationId: among('rooms'), messageId: among('messages') },
  }))
  return file
}

/** The operations that never did what they were asked for, by the archive of a run. */
function neverDone(archive, paths) {
  const { entries } = JSON.parse(readFileSync(archive, 'utf8')).log
  const done = entries.filter(({ response }) => response.status < 300).map(({ request }) => `${request.method} ${new URL(request.url).pathname}`)
  const operations = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} /api/v1${path}`))
  const missed = (operation) => {
    const pattern = new RegExp(`^${operation.replace(/\{\w+\}/g, '[^/]+')}$`)
    return !done.some((request) => pattern.test(request))
  }
  return operations.filter(missed)
}

chat('answers are what the description says, and what it rules out is refused', { config: API, plugins: { holds: HOLDS }, timeout: 240_000 }, async (scene) => {
  const { daemon } = scene
  const api = new Api(daemon)
  const file = configuration(daemon, await settle(api))
  const description = await api.ok('GET', '/openapi.json')
  const inlined = join(daemon.dir, 'openapi.json')
  writeFileSync(inlined, JSON.stringify(resolved(description, description.components.schemas)))
  const archive = join(daemon.dir, 'run.har')
  const command = ['--no-color', '--config-file', file, 'run', inlined, '--url', `${daemon.url}/api/v1`, '--report-har-path', archive]
  const found = await promisify(execFile)(FUZZER, command, { cwd: daemon.dir, maxBuffer: 1 << 26 }).then(() => '', ({ stdout, stderr }) => stdout + stderr)
  assert.equal(found, '')
  // What it fills bodies with is chance, so it may miss what asks for a certain user's certain message.
  const missed = neverDone(archive, description.paths)
  assert.ok(missed.length <= 5, `only refused: ${missed.join(', ')}`)
})
