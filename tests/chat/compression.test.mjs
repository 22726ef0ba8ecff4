// permessage-deflate between the stock client, clients by hand, and everybody who hears the same broadcast.

import assert from 'node:assert/strict'

import { chat, within, words } from '../common/harness.mjs'
import { COMPRESSED, OPCODE, PollingSession, deflated, frame } from '../common/raw.mjs'

const offer = (text = 'permessage-deflate; client_max_window_bits') => ({ headers: { 'Sec-WebSocket-Extensions': text } })
const AGREED = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'

/** Text of so many bytes that nobody could have guessed, and that compresses as chat does. */
function prose(bytes) {
  const list = []
  for (let n = 0; list.join(' ').length < bytes; n += 1) list.push(words(['a word', 'lunch', 'Grüße', 'the server'][n % 4]))
  return list.join(' ').slice(0, bytes)
}

const bytesRead = (client) => client.socket.io.engine.transport.ws._socket.bytesRead
const extensions = (client) => client.socket.io.engine.transport.ws.extensions

for (const transport of ['websocket', 'upgrade']) {
  chat(`the stock client agrees on compression, and large messages shrink both ways: ${transport}`, async (scene) => {
    const [ann, bob] = await Promise.all(['ann', 'bob'].map((user) => scene.connect(user, { transport })))
    assert.equal(extensions(ann), 'permessage-deflate')
    const room = await scene.create(ann, [bob])
    for (const bytes of [1, 1_000, 1_024, 5_000, 40_000]) {
      const content = prose(bytes)
      const before = [bytesRead(ann), bytesRead(bob)]
      await ann.say(room, content)
      assert.equal((await bob.next('message:new', (message) => message.content === content)).content, content)
      if (bytes < 5_000) continue
      assert.ok(bytesRead(bob) - before[1] < bytes / 2, `${bytesRead(bob) - before[1]} bytes of ${bytes} reached bob`)
      assert.ok(bytesRead(ann) - before[0] < bytes / 2, 'its acknowledgement as well')
    }
    assert.equal((await bob.history(room)).length, 5)
  })
}

chat('the first offer that holds is accepted, on new connections and on upgrades', async (scene) => {
  const answers = {
    'permessage-deflate': AGREED,
    'permessage-deflate; client_max_window_bits': AGREED,
    'permessage-deflate; server_max_window_bits=12; client_max_window_bits=12': `${AGREED}; server_max_window_bits=12`,
    'permessage-deflate; server_max_window_bits=16, permessage-deflate': AGREED,
    'permessage-deflate; unheard_of': null,
    'bbf-usp-protocol': null,
  }
  for (const [asked, answer] of Object.entries(answers)) {
    assert.equal((await scene.raw('ann', offer(asked))).extensions, answer, asked)
  }
  const { sid } = await PollingSession.connect(scene.daemon, 'bob')
  const upgrade = await scene.rawUnknown({ query: `EIO=4&transport=websocket&sid=${sid}`, ...offer() })
  assert.equal(upgrade.extensions, AGREED)
})

chat('one broadcast reaches every window and none, compressed or not', async (scene) => {
  const ann = await scene.connect('ann')
  const windows = [null, 8, 9, 10, 12, 14, 15]
  const raws = await Promise.all(
    windows.map((bits, n) => scene.raw(`user-${n}`, bits ? offer(`permessage-deflate; server_max_window_bits=${bits}`) : {})),
  )
  const { conversation } = await ann.ok('conversation:create', { type: 'group', members: windows.map((_, n) => `user-${n}`) })
  for (const raw of raws) await raw.next((text) => text.startsWith('42["conversation:updated"'), 'the conversation')
  // What repeats itself over a distance that only the widest window reaches: a stream made for another would not inflate.
  const long = prose(30_000)
  for (const content of [prose(1_500), prose(3_000), long + long]) {
    const sent = await ann.say(conversation.id, content)
    for (const [n, raw] of raws.entries()) {
      await raw.next((text) => text.includes(sent.id), 'the message')
      assert.equal(raw.got('message:new').at(-1).content, content, `window ${windows[n]}`)
    }
  }
  const counts = raws.map((raw) => raw.compressed.length)
  // No compressor has a window of 256 bytes: whoever asks for one gets plain frames.
  assert.deepEqual(counts.map((count) => count >= 3), [false, false, true, true, true, true, true], `${counts}`)
  const sizes = raws.slice(2).map((raw) => raw.compressed.at(-1))
  assert.ok(sizes.slice(0, -1).every((size) => size > sizes.at(-1) * 1.5), `only the widest window reaches back: ${sizes}`)
})

chat('only messages of the threshold are compressed, and a reload changes that at once', async (scene) => {
  const [ann, raw] = [await scene.connect('ann'), await scene.raw('bob', offer())]
  const { conversation } = await ann.ok('conversation:create', { type: 'group', members: ['bob'] })
  const hears = async (bytes) => {
    const before = raw.compressed.length
    const sent = await ann.say(conversation.id, prose(bytes))
    await raw.next((text) => text.startsWith('42["message:new"') && text.includes(sent.id), 'the message')
    return raw.compressed.length - before > 0
  }
  await hears(10) // The way to this connection goes by the library for the first packet.
  assert.deepEqual([await hears(600), await hears(1_024)], [false, true])
  await scene.daemon.reload({ compression: { threshold: '300B', level: 9 } })
  assert.deepEqual([await hears(10), await hears(600)], [false, true])
  await scene.daemon.reload({ compression: { enabled: false } })
  assert.equal(await hears(5_000), false)
  assert.equal((await scene.raw('bob', offer())).extensions, null)
  // What a client sends is inflated all the same: it was agreed on.
  raw.write(frame(OPCODE.text, deflated('427["conversation:list",{}]'), { rsv: COMPRESSED }))
  assert.equal((await raw.ack(7)).ok, true)
  await scene.daemon.reload({ compression: { enabled: true, websocket: false } })
  assert.equal((await scene.raw('bob', offer())).extensions, null)
  await scene.daemon.reload({ compression: { websocket: true } })
  assert.equal((await scene.raw('bob', offer())).extensions, AGREED)
  assert.equal(await hears(600), true)
})

chat('an answer that the library carries is compressed as well', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  for (let n = 0; n < 10; n += 1) await ann.say(room, prose(3_000))
  const resume = { epoch: ann.connected.epoch, conversations: { [room]: 0 } }
  const again = await scene.raw('bob', { ...offer(), auth: { resume } })
  const greeting = JSON.parse((await again.next((text) => text.startsWith('42["connected"'), 'the greeting')).slice(2))[1]
  assert.equal(greeting.resumed[room].messages.length, 10)
  assert.ok(again.compressed.length >= 1 && again.bytes < 20_000, `${again.bytes} bytes`)
})

chat('bombs cost their own connection and little memory', async (scene) => {
  const ann = await scene.connect('ann')
  const before = scene.daemon.memoryKib()
  const bomb = frame(OPCODE.text, deflated(Buffer.alloc(64 * 1024 * 1024, '2')), { rsv: COMPRESSED })
  assert.ok(bomb.length < 100_000)
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      const raw = await scene.raw('bob', offer())
      raw.write(bomb)
      await within(10_000, raw.closed, 'the end of the connection')
      assert.equal(raw.closeCode, 1009)
    }),
  )
  const grown = scene.daemon.memoryKib() - before
  assert.ok(grown < 60_000, `${grown} KiB`)
  await scene.create(ann)
})

chat('small messages that inflate to large ones come one after the other', async (scene) => {
  const raw = await scene.raw('ann', offer())
  const before = scene.daemon.memoryKib()
  const large = frame(OPCODE.text, deflated(`42["typing:stop",{"x":"${'y'.repeat(1_000_000)}"}]`), { rsv: COMPRESSED })
  assert.ok(large.length < 1_200)
  raw.write(Buffer.concat([...Array.from({ length: 200 }, () => large), frame(OPCODE.text, '429["conversation:list",{}]')]))
  // Answered, or cut off as the flood that it is.
  await within(30_000, Promise.race([raw.closed, raw.ack(9).catch(() => raw.closed)]), 'an end')
  const grown = scene.daemon.memoryKib('VmHWM') - before
  assert.ok(grown < 60_000, `${grown} KiB at the peak, for 200 MB`)
})
