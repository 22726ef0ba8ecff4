// @ts-check
// What each event of the server means for the page.

import { jump } from './actions.js'
import { personName, plural } from './format.js'
import { catchUp, insert, loadLatest, note, refresh, remember, replace, setAside, startOver, take } from './history.js'
import { ask, say } from './link.js'
import { drop, flush } from './outbox.js'
import { activity, changed, openConversation, peerOf, state } from './state.js'
import { isAtEnd } from './thread.js'
import { toast } from './toast.js'

/** @import { Socket } from 'socket.io-client' */
/** @import { ClientToServerEvents, Connected, Handshake, IAside, IConversation, IMessage, INotification, ServerToClientEvents } from '../../../types/chatd.js' */
/** @import { Conversation } from './state.js' */

const TYPING_MS = 8_000
const BANNER_MS = 3_000
const MESSAGE_MS = 250
const MAX_RESUMED = 1_000
const MAX_PRESENCE = 200

/** What comes now is seen at once. @param {Conversation} conversation */
const isWatched = (conversation) => isAtEnd(conversation) && !document.hidden

/** What this page has, for the handshake. @returns {Handshake['resume']} */
export function resume() {
  if (state.epoch === null) return undefined
  const latest = [...state.conversations.values()].sort((a, b) => activity(b).localeCompare(activity(a))).slice(0, MAX_RESUMED)
  return { epoch: state.epoch, conversations: Object.fromEntries(latest.map(({ info, upTo }) => [info.id, upTo])) }
}

/**
 * Takes a conversation as the server tells of it.
 * @param {IConversation} info
 * @returns {Conversation}
 */
export function adopt(info) {
  const { unread, lastMessage } = info
  const known = state.conversations.get(info.id)
  if (known) {
    if (known.members && info.members !== known.info.members) void loadMembers(known)
    known.info = { ...known.info, ...info }
    if (unread !== undefined) known.unread = unread
    if (lastMessage && lastMessage.seq >= (known.last?.seq ?? 0)) known.last = lastMessage
    if (known.stretch === null) known.upTo = Math.max(known.upTo, info.lastSeq)
    else if (info.lastSeq > known.upTo) note(known, info.lastSeq)
    return known
  }
  /** @type {Conversation} */
  const conversation = {
    info,
    upTo: info.lastSeq,
    beyond: new Set(),
    unread: unread ?? 0,
    last: lastMessage,
    stretch: null,
    asides: new Map(),
    members: null,
    typing: new Map(),
    divider: null,
    draft: '',
    replyTo: null,
    editing: null,
  }
  state.conversations.set(info.id, conversation)
  // The other one's name is the title.
  if (info.type === 'direct') void loadMembers(conversation)
  return conversation
}

/** Follows a conversation and learns what there is to know of it. @param {string} conversationId */
export async function join(conversationId) {
  const { conversation, unread } = await ask('conversation:join', { conversationId })
  const known = adopt({ ...conversation, unread })
  changed()
  return known
}

/** @param {Conversation} conversation */
export async function loadMembers(conversation) {
  try {
    const { members } = await ask('conversation:members', { conversationId: conversation.info.id, limit: MAX_PRESENCE })
    conversation.members = new Map(members.map((member) => [member.userId, member]))
    await loadPresence([...conversation.members.keys()])
  } catch {
    // Asked again when the conversation is opened, or the connection is back.
  }
  changed()
}

/** @param {string[]} userIds */
async function loadPresence(userIds) {
  const { presence } = await ask('presence:get', { userIds: userIds.slice(0, MAX_PRESENCE) })
  for (const one of presence) state.presence.set(one.userId, one)
}

/** @param {string} [cursor] */
export async function loadConversations(cursor) {
  const page = await ask('conversation:list', cursor ? { cursor } : null)
  page.conversations.forEach(adopt)
  remember(page.conversations.flatMap(({ lastMessage }) => lastMessage ?? []))
  state.moreConversations = page.cursor
  changed()
}

/** @param {string} [cursor] */
export async function loadInbox(cursor) {
  const { notifications, unread, cursor: next } = await ask('notification:list', { limit: 30, ...(cursor && { cursor }) })
  state.inbox = { entries: cursor ? [...state.inbox.entries, ...notifications] : notifications, cursor: next, unread }
  changed()
}

/**
 * A message came, live or as the answer to an own one.
 * @param {IMessage | IAside} message
 */
export function received(message) {
  const conversation = state.conversations.get(message.conversationId)
  if (!conversation) return void join(message.conversationId).catch(() => {})
  if (message.seq === null) {
    // A command that was answered is no message: its answer is what there is to see.
    if (message.pending || message.senderId !== state.me) setAside(conversation, message)
    drop(({ clientId }) => clientId === message.clientId)
    return changed()
  }
  conversation.asides.delete(message.id)
  const { senderId, seq } = message
  const isNew = seq > conversation.upTo && !conversation.beyond.has(seq)
  remember([message])
  note(conversation, seq)
  insert(conversation, message, isAtEnd(conversation))
  if (seq > (conversation.last?.seq ?? 0)) conversation.last = message
  stopTyping(conversation, senderId)
  if (senderId === state.me) {
    drop(({ clientId }) => clientId === message.clientId)
  } else if (isNew) {
    conversation.unread += 1
    conversation.divider ??= isWatched(conversation) ? null : seq - 1
    if (conversation.members && !conversation.members.has(senderId)) void loadMembers(conversation)
  }
  changed()
}

/** @param {Conversation} conversation @param {string} userId */
function stopTyping(conversation, userId) {
  clearTimeout(conversation.typing.get(userId))
  conversation.typing.delete(userId)
}

/** @param {string} conversationId @param {string} userId @param {'deliveredSeq' | 'readSeq'} kind @param {number} seq */
function raise(conversationId, userId, kind, seq) {
  const conversation = state.conversations.get(conversationId)
  const member = conversation?.members?.get(userId)
  if (member) member[kind] = Math.max(member[kind], seq)
  // Read on another device of this user.
  if (conversation && kind === 'readSeq' && userId === state.me && seq >= conversation.upTo) conversation.unread = 0
  changed()
}

/** @param {string} conversationId */
export function removed(conversationId) {
  const conversation = state.conversations.get(conversationId)
  state.conversations.delete(conversationId)
  drop((entry) => entry.conversationId === conversationId)
  if (state.open === conversationId) location.hash = ''
  changed()
  return conversation
}

let inboxTimer = 0

/** @param {INotification} notification */
function notified(notification, mayWait = true) {
  clearTimeout(inboxTimer)
  inboxTimer = setTimeout(() => loadInbox().catch(() => {}), 100)
  const isInSight = notification.conversationId === state.open && !document.hidden
  if (isInSight || notification.type === 'message') return
  const { conversationId, messageId, type } = notification
  // Who wrote it is in the message, which comes behind.
  if (type === 'mention' && messageId && !state.seen.has(messageId) && mayWait) return void setTimeout(() => notified(notification, false), MESSAGE_MS)
  const show = conversationId ? { label: 'Show', run: () => void jump(conversationId, messageId) } : undefined
  toast(headline(notification), 'info', show)
}

/** What a notification says, in words for people. @param {INotification} notification */
export function headline({ type, title, message, count, messageId }) {
  if (type === 'mention') {
    const by = sender(messageId)
    return `${by ? `${by} mentioned you` : `You were mentioned in ${title}`}: ${message}`
  }
  if (type === 'message') return `${plural(count ?? 1, 'new message')} from ${title ? personName(title) : 'somebody'}`
  if (type === 'conversation.added') {
    const by = personName(message.replace(/ added you to a conversation$/, ''))
    return title ? `${by} added you to ${title}` : `${by} started a conversation with you`
  }
  return message
}

/** @param {string | undefined} messageId */
function sender(messageId) {
  const userId = messageId && state.seen.get(messageId)?.senderId
  return userId ? personName(userId) : undefined
}

/** @param {Socket<ServerToClientEvents, ClientToServerEvents>} socket */
export function listen(socket) {
  socket.on('message:new', received)
  for (const event of /** @type {const} */ (['message:updated', 'message:deleted'])) {
    socket.on(event, (message) => {
      const conversation = state.conversations.get(message.conversationId)
      if (conversation) replace(conversation, message)
      changed()
    })
  }
  socket.on('message:reaction', ({ conversationId, messageId, reactions }) => reacted(conversationId, messageId, reactions))
  socket.on('message:delivered', ({ conversationId, userId, seq }) => raise(conversationId, userId, 'deliveredSeq', seq))
  socket.on('message:read', ({ conversationId, userId, seq }) => raise(conversationId, userId, 'readSeq', seq))
  socket.on('typing:start', ({ conversationId, userId }) => {
    const conversation = state.conversations.get(conversationId)
    if (!conversation) return
    stopTyping(conversation, userId)
    const forget = () => (stopTyping(conversation, userId), changed())
    conversation.typing.set(userId, setTimeout(forget, TYPING_MS))
    changed()
  })
  socket.on('typing:stop', ({ conversationId, userId }) => {
    const conversation = state.conversations.get(conversationId)
    if (conversation) stopTyping(conversation, userId)
    changed()
  })
  socket.on('user:online', ({ userId, status }) => {
    state.presence.set(userId, { ...state.presence.get(userId), status })
    changed()
  })
  socket.on('user:offline', ({ userId, lastSeen }) => {
    state.presence.set(userId, { status: 'offline', lastSeen })
    changed()
  })
  socket.on('conversation:updated', (info) => {
    // Who was just added does not know yet what their own role is.
    if (state.conversations.has(info.id)) adopt(info)
    else join(info.id).catch(() => {})
    changed()
  })
  socket.on('conversation:deleted', ({ conversationId }) => {
    const conversation = removed(conversationId)
    if (conversation) toast(`“${conversation.info.title ?? 'The conversation'}” is gone, or you were taken out of it.`)
  })
  socket.on('notification:new', (notification) => notified(notification))
  socket.on('sync:required', async ({ conversationIds }) => {
    const known = conversationIds.flatMap((id) => state.conversations.get(id) ?? [])
    const counts = await Promise.all(known.map((conversation) => catchUp(conversation).catch(() => 0)))
    await freshen()
    tellRecovered(counts.reduce((sum, count) => sum + count, 0))
  })
  socket.on('error', ({ code, message }) => {
    if (code !== 'TOKEN_EXPIRED') toast(message, 'error')
  })
}

/** @param {string} conversationId @param {string} messageId @param {IMessage['reactions']} reactions */
export function reacted(conversationId, messageId, reactions) {
  const conversation = state.conversations.get(conversationId)
  const message = state.seen.get(messageId)
  if (!conversation || !message) return
  const { reactions: _, ...rest } = message
  const some = reactions && Object.keys(reactions).length > 0
  replace(conversation, some ? { ...rest, reactions } : rest)
  changed()
}

/** What changes without a message: lists, members, receipts, presence, edits. */
async function freshen() {
  const open = openConversation()
  const others = [...state.conversations.values()].filter((conversation) => conversation !== open && conversation.info.type === 'direct')
  const work = [loadConversations(), loadInbox(), ...others.map(loadMembers)]
  if (open) work.push(loadMembers(open), refresh(open))
  await Promise.allSettled(work)
  // A stretch that is not on the screen is read again when it is opened.
  for (const conversation of state.conversations.values()) if (conversation !== open) conversation.stretch = null
}

/** @param {number} count @param {boolean} [startedOver] */
function tellRecovered(count, startedOver = false) {
  const what = startedOver ? 'The server’s history changed, so everything was read again.' : count > 0 ? `Back: ${plural(count, 'message')} recovered.` : 'Back online. You missed nothing.'
  say('good', what)
  const banner = state.banner
  setTimeout(() => {
    if (state.banner === banner) state.banner = null
    changed()
  }, BANNER_MS)
}

/**
 * The connection is there, again or for the first time.
 * @param {Connected} greeting
 */
export async function greeted({ epoch, resumed }) {
  state.epoch = epoch
  void flush()
  if (!resumed) return
  let count = 0
  let startedOver = false
  for (const [id, { status, messages, lastSeq }] of Object.entries(resumed)) {
    const conversation = state.conversations.get(id)
    if (!conversation) continue
    if (status === 'reset') {
      startOver(conversation)
      conversation.upTo = lastSeq
      startedOver = true
      continue
    }
    const others = messages.filter(({ senderId }) => senderId !== state.me)
    count += others.length
    if (others[0] && !isWatched(conversation)) conversation.divider ??= others[0].seq - 1
    take(conversation, messages)
    const back = new Set(messages.map(({ clientId }) => clientId))
    drop((entry) => entry.conversationId === id && back.has(entry.clientId))
    if (status === 'truncated') count += await catchUp(conversation).catch(() => 0)
  }
  await freshen()
  const open = openConversation()
  if (open && open.stretch === null) await loadLatest(open).catch(() => {})
  tellRecovered(count, startedOver)
}

/** @param {Conversation} conversation */
export function titleOf(conversation) {
  const { title, type } = conversation.info
  if (title) return title
  if (type !== 'direct') return type === 'channel' ? `#${conversation.info.id}` : 'Group'
  const peer = peerOf(conversation)
  return peer ? personName(peer) : '…'
}
