// @ts-check
// Messages on their way. They outlive a lost connection and a reload; the server knows a retry by its `clientId`.

import { Refused, Unreachable, ask, pause } from './link.js'
import { changed, state } from './state.js'

/** @import { IAside, IMessage } from '../../../types/chatd.js' */
/** @import { Outgoing } from './state.js' */

const KEY = 'chatd-demo-outbox'

/** @type {(message: IMessage | IAside) => void} */
let onSent = () => {}
let isRunning = false

/** What was left when the page was closed. @param {(message: IMessage | IAside) => void} sent what to do with what went out */
export function open(sent) {
  onSent = sent
  try {
    state.outbox = JSON.parse(sessionStorage.getItem(KEY) ?? '[]')
  } catch {
    state.outbox = []
  }
}

function keep() {
  sessionStorage.setItem(KEY, JSON.stringify(state.outbox))
  changed()
}

/** Unlike `crypto.randomUUID` there also where the page came without TLS. */
const clientId = () => [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0')).join('')

/** @param {Pick<Outgoing, 'conversationId' | 'content' | 'replyTo' | 'type'>} message */
export function post(message) {
  state.outbox.push({ ...message, clientId: clientId(), at: new Date().toISOString() })
  keep()
  void flush()
}

/** @param {Outgoing} entry */
export function retry(entry) {
  delete entry.error
  keep()
  void flush()
}

/** @param {(entry: Outgoing) => boolean} matches */
export function drop(matches) {
  if (!state.outbox.some(matches)) return
  state.outbox = state.outbox.filter((entry) => !matches(entry))
  keep()
}

/** Sends what waits, one after the other, as long as there is a connection. */
export async function flush() {
  if (isRunning) return
  isRunning = true
  try {
    for (;;) {
      const entry = state.outbox.find(({ error }) => error === undefined)
      if (!entry || !state.isOnline) return
      await send(entry)
    }
  } finally {
    isRunning = false
  }
}

/** @param {Outgoing} entry */
async function send(entry) {
  const { conversationId, content, replyTo, type } = entry
  try {
    const payload = { conversationId, content, clientId: entry.clientId, ...(replyTo && { replyTo }), ...(type && { type }) }
    const { message } = await ask('message:send', payload)
    drop(({ clientId }) => clientId === entry.clientId)
    onSent(message)
  } catch (cause) {
    if (cause instanceof Unreachable) await pause(300)
    else if (cause instanceof Refused && (cause.code === 'UNAVAILABLE' || cause.code === 'RATE_LIMITED')) await pause(cause.retryAfterMs ?? 1_000)
    else {
      entry.error = cause instanceof Error ? cause.message : String(cause)
      keep()
    }
  }
}
