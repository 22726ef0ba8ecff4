// The application's back end, as the tests play it: requests to /api/v1 with a key, and answers that are what they must be.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'

export const KEY = randomBytes(32).toString('hex')

/** The configuration under which `KEY` may do everything. */
export const API = { api: { enabled: true, keys: [{ name: 'backend', key: KEY, scopes: ['admin'] }] } }

export class Api {
  constructor(daemon, key = KEY, url = daemon.url) {
    this.daemon = daemon
    this.root = `${url}/api/v1`
    this.key = daemon.keepSecret(key)
  }

  async request(method, path, body, headers = {}) {
    const given = { ...(this.key && { authorization: `Bearer ${this.key}` }), ...(body !== undefined && { 'content-type': 'application/json' }) }
    const response = await fetch(this.root + path, {
      method,
      headers: { ...given, ...headers },
      body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
    })
    const text = await response.text()
    const type = response.headers.get('content-type')
    assert.ok(response.headers.get('request-id'), 'every answer has an id')
    return { status: response.status, headers: response.headers, type, text, body: text && type?.includes('json') ? JSON.parse(text) : undefined }
  }

  /** The body of an answer that is no refusal. */
  async ok(method, path, body, headers) {
    const answer = await this.request(method, path, body, headers)
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.text}`)
    assert.equal(answer.type, 'application/json')
    return answer.body
  }

  /** The refusal, which must have this status and code. */
  async fails(status, code, method, path, body, headers) {
    const answer = await this.request(method, path, body, headers)
    assert.deepEqual([answer.status, answer.body?.code], [status, code], `${method} ${path}: ${answer.text}`)
    assert.equal(answer.type, 'application/problem+json')
    assert.equal(answer.body.status, status)
    assert.equal(answer.body.requestId, answer.headers.get('request-id'))
    assert.ok(answer.body.title && answer.body.detail)
    return answer
  }
}
