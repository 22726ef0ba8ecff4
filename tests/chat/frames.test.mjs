// The rules of WebSocket (RFC 6455) and permessage-deflate (RFC 7692), case by case: what keeps a connection, and with
// which code it is closed where it does not.

import assert from 'node:assert/strict'

import { chat, within } from '../common/harness.mjs'
import { COMPRESSED, OPCODE, deflated, frame } from '../common/raw.mjs'

const { continuation, text, binary, close, ping, pong } = OPCODE
const OFFER = { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } }
const LIMIT = 4096
const MALFORMED = Buffer.from([0x34, 0x32, 0xff, 0xfe])

/** Asks for something over the connection, in frames that the case makes of it. */
const ASK = '427["conversation:list",{}]'
const LONG_ASK = `427["conversation:list",{}${' '.repeat(300)}]`

const part = (opcode, payload, options) => frame(opcode, payload, { fin: false, ...options })
const squeezed = (payload, options) => frame(text, deflated(payload), { rsv: COMPRESSED, ...options })
const closing = (code, reason = '') => frame(close, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]))
/** A frame whose length is written in `bytes` bytes, however small it is. */
function written(bytes, payload, length = payload.length) {
  const wide = Buffer.alloc(8)
  wide.writeBigUInt64BE(BigInt(length))
  return Buffer.concat([Buffer.from([0x81, 0x80 | (bytes === 2 ? 126 : 127)]), wide.subarray(8 - bytes), Buffer.alloc(4), Buffer.from(payload)])
}
const halves = (payload) => {
  const bytes = Buffer.from(payload)
  return [bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)]
}
const [left, right] = halves(ASK)
const [squeezedLeft, squeezedRight] = halves(deflated(ASK))
/** An event of so many bytes that is answered, `INVALID` or not. */
const sized = (bytes) => `427["conversation:list",{"x":"${'y'.repeat(bytes - 33)}"}]`

const GRANTED = {
  'a text': [frame(text, ASK)],
  'a text with a length of 16 bits': [frame(text, LONG_ASK)],
  'a message of the limit': [frame(text, sized(LIMIT))],
  'two fragments': [part(text, left), frame(continuation, right)],
  'a fragment for each byte': [part(text, ''), ...Array.from(ASK, (byte) => part(continuation, byte)), frame(continuation, '')],
  'a ping between fragments': [part(text, left), frame(ping, 'between'), frame(continuation, right)],
  'a pong that nobody asked for': [part(text, left), frame(pong, 'between'), frame(continuation, right)],
  'a ping of 125 bytes': [frame(ping, 'x'.repeat(125)), frame(text, ASK)],
  'a ping of nothing': [frame(ping, ''), frame(text, ASK)],
  'a ping of what is no UTF-8': [frame(ping, MALFORMED), frame(text, ASK)],
  'a character over two fragments': [part(text, Buffer.from('427["conversation:list",{"ü":1}]').subarray(0, 27)), frame(continuation, Buffer.from('427["conversation:list",{"ü":1}]').subarray(27))],
  'a compressed text': [squeezed(ASK)],
  'a compressed text without compression': [frame(text, deflated(ASK, { level: 0 }), { rsv: COMPRESSED })],
  'a compressed text in two fragments': [part(text, squeezedLeft, { rsv: COMPRESSED }), frame(continuation, squeezedRight)],
  'a ping between compressed fragments': [part(text, squeezedLeft, { rsv: COMPRESSED }), frame(ping, 'between'), frame(continuation, squeezedRight)],
  'an empty fragment behind a compressed one': [part(text, deflated(ASK), { rsv: COMPRESSED }), frame(continuation, '')],
  'a plain text between compressed ones': [squeezed('3'), frame(text, '3'), squeezed(ASK)],
  'a compressed message of the limit': [squeezed(sized(LIMIT))],
}

const REFUSED = {
  'not masked': [1002, frame(text, ASK, { mask: false })],
  'a control frame that is not masked': [1002, frame(ping, '', { mask: false })],
  'the first reserved bit on a ping': [1002, frame(ping, '', { rsv: 4 })],
  'the first reserved bit on a close': [1002, frame(close, '', { rsv: 4 })],
  'the first reserved bit on a continuation': [1002, part(text, squeezedLeft, { rsv: 4 }), frame(continuation, squeezedRight, { rsv: 4 })],
  'the first reserved bit on the continuation of a plain text': [1002, part(text, left), frame(continuation, right, { rsv: 4 })],
  'the second reserved bit': [1002, frame(text, ASK, { rsv: 2 })],
  'the third reserved bit': [1002, frame(text, ASK, { rsv: 1 })],
  'all reserved bits': [1002, frame(text, deflated(ASK), { rsv: 7 })],
  'a reserved bit between fragments': [1002, part(text, left), frame(ping, '', { rsv: 2 })],
  ...Object.fromEntries([3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => [`opcode ${opcode}`, [1002, frame(opcode, 'x')]])),
  'an unknown opcode between fragments': [1002, part(text, left), frame(3, '')],
  'a fragmented ping': [1002, part(ping, 'x')],
  'a fragmented pong': [1002, part(pong, 'x')],
  'a fragmented close': [1002, part(close, '')],
  'a ping of 126 bytes': [1002, frame(ping, 'x'.repeat(126))],
  'a close of 126 bytes': [1002, closing(1000, 'x'.repeat(124))],
  'a ping that claims to be huge': [1002, frame(ping, '', { claimedLength: 2 ** 40 })],
  'a continuation of nothing': [1002, frame(continuation, ASK)],
  'a continuation behind the last': [1002, part(text, left), frame(continuation, right), frame(continuation, 'more')],
  'a text within a text': [1002, part(text, left), frame(text, right)],
  'a binary message within a text': [1002, part(text, left), frame(binary, right)],
  'a length of 5 in 16 bits': [1002, written(2, '42["x')],
  'a length of 300 in 64 bits': [1002, written(8, LONG_ASK)],
  'a length with its highest bit': [1002, written(8, ASK, 2n ** 63n + 5n)],
  'a close of one byte': [1002, frame(close, 'x')],
  ...Object.fromEntries([0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map((code) => [`close code ${code}`, [1002, closing(code)]])),
  'a text that is no UTF-8': [1007, frame(text, MALFORMED)],
  'a text that is no UTF-8 and has not ended': [1007, part(text, MALFORMED)],
  'a text that ends within a character': [1007, frame(text, Buffer.from('42["ü').subarray(0, -1))],
  'an encoded surrogate': [1007, frame(text, Buffer.from([0x34, 0xed, 0xa0, 0x80]))],
  'a character in too many bytes': [1007, frame(text, Buffer.from([0x34, 0xc0, 0xaf]))],
  'a character beyond the last': [1007, frame(text, Buffer.from([0x34, 0xf4, 0x90, 0x80, 0x80]))],
  'a fragment that breaks a character of the one before': [1007, part(text, Buffer.from([0x34, 0xe2, 0x82])), part(continuation, '(')],
  'a reason that is no UTF-8': [1007, closing(1000, MALFORMED)],
  'a reason that ends within a character': [1007, closing(1000, Buffer.from([0xe2, 0x82]))],
  'a compressed text that is no UTF-8': [1007, squeezed(MALFORMED)],
  'what cannot be decompressed': [1007, frame(text, Buffer.alloc(20, 0xff), { rsv: COMPRESSED })],
  'a message over the limit': [1009, frame(text, sized(LIMIT + 1))],
  'fragments over the limit': [1009, part(text, 'x'.repeat(LIMIT)), frame(continuation, 'x')],
  'the claim of a message over the limit': [1009, frame(text, '42["', { claimedLength: LIMIT + 1 })],
  'the claim of a huge message': [1009, frame(binary, '', { claimedLength: Number.MAX_SAFE_INTEGER })],
  'a compressed message over the limit': [1009, squeezed(sized(LIMIT + 1))],
  'a compressed message over the limit before it is inflated': [1009, frame(binary, '', { rsv: COMPRESSED, claimedLength: LIMIT + 1 })],
  'a compressed message that is a bomb': [1009, frame(binary, deflated(Buffer.alloc(2 ** 20)), { rsv: COMPRESSED })],
}

const CLOSED = {
  'a close without a code': [1005, frame(close, '')],
  ...Object.fromEntries([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999].map((code) => [`close code ${code}`, [code, closing(code, 'Grüße')]])),
  'a close between fragments': [1000, part(text, left), closing(1000)],
  'a close with a reason of 123 bytes': [1000, closing(1000, 'x'.repeat(123))],
}

const options = { config: { limits: { max_payload: '4KiB' }, messages: { max_content: '1KiB' } } }

chat('frames that hold to the rules are taken, in reads of any size', options, async (scene, t) => {
  const raw = await scene.raw('ann', OFFER)
  for (const [why, frames] of Object.entries(GRANTED)) {
    await t.test(why, async () => {
      raw.write(Buffer.concat(frames))
      assert.notEqual(await raw.ack(7), undefined)
      const pings = frames.filter((bytes) => (bytes[0] & 0x0f) === ping).length
      for (let n = 0; n < pings; n += 1) await raw.pongs.next(() => true, 'a pong')
      if (pings > 0 && why.includes('between')) assert.equal(raw.pongs.all().at(-1), 'between')
      // Byte by byte, which the loopback delivers in reads of a few bytes.
      for (const byte of Buffer.concat(frames)) raw.write(Buffer.from([byte]))
      assert.notEqual(await raw.ack(7), undefined)
    })
  }
  assert.deepEqual(raw.pongs.untaken().length, GRANTED_PINGS)
})

/** Pings of the second round, byte by byte, which nobody waited for. */
const GRANTED_PINGS = Object.values(GRANTED).flat().filter((bytes) => (bytes[0] & 0x0f) === ping).length

chat('frames that break the rules end their connection with a code that says why', options, async (scene, t) => {
  const ann = await scene.connect('ann')
  for (const [why, [code, ...frames]] of Object.entries(REFUSED)) {
    await t.test(why, async () => {
      const raw = await scene.raw('bob', OFFER)
      raw.write(Buffer.concat([...frames, frame(text, ASK)]))
      await within(5_000, raw.closed, 'the end of the connection')
      assert.equal(raw.closeCode, code, `closed with ${raw.closeCode} ${raw.closeReason}`)
      assert.notEqual(raw.closeReason, '')
      assert.deepEqual(raw.messages.all((packet) => packet.startsWith('437')), [])
    })
  }
  await scene.create(ann)
})

chat('a close is answered with its own code, and nothing behind it counts', options, async (scene, t) => {
  for (const [why, [code, ...frames]] of Object.entries(CLOSED)) {
    await t.test(why, async () => {
      const raw = await scene.raw('ann')
      raw.write(Buffer.concat([...frames, frame(text, ASK), frame(text, MALFORMED)]))
      await within(5_000, raw.closed, 'the end of the connection')
      assert.equal(raw.closeCode, code)
      assert.deepEqual(raw.messages.all((packet) => packet.startsWith('437')), [])
    })
  }
})

chat('without an agreement a compressed message breaks the rules', async (scene) => {
  const raw = await scene.raw('ann')
  assert.equal(raw.extensions, null)
  raw.write(squeezed(ASK))
  await within(5_000, raw.closed, 'the end of the connection')
  assert.equal(raw.closeCode, 1002)
})

chat('noise ends its connection and nothing else', async (scene) => {
  const ann = await scene.connect('ann')
  const raw = await scene.raw('bob', OFFER)
  raw.write(Buffer.from(Array.from({ length: 500 }, (_, i) => (i * 167 + 43) & 0xff)))
  await within(5_000, raw.closed, 'the end of the connection')
  assert.equal(raw.closeCode, 1002)
  await scene.create(ann)
})
