// A device of a user: the stock socket.io-client, with every event kept until it is asked for and held against the protocol.

import assert from 'node:assert/strict'

import { io } from 'socket.io-client'

import { ackProblems, eventProblems } from './shapes.mjs'
import { DEADLINE_MS, Feed, pause, within } from './wait.mjs'

const TRANSPORTS = { websocket: ['websocket'], polling: ['polling'], upgrade: ['polling', 'websocket'] }

export class Client {
  /** Everything that broke the protocol on this connection, in sentences. */
  problems = []
  disconnects = new Feed()
  #seen = new Map()

  /**
   * `token`, `device`, `status`, `resume` go into the handshake (`token: null` leaves it out; a function for `auth` replaces
   * it all); `transport` is "websocket", "polling" or "upgrade"; `options` reach socket.io-client as they are.
   */
  constructor(daemon, user, { transport = 'websocket', token, device, status, resume, auth, options = {} } = {}) {
    this.daemon = daemon
    this.user = user
    this.transport = transport
    const handshake = { token: token === undefined ? daemon.token(user) : token, device, status, resume }
    const sent = Object.fromEntries(Object.entries(handshake).filter(([, value]) => value !== undefined && value !== null))
    this.events = new Feed()
    this.socket = io(daemon.url, {
      path: '/socket.io/',
      auth: auth ?? sent,
      transports: TRANSPORTS[transport],
      forceNew: true,
      reconnection: false,
      autoConnect: false,
      timeout: DEADLINE_MS,
      ...options,
    })
    this.socket.onAny((event, ...args) => this.#arrived(event, args))
    this.socket.on('disconnect', (reason) => {
      this.disconnects.push(reason)
      if (!this.socket.io.reconnection()) this.events.end(`${user} was disconnected: ${reason}`)
    })
    this.socket.on('connect', () => {
      // A new connection: the order starts anew.
      this.#seen.clear()
      this.events.reopen()
      daemon.confidential.add(this.socket.io.engine.id)
      daemon.confidential.add(this.socket.id)
    })
  }

  #arrived(event, args) {
    const problems = eventProblems(event, args)
    this.problems.push(...problems)
    const payload = args[0]
    if (event === 'message:new' && problems.length === 0 && payload.seq !== null) {
      const last = this.#seen.get(payload.conversationId) ?? 0
      if (payload.seq <= last) this.problems.push(`${event}: seq ${payload.seq} of ${payload.conversationId} after ${last}`)
      this.#seen.set(payload.conversationId, payload.seq)
    }
    this.events.push({ event, payload, at: performance.now() })
  }

  /** Connects and waits for `connected` (and for the upgrade, where there is one). */
  async open() {
    const refused = new Promise((_, fail) => this.socket.once('connect_error', fail))
    const connected = this.next('connected')
    this.socket.connect()
    this.connected = await Promise.race([connected, refused])
    if (this.transport === 'upgrade') await this.#upgraded()
    return this
  }

  /** Connects and expects to be refused; resolves to the message of `connect_error`. */
  async refused() {
    const outcome = new Promise((answer, fail) => {
      this.socket.once('connect_error', (error) => answer(error.message))
      this.socket.once('connect', () => fail(new Error(`${this.user} was let in`)))
    })
    this.socket.connect()
    try {
      return await within(DEADLINE_MS, outcome, `${this.user} to be refused`)
    } finally {
      this.close()
    }
  }

  #upgraded() {
    const { engine } = this.socket.io
    if (engine.transport.name === 'websocket') return undefined
    return within(DEADLINE_MS, new Promise((done) => engine.once('upgrade', done)), 'the upgrade to websocket')
  }

  /** Sends an event and resolves to its acknowledgement. */
  emit(event, ...args) {
    this.#remember(event, args[0])
    return new Promise((answer, fail) => {
      this.socket.timeout(DEADLINE_MS).emit(event, ...args, (late, ack) => {
        if (late) return fail(new Error(`${this.user}: no acknowledgement of ${event} ${JSON.stringify(args).slice(0, 200)}`))
        if (ack !== undefined) this.problems.push(...ackProblems(event, ack))
        answer(ack)
      })
    })
  }

  /** Sends an event without asking for an acknowledgement. */
  cast(event, ...args) {
    this.#remember(event, args[0])
    this.socket.emit(event, ...args)
  }

  #remember(event, payload) {
    if (typeof payload?.content === 'string') this.daemon.confidential.add(payload.content)
    if (event === 'authenticate' && typeof payload?.token === 'string') this.daemon.confidential.add(payload.token)
  }

  /** Sends an event that must be granted. */
  async ok(event, ...args) {
    const ack = await this.emit(event, ...args)
    assert.equal(ack?.ok, true, `${this.user} ${event} ${JSON.stringify(args).slice(0, 300)} -> ${JSON.stringify(ack)?.slice(0, 500)}`)
    return ack
  }

  /** The whole history of a conversation. */
  async everything(conversationId) {
    const messages = []
    for (let more = true; more; ) {
      const page = await this.ok('message:history', { conversationId, after: messages.at(-1)?.seq ?? 0, limit: 200 })
      messages.push(...page.messages)
      more = page.hasMore
    }
    return messages
  }

  /** Sends an event that must be refused with `code`; resolves to the error. */
  async fails(code, event, ...args) {
    const ack = await this.emit(event, ...args)
    const said = `${this.user} ${event} ${JSON.stringify(args)?.slice(0, 300)} -> ${JSON.stringify(ack)?.slice(0, 500)}`
    assert.equal(ack?.ok, false, said)
    assert.equal(ack.error.code, code, said)
    return ack.error
  }

  /** Sends a message that must be granted; resolves to it. */
  async say(conversationId, content, more = {}) {
    return (await this.ok('message:send', { conversationId, content, ...more })).message
  }

  /** The next event of this name that fits and was not asked for yet. */
  async next(event, matches = () => true, ms = DEADLINE_MS) {
    const what = () => `${this.user} to get ${event}; got ${JSON.stringify(this.#summary())}`
    const entry = await this.events.next((seen) => seen.event === event && matches(seen.payload), what, ms)
    return entry.payload
  }

  /** The next event of this name about a conversation. */
  nextIn(event, conversationId, matches = () => true) {
    return this.next(event, (payload) => (payload.conversationId ?? payload.id) === conversationId && matches(payload))
  }

  #summary() {
    return this.events.untaken().slice(-20).map(({ event, payload }) => [event, payload?.id ?? payload?.conversationId ?? payload])
  }

  /** All events of this name so far, whether asked for or not. */
  got(event, matches = () => true) {
    return this.events.all((seen) => seen.event === event && matches(seen.payload)).map(({ payload }) => payload)
  }

  /** Nothing that fits comes for `ms`: only where no later event can mark the end. */
  async none(event, ms, matches = () => true) {
    await pause(ms)
    assert.deepEqual(
      this.events.untaken((seen) => seen.event === event && matches(seen.payload)).map(({ payload }) => payload),
      [],
      `${this.user} must not get ${event}`,
    )
  }

  async history(conversationId, bounds = {}) {
    return (await this.ok('message:history', { conversationId, ...bounds })).messages
  }

  /** Resolves to the reason once the connection has ended. */
  ended(ms = DEADLINE_MS) {
    return this.disconnects.next(() => true, `${this.user} to be disconnected`, ms)
  }

  get isOpen() {
    return this.socket.connected
  }

  close() {
    this.socket.disconnect()
    this.socket.io.engine?.close()
  }

  /** Cuts the transport as a network failure would. */
  cut() {
    const transport = this.socket.io.engine.transport
    if (transport.ws) transport.ws.terminate()
    else transport.onError('cut by the test')
  }

  /** What no test may leave unexplained on a connection. */
  assertClean() {
    assert.deepEqual(this.problems, [], `${this.user} saw what the protocol does not allow`)
    const surprises = this.events.untaken(({ event }) => event === 'error' || event === 'sync:required')
    assert.deepEqual(surprises, [], `${this.user} got what the test did not ask for`)
  }
}
