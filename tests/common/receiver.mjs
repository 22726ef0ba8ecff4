// An application that is told over HTTP what happens: it verifies every request as its maker would, by the package of the
// specification, and answers as the test wants.

import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'

import { Webhook } from 'standardwebhooks'

import { Feed } from './wait.mjs'

export const freshWebhookSecret = () => `whsec_${randomBytes(32).toString('base64')}`

export class Receiver {
  #server = null
  /** Every request that came, in its order. */
  requests = new Feed()
  /** What was taken, each event as often as it was. */
  taken = new Feed()
  /** What was wrong with requests. */
  faults = []
  underway = 0
  mostUnderway = 0

  /**
   * `answer(event, request)` says what is answered: a status, `{ status, headers, body }`, or a promise of one; `tls` has a
   * certificate and its key.
   */
  constructor({ secret = freshWebhookSecret(), answer = () => 204, tls } = {}) {
    this.secret = secret
    this.answer = answer
    this.tls = tls
  }

  static async listen(options) {
    const receiver = new Receiver(options)
    await receiver.open()
    return receiver
  }

  /** Again on the same port, where it was closed. */
  open() {
    const take = (request, response) => void this.#take(request, response)
    this.#server = this.tls ? createSecureServer(this.tls, take) : createServer(take)
    // A test that fails leaves it open, and is to end all the same.
    this.#server.unref()
    return new Promise((ready, fail) => {
      this.#server.once('error', fail)
      this.#server.listen(this.port ?? 0, '127.0.0.1', () => {
        this.port = this.#server.address().port
        ready()
      })
    })
  }

  /** Nobody can reach it any more. */
  close() {
    this.#server.closeAllConnections()
    return new Promise((end) => this.#server.close(end))
  }

  get url() {
    return `${this.tls ? 'https' : 'http'}://127.0.0.1:${this.port}/events`
  }

  /** Its table in the configuration. */
  table(extra = {}) {
    return { url: this.url, secret: this.secret, allow_private: true, retry_delay: '50ms', ...extra }
  }

  async #take(request, response) {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    const event = { id: request.headers['webhook-id'], at: Date.now(), headers: request.headers, url: request.url }
    try {
      Object.assign(event, new Webhook(this.secret).verify(text, request.headers))
    } catch (error) {
      this.faults.push(`${error.message}: ${text}`)
    }
    this.underway += 1
    this.mostUnderway = Math.max(this.mostUnderway, this.underway)
    this.requests.push(event)
    const said = await this.answer(event, request)
    this.underway -= 1
    const { status, headers = {}, body = '' } = typeof said === 'number' ? { status: said } : said
    response.writeHead(status, headers).end(body)
    if (status >= 200 && status < 300) this.taken.push(event)
  }

  /** The next event that was taken with this type, and of which `matches` holds. */
  next(type, matches = () => true, ms) {
    return this.taken.next((event) => event.type === type && matches(event.data), () => `a webhook ${type}; it was told ${this.told()}`, ms)
  }

  told() {
    return JSON.stringify(this.taken.all().map(({ type }) => type))
  }
}
