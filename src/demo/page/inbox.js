// @ts-check
// The persisted inbox: mentions, invitations, and what came while nobody followed.

import { jump } from './actions.js'
import { dialog } from './dialog.js'
import { h, show } from './dom.js'
import { shortTime } from './format.js'
import { ask } from './link.js'
import { headline, loadInbox } from './model.js'
import { changed, onChange, state } from './state.js'
import { complain } from './toast.js'

/** @import { INotification } from '../../../types/chatd.js' */

let draw = () => {}
onChange(() => draw())

export function openInbox() {
  const list = h('ul', { class: 'results', 'aria-label': 'Notifications' })
  const empty = h('p', { class: 'fine' }, 'Nothing yet. Mentions and invitations come here.')
  const all = h('button', { class: 'quiet', type: 'button', onclick: () => read({ all: true }) }, 'Mark all as read')
  const more = h('button', { class: 'quiet more', type: 'button', onclick: () => loadInbox(state.inbox.cursor ?? undefined).catch(complain) }, 'Show more')

  /** @param {{ all: true } | { notificationId: string }} what */
  const read = async (what) => {
    try {
      await ask('notification:read', what)
      await loadInbox()
    } catch (cause) {
      complain(cause)
    }
  }
  /** @param {INotification} notification */
  const entry = (notification) => {
    const { id, createdAt, readAt, conversationId, messageId } = notification
    const go = () => {
      if (!readAt) void read({ notificationId: id })
      if (!conversationId) return
      node.close()
      void jump(conversationId, messageId)
    }
    const make = () =>
      h(
        'li',
        {},
        h(
          'button',
          { class: `result${readAt ? '' : ' unread'}`, type: 'button', onclick: go, 'data-part': 'go' },
          h('span', { class: 'result-text' }, headline(notification), !readAt && h('span', { class: 'hidden' }, ' (unread)')),
          h('time', { class: 'faint', datetime: createdAt }, shortTime(createdAt)),
        ),
      )
    return { key: id, look: JSON.stringify([notification, headline(notification)]), make }
  }
  draw = () => {
    const { entries, cursor, unread } = state.inbox
    show(list, entries.map(entry))
    empty.hidden = entries.length > 0
    all.hidden = unread === 0
    more.hidden = cursor === null
  }
  const node = dialog('Notifications', [h('div', { class: 'stack' }, all, list, empty, more)], 'tall')
  node.addEventListener('close', () => (draw = () => {}))
  draw()
  changed()
}
