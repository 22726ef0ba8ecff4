// Long conversations: only a stretch of them is on the screen, and the reader keeps their place in it.

import assert from 'node:assert/strict'

import { until } from '../common/harness.mjs'
import { page } from '../common/visitor.mjs'

const COUNT = 3_000

/** A lobby with many messages, the last `unread` of which came after `reader` had read. */
async function longLobby(scene, reader, unread) {
  const host = await scene.connect('host')
  const lobby = { conversationId: 'lobby' }
  await host.ok('conversation:create', { id: 'lobby', type: 'channel', title: 'Lobby' })
  const other = await scene.connect(reader)
  await other.ok('conversation:join', lobby)
  const talk = async (from, to) => {
    for (let n = from; n <= to; n += 1) host.cast('message:send', { ...lobby, content: `number ${n}.` })
    await until(async () => (await host.history('lobby', { limit: 1 }))[0]?.seq === to, 'all of it to be stored')
  }
  await talk(1, COUNT - unread)
  const [last] = await host.history('lobby', { limit: 1 })
  await other.ok('message:read', { messageId: last.id })
  await talk(COUNT - unread + 1, COUNT)
  return host
}

const rows = (visitor) => visitor.find('#log > *').count()
const numbers = async (visitor) => (await visitor.find('.message .content').allTextContents()).flatMap((text) => Number(text.match(/number (\d+)/)?.[1] ?? []))

/** In the page: where a message is, after scrolling if asked to. */
function placeOf(log, { text, scrollTop = log.scrollTop }) {
  log.scrollTop = scrollTop
  return [...log.querySelectorAll('.content')].find((content) => content.textContent === text).getBoundingClientRect().top
}

page('thousands of messages, a stretch at a time', { timeout: 90_000 }, async (scene, visit) => {
  await longLobby(scene, 'ann', 0)
  const ann = await visit('Ann')
  await ann.message(`number ${COUNT}.`).waitFor()
  assert.ok((await rows(ann)) < 80, 'a first page')

  // Up: older ones come in above, and what is looked at stays where it is.
  const log = ann.find('#log')
  for (let loaded = COUNT; loaded > COUNT - 400; ) {
    const [before] = await numbers(ann)
    const top = await log.evaluate(placeOf, { text: `number ${before}.`, scrollTop: 0 })
    await until(async () => ((await numbers(ann))[0] ?? before) < before, 'older messages to come')
    const moved = Math.abs((await log.evaluate(placeOf, { text: `number ${before}.` })) - top)
    assert.ok(moved < 60, `number ${before} moved by ${moved} px`)
    ;[loaded] = await numbers(ann)
  }
  assert.ok((await rows(ann)) < 300, `${await rows(ann)} rows`)
  const there = await numbers(ann)
  assert.deepEqual(there, Array.from({ length: there.length }, (_, at) => there[0] + at), 'no gap')
  assert.ok(there.at(-1) < COUNT, 'the end has gone out below')

  // Down again by scrolling.
  const last = there.at(-1)
  await until(async () => {
    await log.evaluate((node) => (node.scrollTop = node.scrollHeight))
    return (await numbers(ann)).at(-1) > last
  }, 'newer messages to come')
  await ann.page.getByRole('button', { name: 'Jump to latest' }).click()
  await ann.message(`number ${COUNT}.`).waitFor()
  await ann.find('#latest').waitFor({ state: 'hidden' })
})

page('where one stopped reading, and the days', async (scene, visit) => {
  const host = await longLobby(scene, 'ann', 40)
  // A reader of tomorrow.
  const ann = await visit('Ann', { clock: new Date(Date.now() + 86_400_000) })
  await ann.row('Lobby').waitFor()
  await ann.sees('.unread-line')
  const next = ann.find('.unread-line + .message .content')
  assert.match(await next.textContent(), new RegExp(`number ${COUNT - 39}\\.`))
  await ann.find('.day', { hasText: 'Yesterday' }).waitFor()
  const line = await ann.find('.unread-line').boundingBox()
  assert.ok(line.y > 65 && line.y < 735, `the line is in sight, at ${line.y}`)

  // Whoever reads further up is not dragged to the end by what comes.
  await ann.find('#log').evaluate((node) => (node.scrollTop -= 500))
  const place = () => ann.find('#log').evaluate((node) => node.scrollTop)
  await until(async () => (await ann.find('#latest').isVisible()), 'the way to the end to be offered')
  const before = await place()
  await host.say('lobby', 'and one more')
  await ann.find('.conversation-preview', { hasText: 'and one more' }).waitFor()
  assert.ok(Math.abs((await place()) - before) < 5)
})
