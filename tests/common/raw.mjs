// HTTP and WebSocket by hand, for what a well-behaved client never does: stop reading, break frames, hold a session open
// without a token, send JSON that no JavaScript object prints.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import tls from 'node:tls'
import zlib from 'node:zlib'

import { Feed, within } from './wait.mjs'

/** One HTTP request on a connection of its own; resolves to status, headers and body, as text and as bytes. */
export function request(daemon, path, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((answer, fail) => {
    const options = { host: '127.0.0.1', port: daemon.port, path, method, headers, agent: false, rejectUnauthorized: false }
    const sent = (daemon.secure ? https : http).request(options, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', fail)
      response.on('end', () => {
        const bytes = Buffer.concat(chunks)
        answer({ status: response.statusCode, headers: response.headers, body: bytes.toString(), bytes })
      })
    })
    sent.on('error', fail)
    sent.end(body)
  })
}

/** Writes bytes on a connection of their own; resolves to all that comes back until the server ends it. */
export function exchange(daemon, bytes) {
  return new Promise((answer) => {
    const chunks = []
    const socket = net.connect(daemon.port, '127.0.0.1', () => socket.write(bytes))
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', () => {}) // A reset is one way in which the server ends it.
    socket.on('close', () => answer(Buffer.concat(chunks).toString()))
  })
}

/** Writes bytes on a connection of their own, and closes it without a look at what comes back. */
export function hangUp(daemon, bytes) {
  return new Promise((gone) => {
    const socket = net.connect(daemon.port, '127.0.0.1', () => socket.write(bytes, () => socket.destroy()))
    socket.on('error', () => {}) // The server may be the first to close it.
    socket.on('close', gone)
  })
}

export const POLL = '/socket.io/?EIO=4&transport=polling'

/** Opens an Engine.IO session over polling; resolves to what the server offered. */
export async function handshake(daemon, headers = {}) {
  const { status, body } = await request(daemon, POLL, { headers })
  assert.equal(status, 200, body)
  assert.equal(body[0], '0', body)
  return JSON.parse(body.slice(1))
}

/** A session over polling by hand: it asks for packets when the test says so. */
export class PollingSession {
  packets = []

  /** A session that the server has let in as `user`. */
  static async connect(daemon, user) {
    const session = new PollingSession()
    session.daemon = daemon
    session.sid = (await handshake(daemon)).sid
    daemon.confidential.add(session.sid)
    await session.post(`40${JSON.stringify({ token: daemon.token(user) })}`)
    await session.until('42["connected"')
    return session
  }

  get path() {
    return `${POLL}&sid=${this.sid}`
  }

  async post(text) {
    const { status, body } = await request(this.daemon, this.path, { method: 'POST', body: text })
    assert.equal(status, 200, body)
  }

  /** One request for what has come; pings are answered. */
  async poll() {
    const { status, body } = await request(this.daemon, this.path)
    if (status !== 200) throw new Error(`the session is gone: ${status} ${body}`)
    const packets = body.split('\x1e')
    this.packets.push(...packets)
    if (packets.includes('2')) await this.post('3')
    return packets
  }

  async until(prefix) {
    for (;;) {
      const found = this.packets.find((packet) => packet.startsWith(prefix))
      if (found) return found
      await this.poll()
    }
  }

  /** Ends the session, so that the daemon need not wait for it at its end. */
  close() {
    return this.post('1')
  }

  /** The events of a name that have come, in order. */
  got(event) {
    const prefix = `42${JSON.stringify([event]).slice(0, -1)},`
    return this.packets.filter((packet) => packet.startsWith(prefix)).map((packet) => JSON.parse(packet.slice(2))[1])
  }
}

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 }

/** The bit of permessage-deflate among the reserved ones, as `frame` takes it. */
export const COMPRESSED = 4

const FLUSHED = Buffer.from([0, 0, 0xff, 0xff])
const SYNC = { finishFlush: zlib.constants.Z_SYNC_FLUSH }

/** The payload of a compressed message (RFC 7692, section 7.2.1). */
export function deflated(text, options = {}) {
  return zlib.deflateRawSync(text, { ...SYNC, ...options }).subarray(0, -FLUSHED.length)
}

const inflated = (payload, windowBits) => zlib.inflateRawSync(Buffer.concat([payload, FLUSHED]), { ...SYNC, windowBits })

export function frame(opcode, payload, { fin = true, mask = true, rsv = 0, claimedLength } = {}) {
  const data = Buffer.from(payload)
  const length = claimedLength ?? data.length
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode]
  const bit = mask ? 0x80 : 0
  if (length < 126) head.push(bit | length)
  else if (length < 65_536) head.push(bit | 126, length >> 8, length & 0xff)
  else {
    const wide = Buffer.alloc(8)
    wide.writeBigUInt64BE(BigInt(length))
    head.push(bit | 127, ...wide)
  }
  if (!mask) return Buffer.concat([Buffer.from(head), data])
  const key = randomBytes(4)
  return Buffer.concat([Buffer.from(head), key, data.map((byte, i) => byte ^ key[i % 4])])
}

/** A WebSocket connection to the Socket.IO endpoint over plain TCP. */
export class RawSocket {
  #buffer = Buffer.alloc(0)
  #fragments = []
  bytes = 0
  messages = new Feed()
  pongs = new Feed()
  /** Of each compressed message that came, its length before it was inflated. */
  compressed = []
  status = null

  answerPing = () => this.send('3')

  /** Opens the connection; `status` is 101 where the server agreed. `behind` is sent with the request in one piece. */
  static async open(daemon, { headers = {}, query = 'EIO=4&transport=websocket', path = '/socket.io/', behind = '' } = {}) {
    const raw = new RawSocket()
    raw.socket = (daemon.secure ? tls : net).connect({ port: daemon.port, host: '127.0.0.1', rejectUnauthorized: false })
    raw.socket.setNoDelay(true)
    raw.closed = new Promise((done) => raw.socket.once('close', done))
    raw.socket.on('error', () => {}) // A reset is one way in which the server ends it; `closed` tells.
    raw.socket.once('close', () => raw.messages.end('the connection was closed'))
    const lines = {
      Host: daemon.address,
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
      'Sec-WebSocket-Version': '13',
      ...headers,
    }
    const text = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`).join('')
    raw.socket.write(Buffer.concat([Buffer.from(`GET ${path}?${query} HTTP/1.1\r\n${text}\r\n`), Buffer.from(behind)]))
    const answered = new Promise((done, fail) => {
      raw.answered = done
      raw.socket.once('close', () => fail(new Error('closed before the handshake was answered')))
    })
    raw.socket.on('data', (data) => raw.#data(data))
    await within(10_000, answered, 'the answer to a WebSocket handshake')
    return raw
  }

  /** A connection that the server has let in as `user`. */
  static async connect(daemon, user, { auth = {}, ...options } = {}) {
    const raw = await RawSocket.open(daemon, options)
    assert.equal(raw.status, 101)
    await raw.next((text) => text.startsWith('0'), 'the Engine.IO handshake')
    raw.send(`40${JSON.stringify({ token: daemon.token(user), ...auth })}`)
    const answer = await raw.next((text) => text.startsWith('40') || text.startsWith('44'), 'the answer to CONNECT')
    assert.ok(answer.startsWith('40'), answer)
    daemon.confidential.add(JSON.parse(answer.slice(2)).sid)
    return raw
  }

  #data(data) {
    this.bytes += data.length
    this.#buffer = Buffer.concat([this.#buffer, data])
    if (this.status === null) {
      const end = this.#buffer.indexOf('\r\n\r\n')
      if (end < 0) return
      this.head = this.#buffer.subarray(0, end).toString()
      this.status = Number(this.head.split(' ')[1])
      this.#buffer = this.#buffer.subarray(end + 4)
      this.answered()
    }
    if (this.status === 101) while (this.#frame());
  }

  #frame() {
    const buffer = this.#buffer
    if (buffer.length < 2) return false
    let length = buffer[1] & 0x7f
    let start = 2
    if (length === 126) {
      if (buffer.length < 4) return false
      length = buffer.readUInt16BE(2)
      start = 4
    } else if (length === 127) {
      if (buffer.length < 10) return false
      length = Number(buffer.readBigUInt64BE(2))
      start = 10
    }
    if (buffer.length < start + length) return false
    const payload = buffer.subarray(start, start + length)
    this.#buffer = buffer.subarray(start + length)
    const [fin, rsv, opcode] = [(buffer[0] & 0x80) !== 0, (buffer[0] >> 4) & 7, buffer[0] & 0x0f]
    if (rsv === COMPRESSED && fin && opcode === OPCODE.text && this.extensions) {
      this.compressed.push(length)
      this.#handle(opcode, fin, inflated(payload, this.windowBits))
    } else {
      assert.equal(rsv, 0, 'a reserved bit of the server')
      this.#handle(opcode, fin, Buffer.from(payload))
    }
    return true
  }

  /** What the server agreed on: the value of `Sec-WebSocket-Extensions`. */
  get extensions() {
    return /^sec-websocket-extensions: *(.*)$/im.exec(this.head)?.[1].trim() ?? null
  }

  get windowBits() {
    return Number(/server_max_window_bits=(\d+)/.exec(this.extensions)?.[1] ?? 15)
  }

  #handle(opcode, fin, payload) {
    if (opcode === OPCODE.ping) this.socket.write(frame(OPCODE.pong, payload))
    else if (opcode === OPCODE.pong) this.pongs.push(payload.toString())
    else if (opcode === OPCODE.close) {
      this.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005
      this.closeReason = payload.subarray(2).toString()
    } else if (opcode <= OPCODE.binary) {
      this.#fragments.push(payload)
      if (!fin) return
      const text = Buffer.concat(this.#fragments).toString()
      this.#fragments = []
      if (text === '2') this.answerPing()
      else this.messages.push(text)
    }
  }

  /** One text message: an Engine.IO packet. */
  send(text) {
    this.socket.write(frame(OPCODE.text, text))
  }

  write(bytes) {
    this.socket.write(bytes)
  }

  /** An event with arguments in JSON as given, letter by letter; `ack` numbers it. */
  event(json, ack = '') {
    this.send(`42${ack}${json}`)
  }

  next(matches, what = 'a packet', ms) {
    return this.messages.next(matches, what, ms)
  }

  /** The answer to the event that was numbered `ack`. */
  async ack(ack) {
    const text = await this.next((packet) => packet.startsWith(`43${ack}[`), `acknowledgement ${ack}`)
    return JSON.parse(text.slice(`43${ack}`.length))[0]
  }

  /** Sends an event and resolves to its acknowledgement. */
  async ask(event, payload, ack) {
    this.event(JSON.stringify([event, payload]), ack)
    return this.ack(ack)
  }

  /** The events of a name that have come, in order. */
  got(event) {
    const prefix = `42${JSON.stringify([event]).slice(0, -1)},`
    return this.messages.all((text) => text.startsWith(prefix)).map((text) => JSON.parse(text.slice(2))[1])
  }

  pause() {
    this.socket.pause()
  }

  resume() {
    this.socket.resume()
  }

  close() {
    this.socket.destroy()
  }
}
