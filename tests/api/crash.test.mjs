// The daemon is killed while it carries out requests: under an Idempotency-Key nothing is done twice, and nothing is lost.

import assert from 'node:assert/strict'

import { API, Api } from '../common/api.mjs'
import { chat, pluck, range } from '../common/harness.mjs'

const ROUNDS = 6
const AT_ONCE = 40

chat('a kill in the midst has nothing done twice under an Idempotency-Key', { config: API, comesBack: true }, async ({ daemon }) => {
  const ask = (message) => new Api(daemon).request('POST', '/users/ann/notifications', { message }, { 'idempotency-key': message })
  for (const round of range(1, ROUNDS)) {
    const messages = range(1, AT_ONCE).map((n) => `entry-${round}-${n}`)
    let answered = 0
    let halfway
    const half = new Promise((resolve) => (halfway = resolve))
    const first = messages.map(async (message) => {
      const answer = await ask(message).catch(() => undefined)
      if ((answered += 1) === round * 3) halfway()
      return answer
    })
    await half
    await daemon.crash()
    const before = await Promise.all(first)
    await daemon.start()
    for (const [index, message] of messages.entries()) {
      const { status, body } = await ask(message)
      if (before[index]?.status === 201) assert.deepEqual([status, body], [201, before[index].body])
      else if (status !== 201) assert.deepEqual([status, body.code], [409, 'CONFLICT'], body.detail)
    }
    const { notifications } = await new Api(daemon).ok('GET', '/users/ann/notifications?limit=200')
    const kept = pluck(notifications, 'message').filter((message) => message.startsWith(`entry-${round}-`))
    assert.deepEqual(kept.sort(), messages.sort())
  }
})
