// @ts-check
// Who is in the open conversation, and what can be changed about it.

import { leave, start as startConversation, userIdsOf } from './actions.js'
import { confirm } from './dialog.js'
import { $, h, icon, show } from './dom.js'
import { lastSeen, personName, plural } from './format.js'
import { ask } from './link.js'
import { loadMembers, removed, titleOf } from './model.js'
import { avatar } from './sidebar.js'
import { changed, memberCount, openConversation, state, statusOf } from './state.js'
import { complain, toast } from './toast.js'

/** @import { IMember } from '../../../types/chatd.js' */
/** @import { Conversation } from './state.js' */

/** The list of a channel is read again now and then while somebody looks at it: who joins is not announced. */
const REFRESH_MS = 5_000

let isOpen = false

export const isShown = () => isOpen

export function toggle() {
  isOpen = !isOpen
  const conversation = openConversation()
  if (isOpen && conversation) void loadMembers(conversation)
  changed()
}

/** @param {() => Promise<unknown>} work */
async function attempt(work) {
  try {
    await work()
    changed()
  } catch (cause) {
    complain(cause)
  }
}

/** @param {Conversation} conversation @param {IMember} member */
function person({ info }, { userId, role }) {
  const status = statusOf(userId)
  const name = personName(userId)
  const isMe = userId === state.me
  const mayRemove = !isMe && info.type !== 'direct' && (info.role === 'owner' || (info.role === 'moderator' && role !== 'owner' && role !== 'moderator'))
  const presence = state.presence.get(userId)
  const under = status === 'offline' ? lastSeen(presence?.lastSeen) : (presence?.text ?? status)
  const remove = () =>
    attempt(async () => {
      if (await confirm(`Remove ${name}?`, 'They get no more messages from here.', 'Remove')) await ask('member:remove', { conversationId: info.id, userId })
    })
  const make = () =>
    h(
      'li',
      { class: 'person' },
      avatar(name, { status }),
      h('span', { class: 'person-name' }, name, isMe && h('span', { class: 'faint' }, ' (you)'), role !== 'member' && h('span', { class: 'role' }, role)),
      h('span', { class: 'faint person-status' }, under),
      !isMe && info.type !== 'direct' && h('button', { class: 'quiet', type: 'button', 'data-part': 'chat', 'aria-label': `Message ${name}`, onclick: () => attempt(() => startConversation('direct', '', [userId])) }, 'Message'),
      mayRemove && h('button', { class: 'icon', type: 'button', 'data-part': 'remove', 'aria-label': `Remove ${name}`, onclick: remove }, icon('close')),
    )
  return { key: userId, look: JSON.stringify([under, role, status, mayRemove]), make }
}

/** @param {Conversation} conversation */
function adding({ info }) {
  const id = info.id
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault()
    const input = /** @type {HTMLInputElement} */ (field)
    void attempt(async () => {
      for (const userId of userIdsOf(input.value)) await ask('member:add', { conversationId: id, userId })
      input.value = ''
    })
  }
  const field = h('input', { id: 'add-people', placeholder: 'Bob, Cyd', autocomplete: 'off', required: true, 'data-part': 'add' })
  return h('form', { class: 'adding', onsubmit: submit }, h('label', { for: 'add-people' }, 'Add people'), field, h('button', { type: 'submit' }, 'Add'))
}

/** @param {Conversation} conversation */
function ways({ info }) {
  const title = info.title ?? 'this conversation'
  const copy = () =>
    attempt(async () => {
      await navigator.clipboard.writeText(location.href)
      toast('Link copied. Whoever opens it joins.')
    })
  const go = () =>
    attempt(async () => {
      if (await confirm(`Leave ${title}?`, 'You get no more messages from here.', 'Leave')) await leave(info.id)
    })
  const destroy = () =>
    attempt(async () => {
      if (!(await confirm(`Delete ${title}?`, 'All messages are gone, for everybody.', 'Delete'))) return
      await ask('conversation:delete', { conversationId: info.id })
      removed(info.id)
    })
  return h(
    'div',
    { class: 'ways' },
    info.type === 'channel' && h('button', { type: 'button', 'data-part': 'copy', onclick: copy }, 'Copy link'),
    h('button', { type: 'button', 'data-part': 'leave', onclick: go }, 'Leave'),
    info.role === 'owner' && h('button', { type: 'button', class: 'danger', 'data-part': 'delete', onclick: destroy }, 'Delete'),
  )
}

export function draw() {
  const panel = $('details')
  const conversation = isOpen ? openConversation() : undefined
  panel.hidden = !conversation
  $('app').classList.toggle('with-details', conversation !== undefined)
  if (!conversation) return panel.replaceChildren()
  const { info } = conversation
  const members = [...(conversation.members?.values() ?? [])]
  const count = plural(memberCount(conversation), 'member')
  const mayAdd = info.type !== 'direct' && (info.role === 'owner' || info.role === 'moderator' || info.settings.invite === 'members')
  const close = () => h('div', { class: 'details-head' }, h('h2', {}, titleOf(conversation)), h('button', { class: 'icon', type: 'button', 'aria-label': 'Close details', 'data-part': 'close', onclick: toggle }, icon('close')))
  show(panel, [
    { key: `head ${info.id}`, look: titleOf(conversation), make: close },
    { key: 'count', look: count, make: () => h('p', { class: 'faint' }, count) },
    ...(mayAdd ? [{ key: `add ${info.id}`, look: '', make: () => adding(conversation) }] : []),
    { key: 'people', look: '', make: () => h('ul', { class: 'people', id: 'people' }) },
    { key: `ways ${info.id}`, look: `${info.role} ${info.title}`, make: () => ways(conversation) },
  ])
  const order = { online: 0, busy: 1, away: 2, offline: 3 }
  members.sort((a, b) => order[statusOf(a.userId)] - order[statusOf(b.userId)] || a.userId.localeCompare(b.userId))
  show($('people'), members.map((member) => person(conversation, member)))
}

export function start() {
  setInterval(() => {
    const conversation = openConversation()
    if (isOpen && conversation && conversation.info.type === 'channel' && !document.hidden && state.isOnline) void loadMembers(conversation)
  }, REFRESH_MS)
}
