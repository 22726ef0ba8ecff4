// @ts-check
// Short words at the edge of the screen.

import { $, h, icon } from './dom.js'

const TOAST_MS = 6_000
const MAX_TOASTS = 4

/**
 * @param {string} text
 * @param {'info' | 'error'} [kind]
 * @param {{ label: string, run: () => void }} [action]
 */
export function toast(text, kind = 'info', action) {
  const box = $('toasts')
  const end = () => node.remove()
  const node = h(
    'div',
    { class: `toast ${kind}` },
    h('span', {}, text),
    action && h('button', { class: 'quiet', type: 'button', onclick: () => (end(), action.run()) }, action.label),
    h('button', { class: 'icon', type: 'button', 'aria-label': 'Dismiss', onclick: end }, icon('close')),
  )
  // What is modal covers all else, so a toast goes into it.
  const top = [...document.querySelectorAll('dialog[open]')].at(-1)
  if (top instanceof HTMLElement && box.parentElement !== top) top.append(box)
  else if (!top && box.parentElement !== document.body) document.body.append(box)
  while (box.childElementCount >= MAX_TOASTS) box.firstElementChild?.remove()
  box.append(node)
  setTimeout(end, TOAST_MS)
}

/** Says why something did not work. @param {unknown} cause */
export function complain(cause) {
  const message = cause instanceof Error ? cause.message : String(cause)
  toast(message.charAt(0).toUpperCase() + message.slice(1), 'error')
}
