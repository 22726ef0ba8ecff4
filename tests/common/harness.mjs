// A test is a conversation: a daemon of its own, a few users, who says what, and who gets what. Everything that a scene
// opened is closed at its end, the daemon is ended by SIGTERM, and its log is held against the rules (common/daemon.mjs).

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'

import { Client } from './client.mjs'
import { Operator } from './ctl.mjs'
import { Daemon } from './daemon.mjs'
import { RawSocket } from './raw.mjs'

export { Client } from './client.mjs'
export { Daemon } from './daemon.mjs'
export { DEADLINE_MS, pause, until, within } from './wait.mjs'

let counter = 0
/** A text that occurs nowhere else, so that its way can be followed and no log can hold it by chance. */
export const words = (topic = 'words') => `${topic} ${(counter += 1)}-${randomBytes(4).toString('hex')}`

export class Scene {
  #clients = []
  #raws = []

  constructor(daemon) {
    this.daemon = daemon
    /** chatctl for this daemon. */
    this.operator = new Operator(daemon)
  }

  /** A device of `user`, connected. */
  connect(user, options) {
    return this.client(user, options).open()
  }

  /** A device of `user`, not connected yet. */
  client(user, options) {
    const client = new Client(this.daemon, user, options)
    this.#clients.push(client)
    return client
  }

  /** The message of the `connect_error` with which `user` is refused. */
  refused(user, options) {
    return this.client(user, options).refused()
  }

  users(...names) {
    return Promise.all(names.map((name) => this.connect(name)))
  }

  /** A raw WebSocket connection, let in as `user`. */
  async raw(user, options) {
    const raw = await RawSocket.connect(this.daemon, user, options)
    this.#raws.push(raw)
    return raw
  }

  /** A raw WebSocket connection that has not said who it is. */
  async rawUnknown(options) {
    const raw = await RawSocket.open(this.daemon, options)
    this.#raws.push(raw)
    return raw
  }

  /** A conversation of `owner` with the others, all of whom follow it; resolves to its id. */
  async create(owner, others = [], payload = {}) {
    const members = [...new Set(others.map(({ user }) => user))].filter((user) => user !== owner.user)
    const { conversation } = await owner.ok('conversation:create', { type: 'group', members, ...payload })
    await Promise.all(others.map((other) => other.nextIn('conversation:updated', conversation.id)))
    return conversation.id
  }

  /** Makes `user` what the test needs, by the word of `by`. */
  async role(by, conversationId, user, changes) {
    return (await by.ok('member:update', { conversationId, userId: user, ...changes })).member
  }

  /** Everything said in the conversation so far has come to each of `readers` once this resolves. */
  async fence(sender, conversationId, ...readers) {
    const content = words('fence')
    await sender.say(conversationId, content)
    await Promise.all(readers.map((reader) => reader.next('message:new', (message) => message.content === content)))
  }

  /** Keeps `writers` talking; `stop` ends it and resolves to all that was said, or tells what went wrong. */
  chatter(writers, conversationId) {
    const said = []
    let stopped = false
    const talk = async (writer) => {
      while (!stopped) said.push(await writer.say(conversationId, words('chatter')))
    }
    const talks = Promise.allSettled(writers.map(talk))
    const stop = async () => {
      stopped = true
      const failed = (await talks).find(({ status }) => status === 'rejected')
      if (failed) throw failed.reason
      return said
    }
    return { said, stop }
  }

  close() {
    for (const client of this.#clients) client.close()
    for (const raw of this.#raws) raw.close()
    this.operator.close()
  }

  async end() {
    this.close()
    for (const client of this.#clients) client.assertClean()
    await this.daemon.stop()
  }
}

/** A test with a daemon of its own. `options` are those of `Daemon`, and `timeout` in milliseconds. */
export function chat(name, ...rest) {
  const body = rest.pop()
  const { timeout = 60_000, ...options } = rest.pop() ?? {}
  test(name, { timeout }, async (t) => {
    const daemon = new Daemon(options)
    const scene = new Scene(daemon)
    try {
      await daemon.start()
      await body(scene, t)
      await scene.end()
    } catch (cause) {
      t.diagnostic(`the daemon's last words:\n${daemon.tail()}`)
      throw cause
    } finally {
      scene.close()
      await daemon.dispose()
    }
  })
}

/** The values of one field, for comparing lists at a glance. */
export const pluck = (list, field) => list.map((entry) => entry[field])

export const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

export function assertRecent(time, toleranceMs = 15_000) {
  const age = Date.now() - Date.parse(time)
  assert.ok(Math.abs(age) < toleranceMs, `${time} is not now`)
}
