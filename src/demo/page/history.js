// @ts-check
// Stretches of conversations: what is loaded, what came, and what is missing.

import { ask } from './link.js'
import { MAX_STRETCH, changed, state } from './state.js'

/** @import { IAside, IMessage } from '../../../types/chatd.js' */
/** @import { Conversation, Stretch } from './state.js' */

const PAGE = 50
const MAX_PAGE = 200
const MAX_SEEN = 10_000
/** A gap may close by itself: an answer to an own message comes behind others' messages. */
const GAP_GRACE_MS = 800
/** Missing more than that, the page starts over from the end. */
const WORTH_CATCHING_UP = 1_000

/** @param {Conversation} conversation */
const idOf = (conversation) => conversation.info.id

/** @param {IMessage[]} messages */
export function remember(messages) {
  for (const message of messages) {
    // Put at the end, as the oldest go first.
    state.seen.delete(message.id)
    state.seen.set(message.id, message)
  }
  for (const id of state.seen.keys()) {
    if (state.seen.size <= MAX_SEEN) break
    state.seen.delete(id)
  }
}

/**
 * Notes that a message came. What was missing before it is asked for, unless it comes by itself.
 * @param {Conversation} conversation
 * @param {number} seq
 */
export function note(conversation, seq) {
  if (seq > conversation.upTo) conversation.beyond.add(seq)
  close(conversation)
  if (conversation.beyond.size > 0) {
    setTimeout(() => conversation.beyond.size > 0 && catchUp(conversation).catch(() => {}), GAP_GRACE_MS)
  }
}

/** @param {Conversation} conversation */
function close(conversation) {
  while (conversation.beyond.delete(conversation.upTo + 1)) conversation.upTo += 1
  for (const seq of conversation.beyond) if (seq <= conversation.upTo) conversation.beyond.delete(seq)
}

/**
 * Puts a message where it belongs, where that is on the screen.
 * @param {Conversation} conversation
 * @param {IMessage} message
 * @param {boolean} mayTrim nobody is reading at the other end
 */
export function insert(conversation, message, mayTrim) {
  const { stretch } = conversation
  if (!stretch) return
  const { messages } = stretch
  const at = messages.findLastIndex(({ seq }) => seq <= message.seq)
  if (messages[at]?.seq === message.seq) {
    messages[at] = message
  } else if (at >= 0 || !stretch.hasOlder) {
    if (!stretch.atEnd && at === messages.length - 1) return
    messages.splice(at + 1, 0, message)
  }
  if (mayTrim) dropOldest(stretch)
  else if (messages.length > 2 * MAX_STRETCH) dropNewest(stretch)
}

/** @param {Stretch} stretch */
function dropOldest(stretch) {
  if (stretch.messages.length <= MAX_STRETCH) return
  stretch.messages.splice(0, stretch.messages.length - MAX_STRETCH)
  stretch.hasOlder = true
}

/** @param {Stretch} stretch */
function dropNewest(stretch) {
  if (stretch.messages.length <= MAX_STRETCH) return
  stretch.messages.length = MAX_STRETCH
  stretch.atEnd = false
}

/** Takes a message as it is now. @param {Conversation} conversation @param {IMessage | IAside} message */
export function replace(conversation, message) {
  if (message.seq === null) return setAside(conversation, message)
  const at = conversation.stretch?.messages.findIndex(({ id }) => id === message.id) ?? -1
  if (conversation.stretch && at >= 0) conversation.stretch.messages[at] = message
  if (conversation.last?.id === message.id) conversation.last = message
  remember([message])
}

/**
 * A page of history. What stands outside of the order is kept beside it.
 * @param {Conversation} conversation
 * @param {{ after?: number, before?: number, limit: number }} bounds
 */
async function read(conversation, bounds) {
  const { messages, hasMore } = await ask('message:history', { conversationId: idOf(conversation), ...bounds })
  /** @type {IMessage[]} */
  const ordered = []
  for (const message of messages) {
    if (message.seq === null) setAside(conversation, message)
    else ordered.push(message)
  }
  return { messages: ordered, hasMore }
}

/** Keeps an own message that nobody else sees, or forgets it where it was deleted. @param {Conversation} conversation @param {IAside} message */
export function setAside(conversation, message) {
  if (message.content === null) conversation.asides.delete(message.id)
  else conversation.asides.set(message.id, message)
}

/** @type {WeakMap<Conversation, Promise<void>>} */
const loading = new WeakMap()

/**
 * One thing at a time for each conversation.
 * @param {Conversation} conversation
 * @param {() => Promise<void>} work
 */
function inTurn(conversation, work) {
  const turn = (loading.get(conversation) ?? Promise.resolve()).catch(() => {}).then(work)
  loading.set(conversation, turn)
  return turn.finally(() => {
    if (loading.get(conversation) === turn) loading.delete(conversation)
    changed()
  })
}

/** @param {Conversation} conversation */
export const isLoading = (conversation) => loading.has(conversation)

/** The end of the conversation. @param {Conversation} conversation */
export function loadLatest(conversation) {
  return inTurn(conversation, async () => {
    const { messages, hasMore } = await read(conversation, { limit: PAGE })
    remember(messages)
    conversation.stretch = { messages, hasOlder: hasMore, atEnd: true }
    conversation.upTo = Math.max(conversation.upTo, messages.at(-1)?.seq ?? 0)
    close(conversation)
  })
}

/** @param {Conversation} conversation */
export function loadOlder(conversation) {
  return inTurn(conversation, async () => {
    const { stretch } = conversation
    const first = stretch?.messages[0]
    if (!stretch?.hasOlder || !first) return
    const page = await read(conversation, { before: first.seq, limit: PAGE })
    remember(page.messages)
    stretch.messages.unshift(...page.messages)
    stretch.hasOlder = page.hasMore
    dropNewest(stretch)
  })
}

/** @param {Conversation} conversation */
export function loadNewer(conversation) {
  return inTurn(conversation, async () => {
    const { stretch } = conversation
    const last = stretch?.messages.at(-1)
    if (!stretch || stretch.atEnd || !last) return
    const page = await read(conversation, { after: last.seq, limit: PAGE })
    remember(page.messages)
    stretch.messages.push(...page.messages)
    stretch.atEnd = !page.hasMore
    dropOldest(stretch)
  })
}

/** The messages around one of them. @param {Conversation} conversation @param {number} seq */
export function loadAround(conversation, seq) {
  return inTurn(conversation, async () => {
    if (conversation.stretch?.messages.some((message) => message.seq === seq)) return
    const before = seq + PAGE / 2
    const { messages, hasMore } = await read(conversation, { before, limit: PAGE })
    remember(messages)
    const last = messages.at(-1)?.seq ?? 0
    conversation.stretch = { messages, hasOlder: hasMore, atEnd: last >= conversation.upTo }
  })
}

/**
 * Brings in what came while nobody listened.
 * @param {Conversation} conversation
 * @returns {Promise<number>} how many messages that were
 */
export async function catchUp(conversation) {
  let count = 0
  await inTurn(conversation, async () => {
    for (let more = true; more; ) {
      const page = await read(conversation, { after: conversation.upTo, limit: MAX_PAGE })
      count += page.messages.length
      take(conversation, page.messages)
      more = page.hasMore
      if (more && count >= WORTH_CATCHING_UP) {
        startOver(conversation)
        more = false
      }
    }
  })
  if (conversation.stretch === null && state.open === idOf(conversation)) await loadLatest(conversation)
  return count
}

/**
 * Messages that follow what is here, without a gap.
 * @param {Conversation} conversation
 * @param {IMessage[]} messages
 */
export function take(conversation, messages) {
  remember(messages)
  for (const message of messages) {
    insert(conversation, message, true)
    if (message.seq > (conversation.last?.seq ?? 0)) conversation.last = message
    conversation.upTo = Math.max(conversation.upTo, message.seq)
  }
  close(conversation)
}

/** What is here is not the beginning of what the server has. @param {Conversation} conversation */
export function startOver(conversation) {
  conversation.stretch = null
  conversation.upTo = 0
  conversation.beyond.clear()
}

/**
 * Reads the stretch again: edits, deletions and reactions of messages that are here already come with nothing else.
 * @param {Conversation} conversation
 */
export function refresh(conversation) {
  return inTurn(conversation, async () => {
    const { stretch } = conversation
    const [first, last] = [stretch?.messages[0], stretch?.messages.at(-1)]
    if (!stretch || !first || !last) return
    for (let before = last.seq + 1; before > first.seq; ) {
      const page = await read(conversation, { after: first.seq - 1, before, limit: MAX_PAGE })
      remember(page.messages)
      for (const message of page.messages) replace(conversation, message)
      before = page.hasMore ? (page.messages[0]?.seq ?? 0) : 0
    }
  })
}

/**
 * Where a message stands, of which only the id is known.
 * @param {Conversation} conversation
 * @param {string} messageId
 */
export async function find(conversation, messageId) {
  const seen = state.seen.get(messageId)
  if (seen) return seen
  for (let before = conversation.upTo + 1; before > 1; ) {
    const page = await read(conversation, { before, limit: MAX_PAGE })
    remember(page.messages)
    const found = page.messages.find(({ id }) => id === messageId)
    if (found || !page.hasMore) return found
    before = page.messages[0]?.seq ?? 0
  }
  return undefined
}
