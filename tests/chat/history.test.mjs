// `message:history`: any stretch of a conversation, ascending.

import assert from 'node:assert/strict'

import { chat, pluck, range, words } from '../common/harness.mjs'

async function filled(scene, count) {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  await Promise.all(range(1, count).map(() => ann.say(room, words())))
  const page = async (bounds) => {
    const { messages, hasMore } = await ann.ok('message:history', { conversationId: room, ...bounds })
    return { seqs: pluck(messages, 'seq'), hasMore }
  }
  return { ann, room, page }
}

chat('every stretch by its exclusive bounds', async (scene, t) => {
  const { page } = await filled(scene, 120)
  const cases = [
    [{}, range(71, 120), true],
    [{ limit: 10 }, range(111, 120), true],
    [{ limit: 200 }, range(1, 120), false],
    [{ limit: 120 }, range(1, 120), false],
    [{ limit: 119 }, range(2, 120), true],
    [{ before: 51 }, range(1, 50), false],
    [{ before: 52 }, range(2, 51), true],
    [{ before: 11, limit: 3 }, range(8, 10), true],
    [{ before: 4, limit: 3 }, range(1, 3), false],
    [{ before: 1 }, [], false],
    [{ before: 9_999, limit: 2 }, [119, 120], true],
    [{ after: 0 }, range(1, 50), true],
    [{ after: 0, limit: 1 }, [1], true],
    [{ after: 70 }, range(71, 120), false],
    [{ after: 69 }, range(70, 119), true],
    [{ after: 118 }, [119, 120], false],
    [{ after: 120 }, [], false],
    [{ after: 9_999 }, [], false],
    [{ after: 10, before: 15 }, range(11, 14), false],
    [{ after: 10, before: 11 }, [], false],
    [{ after: 15, before: 10 }, [], false],
    [{ after: 10, before: 100, limit: 5 }, range(95, 99), true],
  ]
  for (const [bounds, seqs, hasMore] of cases) {
    await t.test(JSON.stringify(bounds), async () => assert.deepEqual(await page(bounds), { seqs, hasMore }))
  }
})

chat('paging forwards and backwards meets every message once', async (scene) => {
  const { page } = await filled(scene, 95)
  const forwards = []
  for (let after = 0, more = true; more; ) {
    const { seqs, hasMore } = await page({ after, limit: 10 })
    forwards.push(...seqs)
    after = seqs.at(-1)
    more = hasMore
  }
  assert.deepEqual(forwards, range(1, 95))
  const backwards = []
  for (let before, more = true; more; ) {
    const { seqs, hasMore } = await page({ before, limit: 10 })
    backwards.unshift(...seqs)
    before = seqs[0]
    more = hasMore
  }
  assert.deepEqual(backwards, range(1, 95))
})

chat('an empty conversation has an empty history', async (scene) => {
  const { page } = await filled(scene, 0)
  for (const bounds of [{}, { after: 0 }, { before: 10 }]) assert.deepEqual(await page(bounds), { seqs: [], hasMore: false })
})

chat('the limit is up to 200, or what is configured', async (scene) => {
  const { ann, room } = await filled(scene, 1)
  const refused = async (limit) => {
    const { message } = await ann.fails('INVALID', 'message:history', { conversationId: room, limit })
    assert.match(message, /^limit: expected /)
  }
  for (const limit of [0, -1, 201, 1.5, '10']) await refused(limit)
  await scene.daemon.reload({ messages: { history_limit: 20 } })
  await ann.history(room, { limit: 20 })
  await refused(21)
})

chat('a long history of large messages comes in one piece or in pages, but comes', { timeout: 90_000 }, async (scene) => {
  const ann = await scene.connect('ann')
  const room = await scene.create(ann)
  const content = 'x'.repeat(60_000)
  for (let n = 0; n < 60; n += 1) await ann.say(room, content)
  const seqs = []
  for (let after = 0, more = true; more; ) {
    const { messages, hasMore } = await ann.ok('message:history', { conversationId: room, after, limit: 200 })
    assert.ok(messages.length > 0, 'every page brings something')
    assert.ok(messages.every((message) => message.content === content))
    seqs.push(...pluck(messages, 'seq'))
    after = seqs.at(-1)
    more = hasMore
  }
  assert.deepEqual(seqs, range(1, 60))
})

chat('history is for members', async (scene) => {
  const { room } = await filled(scene, 1)
  const eve = await scene.connect('eve')
  await eve.fails('NOT_FOUND', 'message:history', { conversationId: room })
  await eve.fails('NOT_FOUND', 'message:history', { conversationId: 'no such' })
})
