// @ts-check
// The open conversation: its head, its messages, and where in them the reader is.

import { isShown as detailsShown, toggle as toggleDetails } from './details.js'
import { $, h, icon, show } from './dom.js'
import { lastSeen, plural } from './format.js'
import { isLoading, loadLatest, loadNewer, loadOlder } from './history.js'
import { ask } from './link.js'
import { rows } from './message.js'
import { titleOf } from './model.js'
import { openSearch } from './search.js'
import { conversationAvatar, typists } from './sidebar.js'
import { changed, memberCount, openConversation, peerOf, state, statusOf } from './state.js'
import { complain } from './toast.js'

/** @import { Conversation } from './state.js' */

/** As near to the end as counts as there. */
const AT_END_PX = 48
/** How far from either end more is loaded. */
const AHEAD_PX = 400
const READ_MS = 250
const RETRY_MS = 2_000

let sticks = true
/** Until a conversation has come to rest where its reader begins, scrolling loads nothing. */
let isSettled = false
let nextTry = 0
/** @type {string | null} */
let drawn = null

/** @param {Conversation} conversation */
export const isAtEnd = (conversation) => state.open === conversation.info.id && sticks && conversation.stretch?.atEnd === true

/** @param {Conversation} conversation */
function subtitle(conversation) {
  const { info } = conversation
  const peer = peerOf(conversation)
  if (!peer) return `${info.type === 'channel' ? 'Channel' : 'Group'} · ${plural(memberCount(conversation), 'member')}`
  const presence = state.presence.get(peer)
  if (statusOf(peer) === 'offline') return lastSeen(presence?.lastSeen)
  return presence?.text ? `${statusOf(peer)} · ${presence.text}` : statusOf(peer)
}

/** @param {Conversation} conversation */
function head(conversation) {
  const title = titleOf(conversation)
  const under = subtitle(conversation)
  const peer = peerOf(conversation)
  const make = () =>
    h(
      'div',
      { class: 'thread-title' },
      h('button', { class: 'icon back', type: 'button', 'aria-label': 'Back to the list', 'data-part': 'back', onclick: () => (location.hash = '') }, icon('back')),
      conversationAvatar(conversation),
      h('div', { class: 'thread-names' }, h('h1', {}, title), h('p', { class: 'faint' }, under)),
      h('button', { class: 'icon', type: 'button', 'aria-label': 'Search in this conversation', 'data-part': 'search', onclick: () => openSearch(conversation) }, icon('search')),
      h('button', { class: 'icon', type: 'button', 'aria-label': 'Members and details', 'aria-expanded': String(detailsShown()), 'aria-controls': 'details', 'data-part': 'details', onclick: toggleDetails }, icon('people')),
    )
  return { key: conversation.info.id, look: JSON.stringify([title, under, peer && statusOf(peer), detailsShown()]), make }
}

function drawBanner() {
  const { banner } = state
  const box = $('banner')
  const look = banner ? `${banner.kind} ${banner.text}` : ''
  if (box.dataset['look'] === look) return
  box.dataset['look'] = look
  box.className = `banner ${banner?.kind ?? ''}`
  const action = banner?.action
  box.replaceChildren(...(banner ? [h('span', {}, banner.text)] : []), ...(action ? [h('button', { type: 'button', class: 'quiet', onclick: action.run }, action.label)] : []))
}

function drawEmpty() {
  const box = $('empty')
  const look = state.open === null ? 'none' : 'some'
  box.hidden = look === 'some'
  if (box.dataset['look'] === look) return
  box.dataset['look'] = look
  box.replaceChildren(h('p', { class: 'empty-title' }, 'Nothing is open'), h('p', { class: 'faint' }, 'Choose a conversation on the left, or start a new one.'))
}

export function draw() {
  drawBanner()
  drawEmpty()
  const conversation = openConversation()
  $('thread').classList.toggle('closed', !conversation)
  show($('thread-head'), conversation ? [head(conversation)] : [])
  $('typing').textContent = conversation ? typists(conversation) : ''
  const log = $('log')
  if (drawn !== state.open) {
    drawn = state.open
    sticks = true
    isSettled = false
  }
  log.setAttribute('aria-busy', String(conversation ? isLoading(conversation) : false))
  keepPlace(log, () => show(log, conversation ? rows(conversation) : []))
  $('latest').hidden = !conversation || (sticks && conversation.stretch?.atEnd !== false)
  loadMore()
  readSoon()
}

/**
 * Draws so that what the reader looks at stays where it is.
 * @param {HTMLElement} log
 * @param {() => void} work
 */
function keepPlace(log, work) {
  const top = log.getBoundingClientRect().top
  const anchor = sticks ? undefined : [...log.querySelectorAll('[data-id]')].find((row) => row.getBoundingClientRect().bottom > top)
  const id = anchor?.getAttribute('data-id') ?? ''
  const offset = anchor?.getBoundingClientRect().top ?? 0
  work()
  if (sticks && openConversation()?.stretch?.atEnd !== false) {
    log.scrollTop = log.scrollHeight
    return
  }
  const again = log.querySelector(`[data-id="${CSS.escape(id)}"]`)
  if (again) log.scrollTop += again.getBoundingClientRect().top - offset
}

/** Where a reader begins: at what is new, else at the end. */
export function settle() {
  queueMicrotask(() => {
    const log = $('log')
    log.querySelector('.unread-line')?.scrollIntoView({ block: 'center' })
    isSettled = true
    scrolled()
    changed()
  })
}

/** @param {string} messageId */
export function scrollTo(messageId) {
  const row = $('log').querySelector(`[data-id="${CSS.escape(messageId)}"]`)
  if (!(row instanceof HTMLElement)) return
  sticks = false
  row.scrollIntoView({ block: 'center' })
  row.focus({ preventScroll: true })
}

/** After an own message, and for whoever asks to: to the end. */
export async function toEnd() {
  const conversation = openConversation()
  if (!conversation) return
  sticks = true
  if (!conversation.stretch?.atEnd) await loadLatest(conversation).catch(complain)
  sticks = true
  changed()
}

function scrolled() {
  const log = $('log')
  const conversation = openConversation()
  if (!conversation?.stretch || !isSettled) return
  const below = log.scrollHeight - log.scrollTop - log.clientHeight
  const did = sticks
  sticks = below < AT_END_PX && conversation.stretch.atEnd
  if (did !== sticks) changed()
  loadMore()
}

/** Where the reader is near an end, more is loaded there; also after drawing, as no scrolling may follow. */
function loadMore() {
  const log = $('log')
  const conversation = openConversation()
  if (!conversation?.stretch || !isSettled || isLoading(conversation) || !state.isOnline || performance.now() < nextTry) return
  const failed = (/** @type {unknown} */ cause) => {
    nextTry = performance.now() + RETRY_MS
    complain(cause)
  }
  const below = log.scrollHeight - log.scrollTop - log.clientHeight
  if (log.scrollTop < AHEAD_PX && conversation.stretch.hasOlder) loadOlder(conversation).catch(failed)
  else if (below < AHEAD_PX && !conversation.stretch.atEnd) loadNewer(conversation).catch(failed)
}

/** @type {number | undefined} */
let readTimer

/** What was in sight for a moment at the end of the conversation is read. */
function readSoon() {
  const conversation = openConversation()
  if (!conversation || conversation.unread === 0 || !isAtEnd(conversation) || !isSettled || document.hidden || !state.isOnline) return
  readTimer ??= setTimeout(() => {
    readTimer = undefined
    read(conversation).catch(() => {})
  }, READ_MS)
}

/** @param {Conversation} conversation */
async function read(conversation) {
  const last = conversation.stretch?.messages.at(-1)
  if (!last || !isAtEnd(conversation)) return
  const { seq, unread } = await ask('message:read', { messageId: last.id })
  conversation.unread = unread
  const own = conversation.members?.get(state.me)
  if (own) own.readSeq = seq
  changed()
}

/** The arrow keys walk the messages; from there Tab leads to what can be done with one. @param {KeyboardEvent} event */
function walk(event) {
  const log = $('log')
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (!step || event.altKey || event.ctrlKey || event.metaKey) return
  const all = [...log.querySelectorAll('.message')]
  const at = all.findIndex((row) => row.contains(document.activeElement))
  const next = all[at < 0 ? all.length - 1 : at + step]
  if (!(next instanceof HTMLElement)) return
  event.preventDefault()
  next.focus({ preventScroll: true })
  next.scrollIntoView({ block: 'nearest' })
}

export function start() {
  const log = $('log')
  log.addEventListener('scroll', scrolled, { passive: true })
  log.addEventListener('keydown', walk)
  $('latest').addEventListener('click', () => void toEnd())
  document.addEventListener('visibilitychange', changed)
  new ResizeObserver(() => {
    if (sticks) log.scrollTop = log.scrollHeight
  }).observe(log)
}

