// @ts-check
// Full-text search over all that the user may read.

import { jump } from './actions.js'
import { dialog } from './dialog.js'
import { h } from './dom.js'
import { personName, shortTime } from './format.js'
import { remember } from './history.js'
import { ask } from './link.js'
import { titleOf } from './model.js'
import { state } from './state.js'
import { complain } from './toast.js'

/** @import { IMessage } from '../../../types/chatd.js' */
/** @import { Conversation } from './state.js' */

const DEBOUNCE_MS = 150
const PAGE = 20

/** A text with the words that were looked for marked. @param {string} content @param {string} query */
function marked(content, query) {
  const words = query.split(/\s+/).filter(Boolean).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return content.split(new RegExp(`(${words.join('|')})`, 'giu')).map((part, at) => (at % 2 === 1 ? h('mark', {}, part) : document.createTextNode(part)))
}

/** @param {Conversation} [within] */
export function openSearch(within) {
  /** @type {string | null} */
  let cursor = null
  let timer = 0
  let asked = 0
  const input = h('input', { type: 'text', role: 'searchbox', id: 'query', 'aria-label': 'Search for', placeholder: 'Search messages', autocomplete: 'off', autofocus: true })
  const only = h('input', { type: 'checkbox', id: 'only', checked: within !== undefined })
  const results = h('ul', { class: 'results', 'aria-label': 'Results' })
  const count = h('p', { class: 'fine', role: 'status' }, 'Type to search.')
  const more = h('button', { class: 'quiet more', type: 'button', onclick: () => run(cursor) }, 'Show more')
  more.hidden = true

  /** @param {IMessage} message */
  const result = (message) => {
    const conversation = state.conversations.get(message.conversationId)
    const go = () => {
      node.close()
      void jump(message.conversationId, message.id)
    }
    return h(
      'li',
      {},
      h(
        'button',
        { class: 'result', type: 'button', onclick: go },
        h('span', { class: 'result-head' }, h('strong', {}, personName(message.senderId)), ` in ${conversation ? titleOf(conversation) : 'another conversation'}`),
        h('time', { class: 'faint', datetime: message.timestamp }, shortTime(message.timestamp)),
        h('span', { class: 'result-text' }, ...marked(message.content ?? '', input.value.trim())),
      ),
    )
  }

  /** @param {string | null} from */
  const run = async (from) => {
    const query = input.value.trim()
    const turn = (asked += 1)
    if (query === '') {
      results.replaceChildren()
      more.hidden = true
      count.textContent = 'Type to search.'
      return
    }
    try {
      const conversationId = within && only.checked ? within.info.id : undefined
      const page = await ask('message:search', { query, limit: PAGE, ...(conversationId && { conversationId }), ...(from && { cursor: from }) })
      // Another question was asked meanwhile.
      if (turn !== asked) return
      remember(page.messages)
      if (!from) results.replaceChildren()
      results.append(...page.messages.map(result))
      cursor = page.cursor
      more.hidden = cursor === null
      const found = results.childElementCount
      count.textContent = found === 0 ? 'Nothing was found.' : `${found}${cursor ? ' or more' : ''} found`
    } catch (cause) {
      complain(cause)
    }
  }
  const later = () => {
    clearTimeout(timer)
    timer = setTimeout(() => run(null), DEBOUNCE_MS)
  }
  input.addEventListener('input', later)
  only.addEventListener('change', later)
  const walk = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (!step) return
    /** @type {(Element | null)[]} */
    const stops = [input, ...results.querySelectorAll('button')]
    const next = stops[stops.indexOf(document.activeElement) + step]
    if (!(next instanceof HTMLElement)) return
    event.preventDefault()
    next.focus()
  }
  const scope = within && h('label', { class: 'check', for: 'only' }, only, `Only in ${titleOf(within)}`)
  const body = h('div', { class: 'stack', onkeydown: walk }, input, scope, count, results, more)
  const node = dialog('Search', [body], 'tall')
}
