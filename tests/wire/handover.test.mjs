// Restarts while somebody else holds the listening socket: nobody is refused, and nothing is missed.

import assert from 'node:assert/strict'
import { join } from 'node:path'

import { io } from 'socket.io-client'

import { ROOT, reservedPort } from '../common/daemon.mjs'
import { chat, pause, pluck, range, until } from '../common/harness.mjs'
import { POLL, request } from '../common/raw.mjs'

const RESTARTS = 3
const PER_ROUND = 150
const kept = async () => {
  const port = await reservedPort()
  return { listens: false, wrap: ['python3', join(ROOT, 'tests/common/keep.py'), `127.0.0.1:${port}`, '--'] }
}

/** A device that comes back by itself, and asks for what it missed. */
function returning(scene, user, room, transports) {
  const device = { seqs: [], epoch: null, refused: [], connects: 0 }
  const token = scene.daemon.token(user)
  const resume = () => (device.epoch ? { epoch: device.epoch, conversations: { [room]: device.seqs.at(-1) ?? 0 } } : undefined)
  device.socket = io(scene.daemon.url, {
    transports,
    forceNew: true,
    auth: (hand) => hand({ token, resume: resume() }),
    reconnectionDelay: 20,
    reconnectionDelayMax: 100,
  })
  device.socket.on('connected', ({ epoch, resumed }) => {
    device.connects += 1
    device.epoch = epoch
    for (const { status, messages } of Object.values(resumed ?? {})) {
      assert.equal(status, 'complete')
      device.seqs.push(...pluck(messages, 'seq'))
    }
  })
  device.socket.on('connect_error', (error) => device.refused.push(error.message))
  device.socket.on('message:new', ({ seq }) => device.seqs.push(seq))
  return device
}

chat('a restart behind a socket that is kept refuses nobody', { ...(await kept()), timeout: 120_000 }, async (scene, t) => {
  const host = await scene.connect('host')
  const users = range(1, 20).map((n) => `user-${n}`)
  const { conversation } = await host.ok('conversation:create', { type: 'group', title: 'room', members: users })
  host.close()
  const room = conversation.id
  const devices = users.map((user, n) => returning(scene, user, room, n % 4 === 0 ? ['polling'] : ['websocket']))
  const sender = returning(scene, 'host', room, ['websocket'])
  await until(() => [...devices, sender].every(({ connects }) => connects === 1), 'all to be connected')

  let over = false
  let sent = 0
  let round = 1
  const sending = (async () => {
    while (!over) {
      // No more than one greeting carries.
      if (sent >= round * PER_ROUND) {
        await pause(5)
        continue
      }
      const message = { conversationId: room, content: `message ${sent}`, clientId: `n${sent}` }
      const answer = await sender.socket.timeout(2_000).emitWithAck('message:send', message).catch(() => ({ ok: false }))
      if (answer.ok) sent += 1
    }
  })()
  const answers = { health: new Set(), session: new Set() }
  const probe = async (kind, path) => {
    while (!over) answers[kind].add(await request(scene.daemon, path).then(({ status }) => status, (error) => error.code))
  }
  const probing = [probe('health', '/api/socket/health'), probe('session', POLL)]
  t.after(() => {
    over = true
    for (const { socket } of [...devices, sender]) socket.close()
  })

  for (let n = 2; n <= RESTARTS + 1; n += 1) {
    await until(() => sent > (round - 0.8) * PER_ROUND, 'messages to flow')
    scene.daemon.kill('SIGUSR1')
    await scene.daemon.logged('stopped')
    await scene.daemon.logged('ready')
    await until(() => [...devices, sender].every(({ connects }) => connects >= n), 'all to be back')
    round += 1
  }
  over = true
  await Promise.all([sending, ...probing])
  await until(() => devices.every(({ seqs }) => seqs.at(-1) >= sent), 'the last message')

  for (const { refused } of [...devices, sender]) assert.deepEqual(refused, [])
  assert.deepEqual(answers, { health: new Set([200]), session: new Set([200]) })
  for (const { seqs } of devices) assert.deepEqual(seqs, range(1, seqs.length))
})
