// Tokens as a login service would make them: JWTs signed with HS256, by node:crypto alone.

import { createHmac, randomBytes } from 'node:crypto'

export const freshSecret = () => randomBytes(32).toString('hex')

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Signs any claims under any header; `hash` is what is really computed, whatever the header says. */
export function sign(secret, claims, { header = {}, hash = 'sha256' } = {}) {
  const body = `${part({ alg: 'HS256', typ: 'JWT', ...header })}.${part(claims)}`
  const signature = createHmac(hash, secret).update(body).digest('base64url')
  return `${body}.${signature}`
}

/** A good token for `user`; `claims` add to or replace the usual ones, `undefined` takes one out. */
export function mint(secret, user, claims = {}) {
  const now = Math.floor(Date.now() / 1000)
  return sign(secret, { sub: user, iat: now, exp: now + 3600, jti: randomBytes(6).toString('hex'), ...claims })
}

export const seconds = (offset) => Math.floor(Date.now() / 1000) + offset
