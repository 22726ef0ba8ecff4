// When there are no more descriptors: who is connected chats on, who comes is told or waits, and comes in when there is room.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import net from 'node:net'

import { chat, pause, range, until, within, words } from '../common/harness.mjs'
import { request } from '../common/raw.mjs'

const HEALTH = '/api/socket/health'
const lines = ({ log }, pattern) => log.all(({ message }) => pattern.test(message))

/** Connections that say nothing. */
function crowd(daemon, count) {
  return range(1, count).map(() => {
    const socket = net.connect(daemon.port, '127.0.0.1')
    socket.on('error', () => {}) // Being refused is the point.
    return socket
  })
}

/** A filled daemon's users talk as before. */
async function talk(scene, ann, bob, room) {
  for (let n = 0; n < 20; n += 1) await ann.say(room, words())
  await scene.fence(ann, room, bob)
}

const PLACES = 100

chat('a daemon that is full: those who are in chat on, and others come in when there is room', { wrap: ['prlimit', `--nofile=${2 * PLACES}:${2 * PLACES}`], config: { transports: { header_timeout: '60s' } } }, async (scene) => {
  const { daemon } = scene
  assert.equal(lines(daemon, /limit of open files is too low/).length, 1)
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const sockets = crowd(daemon, 4 * PLACES)
  const { status, body } = await until(() => request(daemon, HEALTH).then((answer) => answer.status === 503 && answer, () => null), 'the daemon to be full')
  assert.deepEqual([status, JSON.parse(body).code], [503, 'TOO_MANY_CONNECTIONS'])
  await talk(scene, ann, bob, room)
  assert.equal(lines(daemon, /connections are refused/).length, 1, 'the log is told once')

  sockets.forEach((socket) => socket.destroy())
  await until(() => request(daemon, HEALTH).then(({ status }) => status === 200, () => false), 'room')
  const cyd = await scene.connect('cyd')
  await scene.create(cyd)
  await talk(scene, ann, bob, room)
})

/** Sets the limit of open files of a daemon that runs. */
const limit = ({ pid }, count) => execFileSync('prlimit', ['--pid', String(pid), `--nofile=${count}:`])

chat('no descriptor is left at all: nothing ends, and who waits comes in when there is one', async (scene) => {
  const { daemon } = scene
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await talk(scene, ann, bob, room)
  limit(daemon, readdirSync(`/proc/${daemon.pid}/fd`).length)

  const waiting = range(1, 20).map(() => request(daemon, HEALTH))
  await daemon.logged('connections cannot be accepted, waiting for resources')
  const cpu = () => readFileSync(`/proc/${daemon.pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13).reduce((sum, ticks) => sum + Number(ticks), 0)
  const before = cpu()
  await talk(scene, ann, bob, room)
  await pause(1_000)
  assert.ok(cpu() - before < 80, `${cpu() - before} ticks of CPU time while it waits`)

  limit(daemon, 1_000)
  const answers = await within(10_000, Promise.all(waiting), 'those who waited')
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
  await daemon.logged('connections are accepted again')
  assert.equal(lines(daemon, /connections cannot be accepted/).length, 1, 'the log is told once')
  await scene.connect('cyd')
})

chat('the limit of open files is raised as far as it goes', { wrap: ['prlimit', '--nofile=64:4096'], config: { limits: { connections: 3_000 } } }, async ({ daemon }) => {
  const [, soft, hard] = /^Max open files +(\d+) +(\d+)/m.exec(readFileSync(`/proc/${daemon.pid}/limits`, 'utf8'))
  assert.deepEqual([soft, hard], ['4096', '4096'])
  assert.deepEqual(lines(daemon, /open files/), [])
})
