// @ts-check
// How ids, times and texts look.

const AVATAR_COLOURS = 10

/**
 * The protocol knows users by their ids; an application would have a directory of names. Here the id was made from the
 * name, and is turned back.
 * @param {string} userId
 */
export function personName(userId) {
  return userId.replaceAll('-', ' ').replace(/(^|\s)(\p{L})/gu, (_, space, letter) => space + letter.toUpperCase())
}

/** @param {string} name */
export function initials(name) {
  const words = name.split(/\s+/).filter(Boolean)
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]]
  return letters.map((word) => [...(word ?? '')][0] ?? '').join('').toUpperCase()
}

/**
 * The same colour for the same text on every device.
 * @param {string} text
 */
export function colourOf(text) {
  let hash = 7
  for (const char of text) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0
  return hash % AVATAR_COLOURS
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' })
const DAY = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })
const DATE = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' })

/** @param {string} time */
export const clock = (time) => CLOCK.format(new Date(time))
/** @param {string} time */
export const fullTime = (time) => FULL.format(new Date(time))
/** @param {string} time */
export const dayKey = (time) => new Date(time).toDateString()

/** @param {number} days */
const daysAgo = (days) => new Date(Date.now() - days * 86_400_000).toDateString()

/** @param {string} time */
export function dayName(time) {
  const day = dayKey(time)
  if (day === daysAgo(0)) return 'Today'
  if (day === daysAgo(1)) return 'Yesterday'
  return DAY.format(new Date(time))
}

/** @param {string} time */
export const shortTime = (time) => (dayKey(time) === daysAgo(0) ? clock(time) : DATE.format(new Date(time)))

/** @param {string | null | undefined} time */
export function lastSeen(time) {
  if (!time) return 'offline'
  const minutes = Math.floor((Date.now() - Date.parse(time)) / 60_000)
  if (minutes < 1) return 'last seen just now'
  if (minutes < 60) return `last seen ${minutes} min ago`
  return `last seen ${shortTime(time)}`
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`

/** @typedef {{ kind: 'text' | 'link' | 'mention', text: string }} Part */

/**
 * A text in parts: links, mentions of members, and what stands between.
 * @param {string} content
 * @param {string[]} [mentions]
 * @returns {Part[]}
 */
export function parts(content, mentions = []) {
  const names = [...mentions].sort((a, b) => b.length - a.length).map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const pattern = new RegExp(`(https?://[^\\s<>"]+[^\\s<>".,;:!?)\\]])${names.length > 0 ? `|@(${names.join('|')})` : ''}`, 'gu')
  /** @type {Part[]} */
  const found = []
  let at = 0
  for (const match of content.matchAll(pattern)) {
    if (match.index > at) found.push({ kind: 'text', text: content.slice(at, match.index) })
    found.push({ kind: match[1] ? 'link' : 'mention', text: match[0] })
    at = match.index + match[0].length
  }
  if (at < content.length) found.push({ kind: 'text', text: content.slice(at) })
  return found
}
