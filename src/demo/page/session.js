// @ts-check
// Who this tab is. The session storage is the tab's own, so two tabs are two people.

const KEY = 'chatd-demo'

/** @typedef {{ name: string, userId: string, token: string }} Session */

/** @returns {Session | null} */
export function restore() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? 'null')
  } catch {
    return null
  }
}

/**
 * Asks for a token and remembers who this is.
 * @param {string} name
 * @returns {Promise<Session>}
 */
export async function signIn(name) {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch('/demo/token', { method: 'POST', headers, body: JSON.stringify({ name }) })
  const answer = await response.json()
  if (!response.ok) throw new Error(answer.message)
  sessionStorage.setItem(KEY, JSON.stringify(answer))
  return answer
}

export function forget() {
  sessionStorage.clear()
}
