// @ts-check
// What the user does that concerns more than one view.

import { $ } from './dom.js'
import { find, loadAround, loadLatest } from './history.js'
import { ask } from './link.js'
import { adopt, join, loadMembers, removed } from './model.js'
import { post } from './outbox.js'
import { changed, openConversation, state } from './state.js'
import { scrollTo, settle } from './thread.js'
import { complain } from './toast.js'

/** @import { ConversationType } from '../../../types/chatd.js' */

/** Where there is room for it, whoever opens a conversation may write at once; on a phone that opens the keyboard. */
const WIDE = matchMedia('(min-width: 761px)')
const LOBBY = 'lobby'
const HIGHLIGHT_MS = 2_500

/** A kind of message of this page's own: others show it as what happened instead of what was said. */
export const JOINED = 'demo.joined'

/** Everybody meets in one channel, which the first one makes. */
export async function enterLobby() {
  if (state.conversations.has(LOBBY)) return
  try {
    await ask('conversation:create', { id: LOBBY, type: 'channel', title: 'Lobby' })
  } catch {
    // It is there already.
  }
  await join(LOBBY)
  post({ conversationId: LOBBY, content: 'joined the lobby', type: JOINED })
}

/** Opens what the address names; without one, the list. */
export async function followAddress() {
  const id = decodeURIComponent(location.hash.slice(1))
  if (id === '') return close()
  try {
    if (!state.conversations.has(id)) await join(id)
    const opening = open(id)
    if (WIDE.matches && !document.querySelector('dialog[open]')) $('text').focus()
    await opening
  } catch (cause) {
    complain(cause)
    location.hash = ''
  }
}

/** @param {string} conversationId */
export const address = (conversationId) => `#${encodeURIComponent(conversationId)}`

function close() {
  state.open = null
  changed()
}

/** @param {string} conversationId */
export async function open(conversationId) {
  const conversation = state.conversations.get(conversationId)
  if (!conversation || state.open === conversationId) return
  const before = openConversation()
  if (before) before.divider = null
  state.open = conversationId
  changed()
  try {
    const needsMembers = conversation.members === null || conversation.info.type !== 'direct' || conversation.unread > 0
    await Promise.all([conversation.stretch ?? loadLatest(conversation), needsMembers && loadMembers(conversation)])
  } catch (cause) {
    complain(cause)
  }
  conversation.divider = conversation.unread > 0 ? (conversation.members?.get(state.me)?.readSeq ?? conversation.divider) : null
  changed()
  settle()
}

/**
 * Leads to one message.
 * @param {string} conversationId
 * @param {string} [messageId]
 */
export async function jump(conversationId, messageId) {
  try {
    if (!state.conversations.has(conversationId)) await join(conversationId)
    if (location.hash !== address(conversationId)) history.pushState(null, '', address(conversationId))
    await open(conversationId)
    const conversation = openConversation()
    if (!messageId || !conversation) return
    const message = await find(conversation, messageId)
    if (!message) return complain('This message is not there any more.')
    await loadAround(conversation, message.seq)
    state.highlight = messageId
    changed()
    queueMicrotask(() => scrollTo(messageId))
    setTimeout(() => {
      if (state.highlight === messageId) state.highlight = null
      changed()
    }, HIGHLIGHT_MS)
  } catch (cause) {
    complain(cause)
  }
}

/** The id that a name stands for. @param {string} name */
export const userIdOf = (name) => name.trim().replace(/^@/, '').split(/\s+/).join('-').toLowerCase()

/** The ids in a list of names. @param {string} names */
export const userIdsOf = (names) => [...new Set(names.split(',').map(userIdOf).filter(Boolean))]

/**
 * @param {ConversationType} type
 * @param {string} title
 * @param {string[]} members
 */
export async function start(type, title, members) {
  const payload = { type, ...(type !== 'direct' && title && { title }), ...(members.length > 0 && { members }) }
  const { conversation } = await ask('conversation:create', payload)
  adopt(conversation)
  location.hash = address(conversation.id)
}

/** @param {string} conversationId */
export async function leave(conversationId) {
  await ask('member:remove', { conversationId, userId: state.me })
  removed(conversationId)
}
