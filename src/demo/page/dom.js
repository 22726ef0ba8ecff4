// @ts-check
// Elements and lists of them. Text becomes text nodes: nothing here reads markup.

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * An element. `on…` are listeners, anything else attributes; what is false, null or undefined is left out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue
    if (name.startsWith('on')) node.addEventListener(name.slice(2), /** @type {EventListener} */ (value))
    else node.setAttribute(name, value === true ? '' : String(value))
  }
  node.append(...present(children))
  return node
}

/** @param {Child[]} children */
const present = (children) => children.filter((child) => child || child === '').map((child) => /** @type {Node | string} */ (child))

/**
 * The element of the page with this id.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function $(id) {
  const node = document.getElementById(id)
  if (!node) throw new Error(`the page has no #${id}`)
  return /** @type {T} */ (node)
}

const SVG = 'http://www.w3.org/2000/svg'
const ICONS = {
  plus: 'M12 5v14M5 12h14',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM20 20l-4-4',
  bell: 'M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4',
  back: 'M15 5l-7 7 7 7',
  close: 'M6 6l12 12M18 6L6 18',
  send: 'M5 12h14M13 6l6 6-6 6',
  reply: 'M9 7l-5 5 5 5M4 12h9a7 7 0 0 1 7 7',
  edit: 'M4 20l1-4L16 5l3 3L8 19zM14 7l3 3',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  people: 'M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM3 20a6 6 0 0 1 12 0M16 4.500a3.500 3.500 0 0 1 0 6M18 14.500a6 6 0 0 1 3 5.500',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 3v2M12 19v2M3 12h2M19 12h2M5.600 5.600l1.400 1.400M17 17l1.400 1.400M18.400 5.600L17 7M7 17l-1.400 1.400',
  moon: 'M20 14A8 8 0 1 1 10 4a6.500 6.500 0 0 0 10 10z',
  auto: 'M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM12 4v16M15 6v12M18 8v8',
  sent: 'M5 13l4 4L19 7',
  delivered: 'M2 13l4 4L16 7M11 16l1 1L22 7',
  clock: 'M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM12 8v4l3 2',
  warning: 'M12 4L2.500 20h19zM12 10v5M12 17.500v.5',
}

/**
 * A line drawing, for eyes only: what it stands for is said beside it.
 * @param {keyof typeof ICONS} name
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg')
  for (const [key, value] of Object.entries({ viewBox: '0 0 24 24', 'aria-hidden': 'true', class: 'glyph' })) svg.setAttribute(key, value)
  const path = document.createElementNS(SVG, 'path')
  path.setAttribute('d', ICONS[name])
  svg.append(path)
  return svg
}

/** @typedef {{ key: string, look: string, make: () => HTMLElement }} Item */

/** @type {WeakMap<Element, { key: string, look: string }>} */
const made = new WeakMap()

/**
 * Makes the children of `parent` those items, in this order. A node stays while its `look` does, and the keyboard's
 * focus stays where it was.
 * @param {HTMLElement} parent
 * @param {Item[]} items
 */
export function show(parent, items) {
  const active = document.activeElement
  const holder = active && [...parent.children].find((child) => child.contains(active))
  const focused = holder && made.get(holder)?.key
  const part = active instanceof HTMLElement && active !== holder ? active.dataset['part'] : undefined

  const old = new Map([...parent.children].map((node) => [made.get(node)?.key, node]))
  /** @type {Element | null} */
  let place = parent.firstElementChild
  for (const { key, look, make } of items) {
    let node = old.get(key)
    old.delete(key)
    if (!node || made.get(node)?.look !== look) {
      const fresh = make()
      made.set(fresh, { key, look })
      if (node) {
        node.replaceWith(fresh)
        if (place === node) place = fresh
      }
      node = fresh
    }
    if (node === place) place = place.nextElementSibling
    else parent.insertBefore(node, place)
  }
  for (const node of old.values()) node.remove()

  if (focused !== undefined && document.activeElement !== active) {
    const again = [...parent.children].find((child) => made.get(child)?.key === focused)
    const inner = part && again?.querySelector(`[data-part="${CSS.escape(part)}"]`)
    const target = inner || again
    if (target instanceof HTMLElement) (target.tabIndex >= 0 || target.hasAttribute('tabindex') ? target : target.querySelector('button'))?.focus({ preventScroll: true })
  }
}
