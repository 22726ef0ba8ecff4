// @ts-check
// Where messages are written, answered and edited.

import { $, h, icon } from './dom.js'
import { personName } from './format.js'
import { replace } from './history.js'
import { ask } from './link.js'
import { titleOf } from './model.js'
import { post } from './outbox.js'
import { changed, openConversation, state } from './state.js'
import { toEnd } from './thread.js'
import { complain } from './toast.js'

/** @import { IMessage } from '../../../types/chatd.js' */
/** @import { Conversation } from './state.js' */

/** `typing:start` holds for longer than this, so saying it again keeps it up. */
const TYPING_MS = 3_000
const MAX_HEIGHT_PX = 200

const box = () => /** @type {HTMLTextAreaElement} */ ($('text'))

let typedAt = 0
/** @type {Conversation | undefined} */
let shown

/** @param {boolean} isTyping */
function tell(isTyping) {
  if (!shown || !state.isOnline) return
  const now = Date.now()
  if (isTyping ? now - typedAt < TYPING_MS : typedAt === 0) return
  typedAt = isTyping ? now : 0
  ask(isTyping ? 'typing:start' : 'typing:stop', { conversationId: shown.info.id }).catch(() => {})
}

/** @param {IMessage} message */
export function reply(message) {
  const conversation = openConversation()
  if (!conversation) return
  stopEditing(conversation)
  conversation.replyTo = message
  changed()
  box().focus()
}

/** @param {IMessage} message */
export function edit(message) {
  const conversation = openConversation()
  if (!conversation || message.content === null) return
  conversation.replyTo = null
  conversation.editing = message
  changed()
  write(message.content)
  box().focus()
}

/** @param {Conversation} conversation */
function stopEditing(conversation) {
  if (conversation.editing) write('')
  conversation.editing = null
}

/** @param {string} text */
function write(text) {
  box().value = text
  grow()
}

function grow() {
  const text = box()
  text.style.height = ''
  if (text.value !== '') text.style.height = `${Math.min(text.scrollHeight, MAX_HEIGHT_PX)}px`
}

/** The last own message that can be edited. */
function lastOwn() {
  return openConversation()?.stretch?.messages.findLast(({ senderId, content, type }) => senderId === state.me && content && type === 'text')
}

async function submit() {
  const conversation = openConversation()
  const content = box().value.trim()
  if (!conversation || content === '') return
  const { editing, replyTo, info } = conversation
  typedAt = 0
  if (editing) {
    try {
      const { message } = await ask('message:edit', { messageId: editing.id, content })
      replace(conversation, message)
      stopEditing(conversation)
    } catch (cause) {
      complain(cause)
    }
    return changed()
  }
  write('')
  conversation.draft = ''
  conversation.replyTo = null
  conversation.divider = null
  post({ conversationId: info.id, content, ...(replyTo && { replyTo: replyTo.id }) })
  await toEnd()
}

function cancel() {
  const conversation = openConversation()
  if (!conversation) return
  stopEditing(conversation)
  conversation.replyTo = null
  changed()
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.isComposing) return
  const conversation = openConversation()
  if (event.key === 'Enter' && !event.shiftKey) {
    event.preventDefault()
    void submit()
  } else if (event.key === 'Escape' && (conversation?.editing || conversation?.replyTo)) {
    event.preventDefault()
    cancel()
  } else if (event.key === 'ArrowUp' && box().value === '') {
    const message = lastOwn()
    if (!message) return
    event.preventDefault()
    edit(message)
  }
}

/** What the next message is about. @param {Conversation} conversation */
function drawContext({ editing, replyTo }) {
  const context = $('context')
  const about = editing ?? replyTo
  const look = about ? `${editing ? 'edit' : 'reply'} ${about.id}` : ''
  if (context.dataset['look'] === look) return
  context.dataset['look'] = look
  context.hidden = !about
  if (!about) return context.replaceChildren()
  const title = editing ? 'Editing your message' : `Replying to ${personName(about.senderId)}`
  const drop = h('button', { class: 'icon', type: 'button', 'aria-label': 'Cancel', onclick: cancel }, icon('close'))
  context.replaceChildren(icon(editing ? 'edit' : 'reply'), h('span', {}, h('strong', {}, title), ` ${about.content ?? ''}`), drop)
}

export function draw() {
  const conversation = openConversation()
  if (conversation !== shown) {
    tell(false)
    if (shown && !shown.editing) shown.draft = box().value
    if (shown) shown.editing = null
    shown = conversation
    write(conversation?.draft ?? '')
  }
  if (!conversation) return
  const placeholder = `Message ${titleOf(conversation)}`
  if (box().placeholder !== placeholder) box().placeholder = placeholder
  drawContext(conversation)
}

export function start() {
  $('send').append(icon('send'))
  $('composer').addEventListener('submit', (event) => {
    event.preventDefault()
    void submit()
  })
  const text = box()
  text.addEventListener('keydown', pressed)
  text.addEventListener('input', () => {
    grow()
    tell(text.value !== '')
  })
  text.addEventListener('blur', () => tell(false))
}
