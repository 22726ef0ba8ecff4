// @ts-check
// Light, dark, or as the system has it.

import { $, icon } from './dom.js'

const KEY = 'chatd-demo-theme'
const THEMES = /** @type {const} */ ([
  { name: 'auto', glyph: 'auto', label: 'Theme: as the system. Switch to light' },
  { name: 'light', glyph: 'sun', label: 'Theme: light. Switch to dark' },
  { name: 'dark', glyph: 'moon', label: 'Theme: dark. Switch to the system’s' },
])

/** @param {number} at */
function apply(at) {
  const theme = THEMES[at] ?? THEMES[0]
  document.documentElement.dataset['theme'] = theme.name
  const button = $('theme')
  button.setAttribute('aria-label', theme.label)
  button.title = theme.label
  button.replaceChildren(icon(theme.glyph))
}

export function start() {
  let at = Math.max(0, THEMES.findIndex(({ name }) => name === localStorage.getItem(KEY)))
  apply(at)
  $('theme').addEventListener('click', () => {
    at = (at + 1) % THEMES.length
    localStorage.setItem(KEY, THEMES[at]?.name ?? 'auto')
    apply(at)
  })
}
