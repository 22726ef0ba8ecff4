// @ts-check
// The connection: the stock client, a fresh token in time, and a word to the user while it is down.

import { signIn } from './session.js'
import { changed, state } from './state.js'

/** @import { Socket } from 'socket.io-client' */
/** @import { ClientToServerEvents, Connected, Handshake, Refusal, ServerToClientEvents } from '../../../types/chatd.js' */

/** @template {keyof ClientToServerEvents} E @typedef {Parameters<ClientToServerEvents[E]>[0]} Payload */
/** @template {keyof ClientToServerEvents} E @typedef {Extract<Parameters<Parameters<ClientToServerEvents[E]>[1]>[0], { ok: true }>} Granted */

/** The longest that `setTimeout` can wait. */
const LONGEST_TIMER_MS = 2 ** 31 - 1
const ANSWER_MS = 10_000
const RETRIES = 3

/** What the server refused. */
export class Refused extends Error {
  /** @param {Refusal} refusal */
  constructor({ code, message, retryAfterMs }) {
    super(message)
    this.code = code
    this.retryAfterMs = retryAfterMs
  }
}

/** What did not reach the server, or whose answer did not come. */
export class Unreachable extends Error {
  constructor() {
    super('You are offline.')
  }
}

/** @type {Socket<ServerToClientEvents, ClientToServerEvents>} */
let socket
let renewal = 0
let comeback = 0
let token = ''
let refusals = 0

/** @param {number} ms */
export const pause = (ms) => new Promise((done) => setTimeout(done, ms))

/**
 * Asks the server and waits for its answer.
 * @template {keyof ClientToServerEvents} E
 * @param {E} event
 * @param {Payload<E>} payload
 * @returns {Promise<Granted<E>>}
 */
export async function ask(event, payload) {
  for (let attempt = 1; ; attempt += 1) {
    if (!socket?.connected || !state.isOnline) throw new Unreachable()
    /** @type {{ ok: boolean, error: Refusal }} */
    let answer
    try {
      // One signature for all events: the payload's type was held above, the answer's is below.
      const untyped = /** @type {any} */ (socket.timeout(ANSWER_MS))
      answer = await untyped.emitWithAck(event, payload)
    } catch {
      throw new Unreachable()
    }
    if (answer.ok) return /** @type {any} */ (answer)
    if (answer.error.code !== 'RATE_LIMITED' || attempt > RETRIES) throw new Refused(answer.error)
    await pause(answer.error.retryAfterMs ?? 1_000)
  }
}

/**
 * @typedef {object} Wiring
 * @property {{ token: string, name: string }} session
 * @property {() => Handshake['resume']} resume what this page has, for a connection that comes back
 * @property {(greeting: Connected) => void} onGreeting
 * @property {(reason: string) => void} onSignedOut
 */

/**
 * Connects, and stays connected until `disconnect`.
 * @param {Wiring} wiring
 */
export function connect({ session, resume, onGreeting, onSignedOut }) {
  const path = document.querySelector('meta[name=socket-path]')?.getAttribute('content') ?? '/socket.io/'
  token = session.token
  /** @type {typeof import('socket.io-client').io} */
  const io = /** @type {any} */ (globalThis).io
  socket = io({
    path,
    autoConnect: false,
    forceNew: true,
    transports: ['websocket', 'polling'],
    tryAllTransports: true,
    reconnectionDelay: 300,
    reconnectionDelayMax: 3_000,
    auth: (give) => {
      const resumed = resume()
      /** @type {Handshake} */
      const handshake = { token, device: 'demo page', ...(resumed && { resume: resumed }) }
      give(handshake)
    },
  })

  const renew = async () => {
    token = (await signIn(session.name)).token
    return token
  }
  /** @param {number} ms */
  const comeBackIn = (ms) => {
    clearTimeout(comeback)
    comeback = setTimeout(() => socket.connect(), ms)
  }
  /** Before the token expires; asked again where it fails. @param {number} ms */
  const renewIn = (ms) => {
    clearTimeout(renewal)
    renewal = setTimeout(async () => {
      try {
        await ask('authenticate', { token: await renew() }).then(({ expiresAt }) => renewBefore(expiresAt))
      } catch {
        if (state.isOnline) renewIn(2_000)
      }
    }, Math.min(ms, LONGEST_TIMER_MS))
  }
  /** @param {string | null} expiresAt */
  const renewBefore = (expiresAt) => {
    if (expiresAt) renewIn(Math.max(500, (Date.parse(expiresAt) - Date.now()) * 0.8))
  }

  socket.on('connected', (greeting) => {
    refusals = 0
    state.isOnline = true
    state.banner = null
    renewBefore(greeting.expiresAt)
    onGreeting(greeting)
    changed()
  })

  socket.on('server:shutdown', ({ reconnectAfterMs }) => {
    state.isOnline = false
    say('warn', 'The server restarts. Back in a moment…')
    // When to come back is the server's word, so that not everybody does at once.
    socket.disconnect()
    comeBackIn(reconnectAfterMs)
  })

  socket.on('disconnect', (reason) => {
    clearTimeout(renewal)
    state.isOnline = false
    if (reason === 'io client disconnect') return changed()
    say('warn', 'You are offline. What you write is sent once you are back.', { label: 'Retry now', run: retry })
    // Where the server ends a connection, the client stays away unless told otherwise.
    if (reason === 'io server disconnect') comeBackIn(500)
  })

  socket.on('connect_error', async (error) => {
    state.isOnline = false
    if (socket.active) {
      return say('warn', 'The server cannot be reached. Trying again…', { label: 'Retry now', run: retry })
    }
    const code = error.message.split(':')[0] ?? ''
    refusals += 1
    if (code.startsWith('TOKEN_') && refusals <= 2) {
      try {
        await renew()
        return void socket.connect()
      } catch {
        return comeBackIn(2_000)
      }
    }
    if (code.startsWith('TOKEN_') || code === 'BANNED' || code === 'DENIED') return onSignedOut(error.message)
    say('warn', `${error.message}. Trying again…`, { label: 'Retry now', run: retry })
    comeBackIn(3_000)
  })

  addEventListener('offline', lost)
  addEventListener('online', retry)
  say('work', 'Connecting…')
  socket.connect()
  return socket
}

/** The browser knows before the connection does. */
function lost() {
  if (!socket.connected) return
  socket.io.engine.close()
}

function retry() {
  if (socket.connected) return
  clearTimeout(comeback)
  // Ends the wait for the next attempt.
  socket.disconnect().connect()
}

export function disconnect() {
  removeEventListener('offline', lost)
  removeEventListener('online', retry)
  clearTimeout(renewal)
  clearTimeout(comeback)
  socket.disconnect()
}

/**
 * @param {'work' | 'warn' | 'good'} kind
 * @param {string} text
 * @param {{ label: string, run: () => void }} [action]
 */
export function say(kind, text, action) {
  state.banner = { kind, text, ...(action && { action }) }
  changed()
}
