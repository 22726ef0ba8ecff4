// The daemon is killed while it erases a person, or takes away what is too old: what is left is sound, and doing it again ends it.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'

import { chatctl } from '../common/ctl.mjs'
import { chat, pause, range } from '../common/harness.mjs'

const MESSAGES = 400

/** Runs chatctl and kills the daemon `ms` later. */
async function killedIn(scene, ms, ...args) {
  const child = spawn(chatctl(), ['--socket', scene.daemon.adminSocket, ...args], { stdio: 'ignore' })
  const ended = new Promise((resolve) => child.on('exit', resolve))
  await pause(ms)
  await scene.daemon.crash()
  const status = await ended
  await scene.daemon.start()
  return status
}

chat('a kill in the midst of an erasure leaves a sound half, and it can be ended', { comesBack: true, timeout: 120_000 }, async (scene) => {
  const { operator } = scene
  for (const [round, ms] of [8, 16, 24, 32, 48].entries()) {
    const [name, other] = [`ann-${round}`, `bob-${round}`]
    const [ann, bob] = await scene.users(name, other)
    const room = await scene.create(ann, [bob])
    await Promise.all(range(1, MESSAGES).map((n) => ann.say(room, `${n}`)))
    await bob.say(room, 'an answer')
    for (const device of [ann, bob]) device.close()
    await killedIn(scene, ms, 'user', 'delete', name, '--yes')
    assert.match(await operator.ok('store', 'check'), /sound/)
    const again = await scene.connect(other)
    const half = await again.everything(room)
    assert.deepEqual(half.map(({ seq }) => seq), range(1, MESSAGES + 1), 'order without a gap')
    // It may have been done before the kill.
    const { status, stderr } = await operator.run(['user', 'delete', name, '--yes'])
    assert.ok(status === 0 || status === 5, stderr)
    const left = await again.everything(room)
    assert.deepEqual(left.map(({ content }) => content), [...range(1, MESSAGES).map(() => null), 'an answer'])
    assert.match(await operator.fails(5, 'user', 'show', name), /no user/)
    const { members } = await operator.json('conversation', 'members', room)
    assert.deepEqual(members.map(({ userId }) => userId), [other])
    again.close()
  }
})

chat('a kill in the midst of pruning loses nothing that is young enough', { comesBack: true, timeout: 120_000, config: { messages: { retention: '2s' } } }, async (scene) => {
  const { operator } = scene
  for (const ms of [8, 16, 30]) {
    const ann = await scene.connect('ann')
    const room = await scene.create(ann)
    await Promise.all(range(1, MESSAGES).map((n) => ann.say(room, `old ${n}`)))
    await pause(2_100)
    const young = await ann.say(room, 'young')
    await killedIn(scene, ms, 'store', 'prune')
    assert.match(await operator.ok('store', 'check'), /sound/)
    const again = await scene.connect('ann')
    const left = await again.everything(room)
    assert.deepEqual(left.map(({ seq }) => seq), range(MESSAGES + 2 - left.length, MESSAGES + 1), 'the oldest went first')
    assert.ok(left.length === 0 || left.at(-1).id === young.id)
    await operator.ok('store', 'prune')
    again.close()
  }
})
