// kill -9 proves nothing about the disk: the kernel keeps what was written. So the system calls of the daemon are traced: of
// every message the write into the log of the database, the sync of that log, and the acknowledgement on the socket, which
// must come in this order.

import assert from 'node:assert/strict'
import { join } from 'node:path'

import { chat, range } from '../common/harness.mjs'
import { readTrace } from '../common/strace.mjs'

const CALLS = 'fsync,fdatasync,sync_file_range,write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendmmsg'

function traced(durability) {
  const options = { timeout: 120_000, config: { store: { durability } } }
  // -D: the daemon stays the child that is started here, strace looks on from beside.
  options.wrap = ['strace', '-D', '-f', '-yy', '-xx', '-s', '1000000', '-e', `trace=${CALLS}`, '-e', 'signal=none', '-o', 'trace']
  return options
}

/** Sends messages one by one and then many at once; resolves to what was acknowledged, by content. */
async function conversation(scene) {
  const [ann, bob] = [await scene.raw('ann'), await scene.raw('bob')]
  const created = await ann.ask('conversation:create', { type: 'group', members: ['bob'] }, 1)
  const room = created.conversation.id
  const markers = []
  const send = async (n) => {
    const content = `marker-${n}-${'m'.repeat(20)}`
    markers.push(content)
    const ack = await ann.ask('message:send', { conversationId: room, content }, 100 + n)
    assert.equal(ack.ok, true)
  }
  for (const n of range(1, 20)) await send(n)
  await Promise.all(range(21, 120).map(send))
  await bob.next((text) => text.startsWith('42["message:new"') && text.includes('"seq":120'))
  return { markers, ports: { ann: ann.socket.localPort, bob: bob.socket.localPort } }
}

async function analyse(scene, { markers, ports }) {
  const calls = await readTrace(join(scene.daemon.dir, 'trace'))
  const isWal = ({ target }) => target.endsWith('chatd.db-wal')
  const logged = calls.filter((call) => isWal(call) && /write/.test(call.name) && call.result > 0)
  const synced = calls.filter((call) => isWal(call) && /^f(data)?sync$/.test(call.name) && call.result === 0)
  const sentTo = (port) => calls.filter(({ target, name }) => target.startsWith('TCP') && target.includes(`->127.0.0.1:${port}]`) && /write|send/.test(name))
  return markers.map((marker) => {
    const write = logged.find(({ data }) => data.includes(marker))
    const sync = write && synced.find(({ began }) => began > write.ended)
    const ack = sentTo(ports.ann).find(({ data }) => data.includes('43') && data.includes(marker))
    const broadcast = sentTo(ports.bob).find(({ data }) => data.includes(marker))
    return { marker, write, sync, ack, broadcast }
  })
}

chat('the log of the database is synced before the acknowledgement of every message', traced('full'), async (scene) => {
  const spoken = await conversation(scene)
  scene.close()
  await scene.daemon.stop()
  const found = await analyse(scene, spoken)
  assert.equal(found.length, 120)
  for (const { marker, write, sync, ack, broadcast } of found) {
    assert.ok(write, `${marker} is written to the log`)
    assert.ok(sync, `${marker}: a sync of the log begins after it was written`)
    assert.ok(ack, `${marker}: the acknowledgement is seen on the socket`)
    assert.ok(broadcast, `${marker}: the broadcast is seen on the socket`)
    assert.ok(sync.ended < ack.began, `${marker}: synced (${sync.ended}) before acknowledged (${ack.began})`)
    assert.ok(sync.ended < broadcast.began, `${marker}: synced (${sync.ended}) before told to others (${broadcast.began})`)
  }
})

// The same measurement must be able to fail: without the promise the order is another.
chat('with durability "normal" no sync is waited for', traced('normal'), async (scene) => {
  const spoken = await conversation(scene)
  scene.close()
  await scene.daemon.stop()
  const found = await analyse(scene, spoken)
  const early = found.filter(({ write, sync, ack }) => write && ack && (!sync || ack.began < sync.ended))
  assert.ok(early.length > 100, `${early.length} of ${found.length} acknowledged before a sync`)
})
