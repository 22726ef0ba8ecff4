// @ts-check
// Modal dialogs: the browser's own, which keeps the focus inside, gives it back, and closes on Escape.

import { h, icon } from './dom.js'

/** @import { Child } from './dom.js' */

/**
 * Opens a dialog; it is gone once it is closed.
 * @param {string} title
 * @param {Child[]} content
 * @param {string} [kind]
 */
export function dialog(title, content, kind = '') {
  const id = `dialog-${Math.random().toString(36).slice(2)}`
  const close = h('button', { class: 'icon', type: 'button', 'aria-label': 'Close', onclick: () => node.close() }, icon('close'))
  const node = h('dialog', { class: kind, 'aria-labelledby': id }, h('header', {}, h('h2', { id }, title), close), ...content)
  node.addEventListener('close', () => {
    // Toasts that went into the dialog stay.
    const toasts = node.querySelector('.toasts')
    if (toasts) document.body.append(toasts)
    node.remove()
  })
  // A press on the backdrop is one on the dialog itself, outside of its box.
  node.addEventListener('pointerdown', (event) => {
    const { left, right, top, bottom } = node.getBoundingClientRect()
    const isOutside = event.clientX < left || event.clientX > right || event.clientY < top || event.clientY > bottom
    if (event.target === node && isOutside) node.close()
  })
  document.body.append(node)
  node.showModal()
  return node
}

/**
 * Asks before what cannot be undone.
 * @param {string} title
 * @param {string} text
 * @param {string} verb
 * @returns {Promise<boolean>}
 */
export function confirm(title, text, verb) {
  return new Promise((answer) => {
    const yes = h('button', { class: 'danger', type: 'button', onclick: () => (answer(true), node.close()) }, verb)
    const no = h('button', { type: 'button', autofocus: true, onclick: () => node.close() }, 'Cancel')
    const node = dialog(title, [h('p', {}, text), h('div', { class: 'choices' }, no, yes)], 'small')
    node.addEventListener('close', () => answer(false))
  })
}
