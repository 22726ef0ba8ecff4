// @ts-check
// The demo page of chatd: everything it does goes over the public protocol, by the stock Socket.IO client.

import { enterLobby, followAddress } from './actions.js'
import * as composer from './composer.js'
import { openNew } from './create.js'
import * as details from './details.js'
import { $ } from './dom.js'
import { openInbox } from './inbox.js'
import { connect, disconnect } from './link.js'
import * as message from './message.js'
import { greeted, listen, loadConversations, loadInbox, loadMembers, received, resume } from './model.js'
import * as outbox from './outbox.js'
import { openSearch } from './search.js'
import { forget, restore, signIn } from './session.js'
import * as sidebar from './sidebar.js'
import { changed, onChange, state } from './state.js'
import * as theme from './theme.js'
import * as thread from './thread.js'
import { complain, toast } from './toast.js'

/** @import { Connected } from '../../../types/chatd.js' */
/** @import { Session } from './session.js' */

/** Below this width, list and conversation are two views. */
const NARROW = matchMedia('(max-width: 760px)')

let isLoaded = false

/** @param {Connected} greeting */
async function arrived(greeting) {
  await greeted(greeting)
  if (isLoaded) return
  isLoaded = true
  try {
    await Promise.all([loadConversations(), loadInbox()])
    await enterLobby()
    const [latest] = [...state.conversations.values()].filter(({ info }) => info.type !== 'direct')
    if (latest) void loadMembers(latest)
    await followAddress()
    if (state.open === null && !NARROW.matches) location.hash = '#lobby'
  } catch (cause) {
    isLoaded = false
    complain(cause)
  }
}

/** @param {Session} session */
function enter(session) {
  state.me = session.userId
  state.name = session.name
  $('welcome').hidden = true
  $('app').hidden = false
  outbox.open(received)
  listen(connect({ session, resume, onGreeting: arrived, onSignedOut: leave }))
  changed()
}

/** @param {string} [reason] */
function leave(reason) {
  disconnect()
  forget()
  if (reason) toast(reason, 'error')
  // Everything that the page knows goes with it.
  setTimeout(() => location.replace('/'), reason ? 2_000 : 0)
}

function welcome() {
  const form = /** @type {HTMLFormElement} */ ($('sign-in'))
  const name = /** @type {HTMLInputElement} */ ($('name'))
  name.focus()
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    try {
      enter(await signIn(name.value))
    } catch (cause) {
      complain(cause)
    }
  })
}

function draw() {
  sidebar.draw()
  thread.draw()
  composer.draw()
  details.draw()
  $('app').dataset['view'] = details.isShown() && state.open !== null ? 'details' : state.open === null ? 'list' : 'thread'
}

/** @param {KeyboardEvent} event */
function shortcut(event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
    event.preventDefault()
    if (!document.querySelector('dialog[open]')) openSearch()
  } else if (event.key === 'Escape' && !event.defaultPrevented && !document.querySelector('dialog[open]')) {
    if (details.isShown()) details.toggle()
    else if (NARROW.matches) location.hash = ''
  }
}

theme.start()
sidebar.start()
thread.start()
composer.start()
details.start()
message.start($('log'))
onChange(draw)
addEventListener('hashchange', () => void followAddress())
addEventListener('keydown', shortcut)
$('open-new').addEventListener('click', openNew)
$('open-search').addEventListener('click', () => openSearch())
$('open-inbox').addEventListener('click', openInbox)
$('sign-out').addEventListener('click', () => leave())

const session = restore()
if (session) enter(session)
else welcome()
