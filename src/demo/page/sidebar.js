// @ts-check
// Who I am, and the list of conversations.

import { JOINED, address } from './actions.js'
import { $, h, icon, show } from './dom.js'
import { colourOf, initials, personName, plural, shortTime } from './format.js'
import { ask } from './link.js'
import { loadConversations, titleOf } from './model.js'
import { activity, changed, peerOf, state, statusOf } from './state.js'
import { complain } from './toast.js'

/** @import { Status } from '../../../types/chatd.js' */
/** @import { Conversation } from './state.js' */

/**
 * @param {string} text whose initials and colour
 * @param {{ sign?: string, status?: Status }} [more] a sign in place of the initials; a dot for the status
 */
export function avatar(text, { sign, status } = {}) {
  return h(
    'span',
    { class: `avatar tint-${colourOf(text)}`, 'aria-hidden': 'true' },
    sign ?? initials(text),
    status && h('span', { class: `dot ${status}` }),
  )
}

/** @param {Conversation} conversation */
export function conversationAvatar(conversation) {
  const peer = peerOf(conversation)
  if (peer) return avatar(personName(peer), { status: statusOf(peer) })
  const title = titleOf(conversation)
  return avatar(title, conversation.info.type === 'channel' ? { sign: '#' } : {})
}

/** @param {Conversation} conversation */
export function typists(conversation) {
  const names = [...conversation.typing.keys()].map(personName)
  if (names.length === 0) return ''
  if (names.length > 2) return 'Several people are typing…'
  return `${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'} typing…`
}

/** @param {Conversation} conversation */
function preview(conversation) {
  const typing = typists(conversation)
  if (typing) return { text: typing, kind: 'now' }
  const waiting = state.outbox.findLast(({ conversationId }) => conversationId === conversation.info.id)
  if (waiting) return { text: `You: ${waiting.content}`, kind: '' }
  const { last } = conversation
  if (!last) return { text: 'No messages yet', kind: 'faint' }
  const who = last.senderId === state.me ? 'You' : personName(last.senderId)
  if (last.content === null) return { text: `${who} deleted a message`, kind: 'faint' }
  if (last.type === JOINED) return { text: `${who} ${last.content}`, kind: 'faint' }
  const says = conversation.info.type === 'direct' && last.senderId !== state.me ? '' : `${who}: `
  return { text: says + (last.content || 'Attachment'), kind: '' }
}

/** @param {Conversation} conversation */
function row(conversation) {
  const { info, unread } = conversation
  const title = titleOf(conversation)
  const { text, kind } = preview(conversation)
  const isOpen = state.open === info.id
  const peer = peerOf(conversation)
  const look = JSON.stringify([title, text, kind, unread, isOpen, activity(conversation), peer && statusOf(peer), new Date().toDateString()])
  const make = () =>
    h(
      'li',
      {},
      h(
        'a',
        { class: `conversation${unread > 0 ? ' unread' : ''}`, href: address(info.id), 'aria-current': isOpen && 'true', 'data-part': 'row' },
        conversationAvatar(conversation),
        h('span', { class: 'conversation-title' }, title),
        h('time', { class: 'conversation-time', datetime: activity(conversation) }, shortTime(activity(conversation))),
        h('span', { class: `conversation-preview ${kind}` }, text),
        unread > 0 && h('span', { class: 'badge' }, h('span', { 'aria-hidden': 'true' }, unread > 99 ? '99+' : String(unread)), h('span', { class: 'hidden' }, plural(unread, 'unread message'))),
      ),
    )
  return { key: info.id, look, make }
}

const STATUSES = /** @type {const} */ ([
  ['online', 'Online'],
  ['away', 'Away'],
  ['busy', 'Busy'],
  ['offline', 'Appear offline'],
])

function me() {
  const status = state.presence.get(state.me)?.status ?? 'online'
  const shown = state.isOnline ? status : 'offline'
  const choose = async (/** @type {Event} */ { target }) => {
    const wish = /** @type {Status} */ (/** @type {HTMLSelectElement} */ (target).value)
    try {
      await ask('user:status', wish)
      state.presence.set(state.me, { ...state.presence.get(state.me), status: wish })
    } catch (cause) {
      complain(cause)
    }
    changed()
  }
  const make = () =>
    h(
      'div',
      { class: 'me-card' },
      avatar(state.name, { status: shown }),
      h('span', { class: 'me-name' }, state.name),
      h('select', { 'aria-label': 'Your status', onchange: choose, 'data-part': 'status' }, ...STATUSES.map(([value, label]) => h('option', { value, selected: value === status }, label))),
    )
  return { key: 'me', look: JSON.stringify([state.name, status, shown]), make }
}

export function draw() {
  show($('me'), [me()])
  const sorted = [...state.conversations.values()].sort((a, b) => activity(b).localeCompare(activity(a)))
  show($('conversations'), sorted.map(row))
  $('more-conversations').hidden = state.moreConversations === null
  const unread = state.inbox.unread
  const bell = $('open-inbox')
  if (bell.dataset['unread'] !== String(unread)) {
    bell.dataset['unread'] = String(unread)
    bell.setAttribute('aria-label', unread > 0 ? `Notifications, ${unread} unread` : 'Notifications')
    bell.replaceChildren(icon('bell'), ...(unread > 0 ? [h('span', { class: 'badge', 'aria-hidden': 'true' }, unread > 99 ? '99+' : String(unread))] : []))
  }
  const total = sorted.reduce((sum, conversation) => sum + conversation.unread, 0)
  document.title = total > 0 ? `(${total}) chatd` : 'chatd'
}

/** The arrow keys walk the list. @param {KeyboardEvent} event */
function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  const links = [...$('conversations').querySelectorAll('a')]
  const at = links.findIndex((link) => link === document.activeElement)
  if (at < 0) return
  const to = step ? at + step : { Home: 0, End: links.length - 1 }[event.key]
  if (to === undefined) return
  event.preventDefault()
  links[to]?.focus()
}

export function start() {
  $('open-search').append(icon('search'))
  $('open-new').append(icon('plus'))
  $('conversations').addEventListener('keydown', walk)
  $('more-conversations').addEventListener('click', () => loadConversations(state.moreConversations ?? undefined).catch(complain))
}
