// @ts-check
// The rows of a conversation: days, the line before what is new, messages, and those on their way.

import { JOINED, jump } from './actions.js'
import { edit, reply } from './composer.js'
import { confirm } from './dialog.js'
import { h, icon } from './dom.js'
import { clock, dayKey, dayName, fullTime, parts, personName, plural } from './format.js'
import { replace } from './history.js'
import { ask } from './link.js'
import { reacted } from './model.js'
import { drop, retry } from './outbox.js'
import { avatar } from './sidebar.js'
import { changed, memberCount, openConversation, state } from './state.js'
import { complain } from './toast.js'

/** @import { IAside, IMessage } from '../../../types/chatd.js' */
/** @import { Conversation, Outgoing } from './state.js' */
/** @import { Item } from './dom.js' */

/** Messages of one sender that follow each other within this time stand together. */
const GROUP_MS = 5 * 60_000
const QUICK = ['👍', '❤️', '😂', '🎉']

/** @param {Conversation} conversation @returns {Item[]} */
export function rows(conversation) {
  const { stretch, divider } = conversation
  if (!stretch) return [{ key: 'loading', look: '', make: () => h('p', { class: 'notice' }, state.isOnline ? 'Loading…' : 'Not loaded yet') }]
  /** @type {Item[]} */
  const items = []
  const waiting = state.outbox.filter(({ conversationId }) => conversationId === conversation.info.id)
  if (stretch.hasOlder) items.push({ key: 'older', look: '', make: () => h('p', { class: 'notice' }, 'Loading older messages…') })
  else items.push(beginning(conversation, stretch.messages.length + waiting.length === 0))
  /** @type {IMessage | undefined} */
  let previous
  let isLineDrawn = divider === null
  for (const message of stretch.messages) {
    if (!previous || dayKey(previous.timestamp) !== dayKey(message.timestamp)) items.push(day(message.timestamp))
    if (!isLineDrawn && message.seq > (divider ?? 0) && message.senderId !== state.me) {
      isLineDrawn = true
      previous = undefined
      items.push({ key: 'unread', look: '', make: () => h('div', { class: 'unread-line', role: 'separator', 'aria-label': 'New messages' }, h('span', {}, 'New')) })
    }
    items.push(said(conversation, message, isGrouped(previous, message)))
    previous = message
  }
  if (stretch.atEnd) items.push(...[...conversation.asides.values()].map(aside), ...waiting.map(outgoing))
  return items
}

/** @param {Conversation} conversation @param {boolean} isEmpty */
function beginning(conversation, isEmpty) {
  const { info } = conversation
  const isLonely = info.type === 'channel' && memberCount(conversation) === 1
  const hint = isLonely ? 'Open this page in a second tab and sign in under another name, and there are two of you.' : isEmpty ? 'Say hello!' : ''
  const text = info.type === 'direct' ? 'This is the beginning of your conversation.' : `This is the beginning of ${info.title ?? 'the conversation'}.`
  return { key: 'beginning', look: text + hint, make: () => h('div', { class: 'beginning' }, h('p', {}, text), hint && h('p', { class: 'hint' }, hint)) }
}

/** @param {string} time */
function day(time) {
  const name = dayName(time)
  return { key: `day ${dayKey(time)}`, look: name, make: () => h('div', { class: 'day', role: 'separator', 'aria-label': name }, h('span', {}, name)) }
}

/** @param {IMessage | undefined} previous @param {IMessage} message */
function isGrouped(previous, message) {
  if (!previous || previous.type === JOINED || previous.senderId !== message.senderId || message.replyTo) return false
  return dayKey(previous.timestamp) === dayKey(message.timestamp) && Date.parse(message.timestamp) - Date.parse(previous.timestamp) < GROUP_MS
}

/** How far an own message has come, with those whom it reached. @param {Conversation} conversation @param {IMessage} message */
function progress(conversation, message) {
  const others = [...(conversation.members?.values() ?? [])].filter(({ userId }) => userId !== state.me)
  const readers = others.filter(({ readSeq }) => readSeq >= message.seq).map(({ userId }) => personName(userId))
  const reached = others.filter(({ deliveredSeq, readSeq }) => Math.max(deliveredSeq, readSeq) >= message.seq)
  const names = readers.length > 3 ? plural(readers.length, 'person', 'people') : readers.join(', ')
  if (readers.length > 0) return { kind: 'read', label: `Read by ${names}` }
  if (reached.length > 0) return { kind: 'delivered', label: 'Delivered' }
  return { kind: 'sent', label: 'Sent' }
}

/** @param {Conversation} conversation @param {IMessage} message @param {boolean} isFollowing @returns {Item} */
function said(conversation, message, isFollowing) {
  const quoted = message.replyTo ? state.seen.get(message.replyTo) : undefined
  const mark = message.senderId === state.me && message.content !== null ? progress(conversation, message) : null
  const isLit = state.highlight === message.id
  const look = JSON.stringify([message, quoted?.content, quoted?.senderId, mark, isFollowing, isLit])
  const make = () => (message.type === JOINED ? notice(message) : row(message, quoted, mark, isFollowing, isLit))
  return { key: message.id, look, make }
}

/** What nobody else sees: an own message that waits, or what the server answers. @param {IAside} message @returns {Item} */
function aside(message) {
  const note = message.pending ? 'Waiting for a moderator' : 'Only you can see this'
  const make = () => h('p', { class: 'notice', 'data-id': message.id }, `${message.content ?? ''} — ${note}`)
  return { key: message.id, look: JSON.stringify(message), make }
}

/** @param {IMessage} message */
function notice(message) {
  return h('p', { class: 'notice', 'data-id': message.id }, `${personName(message.senderId)} ${message.content ?? ''}`)
}

/**
 * @param {IMessage} message
 * @param {IMessage | undefined} quoted
 * @param {{ kind: string, label: string } | null} mark
 * @param {boolean} isFollowing
 * @param {boolean} isLit
 */
function row(message, quoted, mark, isFollowing, isLit) {
  const { id, senderId, content, timestamp, editedAt, replyTo, mentions } = message
  const name = personName(senderId)
  const time = h('time', { datetime: timestamp, title: fullTime(timestamp) }, clock(timestamp))
  const isOwn = senderId === state.me
  const isForMe = mentions?.includes(state.me)
  return h(
    'article',
    { class: `message${isFollowing ? ' following' : ''}${isOwn ? ' own' : ''}${isLit ? ' lit' : ''}${isForMe ? ' for-me' : ''}`, 'data-id': id, tabindex: '-1', 'aria-label': `${name}, ${clock(timestamp)}` },
    isFollowing ? time : avatar(name),
    h(
      'div',
      { class: 'body' },
      !isFollowing && h('div', { class: 'by' }, h('strong', {}, name), time),
      replyTo && quote(message.conversationId, replyTo, quoted),
      h('p', { class: `content${content === null ? ' gone' : ''}` }, ...(content === null ? ['This message was deleted'] : text(content, mentions)), editedAt && content !== null && h('span', { class: 'edited', title: fullTime(editedAt) }, ' (edited)')),
      reactions(message),
    ),
    mark && h('span', { class: `mark ${mark.kind}`, title: mark.label }, icon(mark.kind === 'sent' ? 'sent' : 'delivered'), h('span', { class: 'hidden' }, mark.label)),
  )
}

/** @param {string} content @param {string[]} [mentions] */
export function text(content, mentions) {
  return parts(content, mentions).map(({ kind, text }) => {
    if (kind === 'link') return h('a', { href: text, target: '_blank', rel: 'noopener noreferrer' }, text)
    if (kind === 'mention') return h('span', { class: `mention${text === `@${state.me}` ? ' me' : ''}` }, text)
    return document.createTextNode(text)
  })
}

/** @param {string} conversationId @param {string} messageId @param {IMessage | undefined} quoted */
function quote(conversationId, messageId, quoted) {
  const words = quoted ? (quoted.content ?? 'This message was deleted') : 'Show the message'
  return h(
    'button',
    { class: 'quote', type: 'button', tabindex: '-1', onclick: () => jump(conversationId, messageId) },
    quoted && h('strong', {}, personName(quoted.senderId)),
    h('span', {}, words),
  )
}

/** @param {IMessage} message */
function reactions(message) {
  const all = Object.entries(message.reactions ?? {})
  if (all.length === 0) return null
  const pills = all.map(([emoji, users]) => {
    const isMine = users.includes(state.me)
    const names = users.map((user) => (user === state.me ? 'you' : personName(user))).join(', ')
    const props = { type: 'button', 'aria-pressed': String(isMine), title: names, 'data-part': emoji, tabindex: '-1', onclick: () => react(message, emoji) }
    return h('li', {}, h('button', props, `${emoji} ${users.length}`, h('span', { class: 'hidden' }, ` by ${names}`)))
  })
  return h('ul', { class: 'reactions', 'aria-label': 'Reactions' }, ...pills)
}

/** @param {IMessage} message @param {string} emoji */
async function react(message, emoji) {
  const remove = state.seen.get(message.id)?.reactions?.[emoji]?.includes(state.me) ?? false
  try {
    const { reactions } = await ask('message:react', { messageId: message.id, emoji, remove })
    reacted(message.conversationId, message.id, reactions)
  } catch (cause) {
    complain(cause)
  }
}

/** @param {IMessage} message */
async function remove(message) {
  const conversation = state.conversations.get(message.conversationId)
  if (!conversation || !(await confirm('Delete this message?', 'It is replaced by a note that something was deleted, for everybody.', 'Delete'))) return
  try {
    const answer = await ask('message:delete', { messageId: message.id })
    replace(conversation, answer.message)
    changed()
  } catch (cause) {
    complain(cause)
  }
}

/** @param {Outgoing} entry @returns {Item} */
function outgoing(entry) {
  const isFailed = entry.error !== undefined
  const make = () =>
    h(
      'article',
      { class: `message own waiting${isFailed ? ' failed' : ''}`, 'aria-label': isFailed ? 'Your message was not sent' : 'Your message, on its way', tabindex: '-1' },
      avatar(state.name),
      h(
        'div',
        { class: 'body' },
        h('div', { class: 'by' }, h('strong', {}, state.name), h('span', { class: 'faint' }, isFailed ? 'Not sent' : 'Sending…')),
        h('p', { class: 'content' }, ...text(entry.content)),
        isFailed &&
          h(
            'div',
            { class: 'failure' },
            h('span', {}, entry.error),
            h('button', { type: 'button', class: 'quiet', onclick: () => retry(entry) }, 'Try again'),
            h('button', { type: 'button', class: 'quiet', onclick: () => drop(({ clientId }) => clientId === entry.clientId) }, 'Discard'),
          ),
      ),
      h('span', { class: 'mark' }, icon(isFailed ? 'warning' : 'clock')),
    )
  return { key: entry.clientId, look: entry.error ?? '', make }
}

/** What can be done with a message. There is one such bar, which goes to the message in question. */
const bar = h('div', { class: 'bar', role: 'toolbar', 'aria-label': 'Message actions' })

/** @param {IMessage} message */
function actions(message) {
  const conversation = openConversation()
  const isOwn = message.senderId === state.me
  const moderates = conversation?.info.role === 'owner' || conversation?.info.role === 'moderator'
  /** @param {string} label @param {Parameters<typeof icon>[0]} name @param {() => void} run */
  const button = (label, name, run) => h('button', { class: 'icon', type: 'button', 'aria-label': label, title: label, onclick: run }, icon(name))
  return [
    ...QUICK.map((emoji) => h('button', { class: 'icon', type: 'button', 'aria-label': `React with ${emoji}`, onclick: () => react(message, emoji) }, emoji)),
    button('Reply', 'reply', () => reply(message)),
    ...(isOwn ? [button('Edit', 'edit', () => edit(message))] : []),
    ...(isOwn || moderates ? [button('Delete', 'trash', () => void remove(message))] : []),
  ]
}

/** @param {HTMLElement} log */
export function start(log) {
  /** Tab stops only within the message that has the focus: else there were hundreds. @param {Event} event */
  const stop = ({ type, target }) => {
    const row = target instanceof Element ? target.closest('.message') : null
    for (const button of row?.querySelectorAll('.body button') ?? []) button.setAttribute('tabindex', type === 'focusin' ? '0' : '-1')
  }
  /** @param {Event} event */
  const follow = ({ target }) => {
    const row = target instanceof Element ? target.closest('.message') : null
    const message = state.seen.get(row?.getAttribute('data-id') ?? '')
    if (!row || !message || message.content === null || bar.parentElement === row) return
    bar.replaceChildren(...actions(message))
    row.append(bar)
  }
  log.addEventListener('pointerover', follow)
  log.addEventListener('focusin', follow)
  log.addEventListener('focusin', stop)
  log.addEventListener('focusout', stop)
  log.addEventListener('pointerleave', () => {
    if (!bar.contains(document.activeElement) && !bar.parentElement?.contains(document.activeElement)) bar.remove()
  })
}
