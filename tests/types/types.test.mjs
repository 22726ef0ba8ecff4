// types/chatd.d.ts tells the truth: everything that the daemon says and takes is written down as TypeScript and compiled
// against it. A field that the types lack, and one that they ask for and that does not come, both fail.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { ROOT } from '../common/daemon.mjs'
import { chat, words } from '../common/harness.mjs'
import { PollingSession } from '../common/raw.mjs'
import { eventProblems } from '../common/shapes.mjs'
import { PROJECT, compile } from '../common/tsc.mjs'

const TYPES = join(ROOT, 'types/chatd.d.ts')
const source = (path) => readFileSync(join(ROOT, 'src', path), 'utf8')

/** The names in a source file that stand between two marks, such as all that `=>` gives. */
const names = (text, pattern) => new Set([...text.matchAll(pattern)].map(([, name]) => name))
const SERVER_EVENTS = names(source('wire/event.rs'), /const [A-Z_]+: &str = "([^"]+)"/g)
const CLIENT_EVENTS = names(source('wire/event.rs'), /\("([^"]+)", ClientEvent::/g)
const CODES = names(source('domain/error.rs'), /Code::\w+ => "([A-Z_]+)"/g)

const union = (set) => [...set].map((name) => `'${name}'`).join(' | ')

test('an application and the demo page compile with the types', { timeout: 60_000 }, async () => {
  assert.equal(await compile(PROJECT), '')
})

/** Writes down what goes over the devices of a scene. */
class Recorder {
  handshakes = []
  payloads = []
  answers = []
  events = []

  /** A device whose every exchange is kept. */
  watch(client) {
    this.handshakes.push(client.socket.auth)
    const emit = client.emit.bind(client)
    client.emit = async (event, ...args) => {
      const answer = await emit(event, ...args)
      if (answer.ok) this.payloads.push([event, args[0]])
      this.answers.push([event, answer])
      return answer
    }
    client.socket.onAny((event, payload) => this.events.push([event, payload]))
    return client
  }

  /** A TypeScript module that holds all of it against the types. */
  module() {
    const lines = [
      `import type { ClientToServerEvents, Code, Handshake, ServerToClientEvents } from '${TYPES.replace(/\.d\.ts$/, '.js')}'`,
      'type Payload<E extends keyof ClientToServerEvents> = Parameters<ClientToServerEvents[E]>[0]',
      'type Acknowledged<E extends keyof ClientToServerEvents> = Parameters<Parameters<ClientToServerEvents[E]>[1]>[0]',
      'type Said<E extends keyof ServerToClientEvents> = Parameters<ServerToClientEvents[E]>[0]',
      'type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false',
      `export const clientEvents: Same<keyof ClientToServerEvents, ${union(CLIENT_EVENTS)}> = true`,
      `export const serverEvents: Same<keyof ServerToClientEvents, ${union(SERVER_EVENTS)}> = true`,
      `export const codes: Same<Code, ${union(CODES)}> = true`,
    ]
    lines.push(`export const handshakes: Handshake[] = ${JSON.stringify(this.handshakes)}`)
    const kinds = { Payload: this.payloads, Acknowledged: this.answers, Said: this.events }
    for (const [kind, list] of Object.entries(kinds)) {
      list.forEach(([event, value], at) => {
        lines.push(`export const ${kind}${at}: ${kind}<'${event}'> = ${JSON.stringify(value)}`)
      })
    }
    return `${lines.join('\n')}\n`
  }
}

const CONFIG = { transports: { send_buffer: 50 }, presence: { grace: '0s' } }

chat('what the daemon says and takes has these types', { config: CONFIG, timeout: 120_000 }, async (scene) => {
  const recorder = new Recorder()
  const open = (user, options) => recorder.watch(scene.client(user, options)).open()
  const ann = await open('ann', { device: 'phone', status: 'away' })
  const bob = await open('bob')
  const room = await scene.create(ann, [bob], { title: 'Lunch', metadata: { colour: ['red', null, 1.5, { deep: true }] } })

  // Messages.
  const rich = { clientId: 'c-1', type: 'image', attachments: [{ url: 'a.png', size: 1 }], metadata: { n: 1 } }
  const first = await ann.say(room, `${words()} @bob`, rich)
  assert.equal((await ann.ok('message:send', { conversationId: room, content: 'x', ...rich })).duplicate, true)
  await bob.say(room, words(), { replyTo: first.id })
  await ann.ok('message:send', { conversationId: room, attachments: [{ url: 'b' }] })
  await ann.ok('message:edit', { messageId: first.id, content: words('edited') })
  for (const remove of [false, true, false]) await bob.ok('message:react', { messageId: first.id, emoji: '👍', remove })
  await ann.next('message:reaction', ({ removed }) => removed)
  await bob.ok('message:delivered', { messageId: first.id })
  await bob.ok('message:read', { messageId: first.id })
  await ann.next('message:delivered')
  await ann.next('message:read')
  for (const bounds of [{}, { after: 1, limit: 1 }, { before: 2 }]) await ann.ok('message:history', { conversationId: room, ...bounds })
  for (const query of ['edited', 'nowhere']) await ann.ok('message:search', { query, conversationId: room, limit: 1 })
  const doomed = await bob.say(room, words())
  await ann.ok('message:delete', { messageId: doomed.id })
  await bob.next('message:deleted')

  // Typing and presence.
  await bob.ok('typing:start', { conversationId: room })
  await bob.ok('typing:stop', { conversationId: room })
  await ann.next('typing:stop')
  for (const status of ['busy', { status: 'away', text: 'back soon' }]) await bob.ok('user:status', status)
  await ann.next('user:online', ({ status }) => status === 'away')

  // Conversations and members.
  await ann.ok('conversation:create', { type: 'direct', members: ['bob'] })
  await ann.ok('conversation:create', { id: 'lobby', type: 'channel' })
  for (const payload of ['lobby', { conversationId: 'lobby' }]) await bob.ok('conversation:join', payload)
  for (const payload of ['lobby', { conversationId: 'lobby' }]) await bob.ok('conversation:leave', payload)
  await ann.ok('conversation:update', { conversationId: room, title: null, metadata: null, settings: { post: 'members' } })
  await ann.ok('conversation:update', { conversationId: room, title: 'Dinner', settings: { invite: 'members', post: 'members' } })
  for (const payload of [null, {}, { limit: 1 }]) {
    const { cursor } = await ann.ok('conversation:list', payload)
    if (cursor) await ann.ok('conversation:list', { cursor })
  }
  await ann.ok('member:add', { conversationId: room, userId: 'cyd' })
  await ann.ok('member:add', { conversationId: room, userId: 'dan', role: 'reader' })
  const until2100 = '2100-01-01T00:00:00.000Z'
  await ann.ok('member:update', { conversationId: room, userId: 'cyd', role: 'moderator', mutedUntil: until2100 })
  await ann.ok('member:update', { conversationId: room, userId: 'dan', bannedUntil: until2100, mutedUntil: null })
  await ann.ok('conversation:members', { conversationId: room })
  await ann.ok('presence:get', { userIds: ['ann', 'bob', 'cyd', 'stranger'] })
  const { cursor } = await ann.ok('conversation:members', { conversationId: room, limit: 1 })
  await ann.ok('conversation:members', { conversationId: room, limit: 1, cursor })
  await ann.ok('member:remove', { conversationId: room, userId: 'dan' })

  // The inbox, with an entry that counts.
  await bob.ok('conversation:leave', room)
  const { conversation: direct } = await ann.ok('conversation:create', { type: 'direct', members: ['bob'] })
  await bob.ok('conversation:leave', direct.id)
  await ann.say(direct.id, words())
  await bob.next('notification:new', ({ type }) => type === 'message')
  const inbox = await bob.ok('notification:list', { limit: 1 })
  await bob.ok('notification:list', { cursor: inbox.cursor })
  await bob.ok('notification:read', { notificationId: inbox.notifications[0].id })
  await bob.ok('notification:read', { all: true })
  await bob.ok('notification:list', null)

  // Refusals, with and without an answer.
  await bob.fails('NOT_FOUND', 'message:read', { messageId: '01890000-0000-7000-8000-000000000000' })
  bob.cast('message:edit', { messageId: first.id, content: words() })
  await bob.next('error')
  await ann.ok('authenticate', { token: scene.daemon.token('ann') })
  const { limits } = scene.daemon.config
  await scene.daemon.reload({ limits: { events_per_second: 1, burst: 1 } })
  const refused = await Promise.all(['a', 'b', 'c'].map((id) => bob.emit('conversation:delete', { conversationId: id })))
  assert.ok(refused.some(({ error }) => error.code === 'RATE_LIMITED'))
  await scene.daemon.reload({ limits })

  // A device that comes back, one that is slow, and the end.
  const { epoch } = ann.connected
  const back = await open('bob', { resume: { epoch, conversations: { [room]: 1, elsewhere: 3 } } })
  assert.deepEqual(Object.keys(back.connected.resumed).sort(), ['elsewhere', room].sort())
  const idle = await PollingSession.connect(scene.daemon, 'idle')
  await ann.ok('member:add', { conversationId: room, userId: 'idle' })
  for (let n = 0; n < 120; n += 10) await Promise.all(Array.from({ length: 10 }, () => ann.say(room, words())))
  await idle.until('42["sync:required"')
  recorder.events.push(['sync:required', idle.got('sync:required')[0]])
  await ann.ok('conversation:delete', { conversationId: room })
  await back.next('conversation:deleted')
  await Promise.all([bob.close(), back.close()])
  await ann.next('user:offline', ({ userId }) => userId === 'bob')
  await Promise.all([ann.next('server:shutdown'), scene.daemon.stop()])

  const seen = (list) => new Set(list.map(([event]) => event))
  assert.deepEqual(seen(recorder.events), SERVER_EVENTS, 'every server event was heard')
  assert.deepEqual(seen(recorder.payloads), CLIENT_EVENTS, 'every client event was taken')
  assert.deepEqual(recorder.events.flatMap(([event, payload]) => eventProblems(event, [payload])), [])

  const directory = mkdtempSync(join(tmpdir(), 'chatd-types-'))
  try {
    const project = join(directory, 'tsconfig.json')
    writeFileSync(project, JSON.stringify({ extends: PROJECT, files: ['recorded.ts'] }))
    writeFileSync(join(directory, 'recorded.ts'), recorder.module())
    assert.equal(await compile(project), '')
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
