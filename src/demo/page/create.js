// @ts-check
// A new conversation: direct, group or channel.

import { start, userIdsOf } from './actions.js'
import { dialog } from './dialog.js'
import { h } from './dom.js'
import { personName } from './format.js'
import { state } from './state.js'
import { complain } from './toast.js'

/** @import { ConversationType } from '../../../types/chatd.js' */

const TYPES = /** @type {const} */ ([
  ['direct', 'Direct', 'Between you and one other person.'],
  ['group', 'Group', 'For those whom you invite.'],
  ['channel', 'Channel', 'Anybody with its link may join.'],
])

/** Everybody who was seen anywhere, as suggestions. */
function acquaintances() {
  const users = new Set([...state.conversations.values()].flatMap(({ members }) => [...(members?.keys() ?? [])]))
  users.delete(state.me)
  return [...users].map(personName).sort()
}

export function openNew() {
  /** @type {ConversationType} */
  let type = 'direct'
  const title = h('input', { id: 'new-title', maxlength: 80, autocomplete: 'off', placeholder: 'Lunch' })
  const titleRow = h('div', { class: 'field' }, h('label', { for: 'new-title' }, 'Title'), title)
  const people = h('input', { id: 'new-people', autocomplete: 'off', list: 'acquaintances', spellcheck: false, autofocus: true })
  const label = h('label', { for: 'new-people' })
  const hint = h('p', { class: 'fine', id: 'new-hint' })
  people.setAttribute('aria-describedby', 'new-hint')

  /** @param {ConversationType} chosen */
  const choose = (chosen) => {
    type = chosen
    const isDirect = type === 'direct'
    titleRow.hidden = isDirect
    title.required = !isDirect
    people.required = type !== 'channel'
    people.placeholder = isDirect ? 'Bob' : 'Bob, Cyd'
    label.textContent = isDirect ? 'With whom?' : type === 'group' ? 'With whom? Names with commas between' : 'Invite people, if you like'
    hint.textContent = TYPES.find(([name]) => name === type)?.[2] ?? ''
  }
  const options = TYPES.map(([name, text]) =>
    h('label', { class: 'option' }, h('input', { type: 'radio', name: 'type', value: name, checked: name === type, onchange: () => choose(name) }), h('span', {}, text)),
  )
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault()
    const members = userIdsOf(people.value).filter((user) => user !== state.me)
    try {
      if (type === 'direct' && members.length !== 1) throw new Error('A direct conversation is with one other person.')
      await start(type, title.value.trim(), members)
      node.close()
    } catch (cause) {
      complain(cause)
    }
  }
  const suggestions = h('datalist', { id: 'acquaintances' }, ...acquaintances().map((name) => h('option', { value: name })))
  const form = h(
    'form',
    { class: 'stack', onsubmit: submit },
    h('fieldset', { class: 'options' }, h('legend', { class: 'hidden' }, 'Kind of conversation'), ...options),
    titleRow,
    h('div', { class: 'field' }, label, people, suggestions),
    hint,
    h('div', { class: 'choices' }, h('button', { class: 'primary', type: 'submit' }, 'Start')),
  )
  choose(type)
  const node = dialog('New conversation', [form], 'small')
}
