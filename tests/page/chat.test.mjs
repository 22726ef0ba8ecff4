// Two people and what they can do with each other.

import assert from 'node:assert/strict'

import { until, words } from '../common/harness.mjs'
import { page } from '../common/visitor.mjs'

page('two tabs talk without any set-up', async (scene, visit) => {
  const ann = await visit('Ann Lee')
  await ann.sees('.thread-title h1', { hasText: 'Lobby' })
  await ann.sees('.hint', { hasText: 'second tab' })
  const bob = await visit('Bob')
  await ann.sees('.notice', { hasText: 'Bob joined the lobby' })
  const hello = words('hello')
  await ann.say(hello)
  await bob.sees('.message', { hasText: hello })

  // Typing, by whom, until it is said.
  await bob.find('#text').pressSequentially('hi')
  await ann.sees('#typing', { hasText: 'Bob is typing…' })
  await ann.sees('.conversation-preview', { hasText: 'Bob is typing…' })
  const answer = words('hi')
  await bob.say(answer)
  await ann.sees('.message', { hasText: answer })
  await until(async () => (await ann.find('#typing').textContent()) === '', 'nobody to be typing')
  // Bob saw it, so Ann's mark tells of it.
  await ann.message(hello).locator('.mark.read').waitFor()
  assert.match(await ann.message(hello).locator('.mark').getAttribute('title'), /Read by Bob/)
})

page('a message is delivered when the other is here, and read when they look', async (scene, visit) => {
  const ann = await visit('Ann')
  await ann.start('Direct', '', 'Bob')
  await ann.sees('.thread-title h1', { hasText: 'Bob' })
  await ann.sees('.thread-title p', { hasText: 'offline' })
  const first = words('are you there?')
  await ann.say(first)
  await ann.message(first).locator('.mark.sent').waitFor()

  const bob = await visit('Bob')
  // What he says by coming in is said before her next message, so that hers is the latest.
  await bob.row('Lobby').filter({ hasText: 'You joined the lobby' }).first().waitFor()
  await ann.sees('.thread-title p', { hasText: 'online' })
  const second = words('hello?')
  await ann.say(second)
  await ann.message(second).locator('.mark.delivered').waitFor()
  const row = bob.row('Ann').first()
  await row.locator('.badge', { hasText: '2' }).waitFor()
  assert.ok((await row.textContent()).includes(second))
  // Latest first.
  assert.match(await bob.find('.conversation').first().textContent(), /Ann/)
  assert.match(await bob.page.title(), /^\(\d+\) chatd$/)
  await row.click()
  await bob.sees('.unread-line')
  await ann.message(second).locator('.mark.read').waitFor()
  await row.locator('.badge').waitFor({ state: 'detached' })

  // Presence, as the other one wants it to be seen.
  await bob.page.getByLabel('Your status').selectOption('busy')
  await ann.sees('.thread-title p', { hasText: 'busy' })
  await bob.page.getByLabel('Your status').selectOption('offline')
  await ann.sees('.thread-title p', { hasText: 'last seen' })
})

page('edit, delete, react, reply', async (scene, visit) => {
  const [ann, bob] = [await visit('Ann'), await visit('Bob')]
  const typo = words('helo')
  await ann.say(typo)
  await ann.message(typo).locator('.mark.delivered, .mark.read').waitFor()

  // The last own message by the arrow key; Escape leaves it as it was.
  const box = ann.page.getByLabel('Message', { exact: true })
  await box.press('ArrowUp')
  await ann.sees('#context', { hasText: 'Editing your message' })
  assert.equal(await box.inputValue(), typo)
  await box.press('Escape')
  assert.equal(await box.inputValue(), '')
  await box.press('ArrowUp')
  const right = words('hello')
  await ann.say(right)
  await bob.sees('.message', { hasText: `${right} (edited)` })
  await bob.seesNo('.message', { hasText: typo })

  await bob.act(right, 'React with 🎉')
  await ann.message(right).getByRole('button', { name: '🎉 1 by Bob' }).click()
  await bob.message(right).getByRole('button', { name: '🎉 2 by you, Ann' }).click()
  await ann.message(right).getByRole('button', { name: '🎉 1 by you', exact: true }).waitFor()

  await bob.act(right, 'Reply')
  await bob.sees('#context', { hasText: 'Replying to Ann' })
  const answer = words('answer')
  await bob.say(answer)
  const quote = ann.message(answer).locator('.quote')
  assert.match(await quote.textContent(), new RegExp(`Ann.*${right}`))
  await quote.click()
  await ann.sees('.message.lit', { hasText: right })

  await bob.message(right).hover()
  await bob.sees('.bar')
  assert.equal(await bob.message(right).getByLabel('Delete').count(), 0, 'of others only by moderators')
  await ann.act(answer, 'Delete')
  await ann.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  for (const visitor of [ann, bob]) await visitor.sees('.message .content.gone', { hasText: 'This message was deleted' })
})

page('groups, their members, and leaving', async (scene, visit) => {
  const [ann, bob] = [await visit('Ann'), await visit('Bob')]
  await ann.start('Group', 'Lunch', 'Bob, Cyd')
  await ann.sees('.thread-title p', { hasText: '3 members' })
  await bob.sees('.toast', { hasText: 'Ann added you to Lunch' })
  await bob.row('Lunch').waitFor()

  await ann.page.getByLabel('Members and details').click()
  const details = ann.page.getByLabel('Details', { exact: true })
  await details.locator('.person', { hasText: 'Bob' }).locator('.dot.online').waitFor()
  await details.locator('.person', { hasText: 'Cyd' }).locator('.dot.offline').waitFor()
  await details.getByLabel('Add people').fill('Dan')
  await details.getByRole('button', { name: 'Add', exact: true }).click()
  await details.locator('.person', { hasText: 'Dan' }).waitFor()
  await details.getByLabel('Remove Dan').click()
  await ann.page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await details.locator('.person', { hasText: 'Dan' }).waitFor({ state: 'detached' })

  await bob.go('Lunch')
  await bob.page.getByLabel('Members and details').click()
  await bob.page.getByRole('button', { name: 'Leave' }).waitFor()
  assert.equal(await bob.page.getByLabel('Add people').count(), 0, 'by moderators only')
  await bob.page.getByRole('button', { name: 'Leave' }).click()
  await bob.page.getByRole('dialog').getByRole('button', { name: 'Leave' }).click()
  await bob.row('Lunch').waitFor({ state: 'detached' })
  await details.locator('.person', { hasText: 'Bob' }).waitFor({ state: 'detached' })
  await details.getByRole('button', { name: 'Delete' }).click()
  await ann.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await ann.row('Lunch').waitFor({ state: 'detached' })
})

page('a channel is joined by its link', async (scene, visit) => {
  const ann = await visit('Ann')
  await ann.start('Channel', 'News', '')
  await ann.sees('.thread-title h1', { hasText: 'News' })
  const news = words('news')
  await ann.say(news)
  const bob = await visit('Bob', { path: `/${new URL(ann.page.url()).hash}` })
  await bob.sees('.message', { hasText: news })
  const eve = await visit('Eve', { path: '/#unknown' })
  await eve.sees('.toast.error', { hasText: 'No such conversation' })
})

page('search leads to the message', async (scene, visit) => {
  const host = await scene.connect('host')
  await host.ok('conversation:create', { id: 'lobby', type: 'channel', title: 'Lobby' })
  const wanted = words('the needle')
  for (let n = 1; n <= 400; n += 1) host.cast('message:send', { conversationId: 'lobby', content: n === 100 ? wanted : `hay ${n}` })
  await until(async () => (await host.history('lobby', { limit: 1 }))[0]?.seq === 400, 'all of it to be stored')
  const ann = await visit('Ann')
  await ann.sees('.notice', { hasText: 'Ann joined the lobby' })
  await ann.page.keyboard.press('Control+k')
  await ann.page.getByLabel('Search for').fill('needle')
  await ann.sees('.result mark', { hasText: 'needle' })
  await ann.page.keyboard.press('ArrowDown')
  await ann.page.keyboard.press('Enter')
  const found = await ann.sees('.message.lit', { hasText: wanted })
  await until(() => found.evaluate((row) => row === document.activeElement), 'the focus to be there')
  // From there back to the end.
  await ann.page.getByRole('button', { name: 'Jump to latest' }).click()
  await ann.sees('.notice', { hasText: 'Ann joined the lobby' })
  await ann.page.getByLabel('Search messages').click()
  await ann.page.getByLabel('Search for').fill('nowhere to be found')
  await ann.sees('dialog .fine', { hasText: 'Nothing was found.' })
})

page('mentions come to the inbox', async (scene, visit) => {
  const [ann, bob] = [await visit('Ann'), await visit('Bob')]
  await bob.start('Group', 'Elsewhere', 'Cyd')
  await bob.sees('.thread-title h1', { hasText: 'Elsewhere' })
  const call = words('@bob look here')
  await ann.say(call)
  await bob.sees('.toast', { hasText: 'Ann mentioned you' })
  await bob.page.getByLabel('Notifications, 1 unread').click()
  await bob.sees('.result.unread', { hasText: call })
  await bob.page.getByRole('dialog').getByRole('button', { name: call }).click()
  await bob.sees('.thread-title h1', { hasText: 'Lobby' })
  const found = await bob.sees('.message.lit', { hasText: call })
  await found.locator('.mention.me', { hasText: '@bob' }).waitFor()
  await bob.page.locator('#open-inbox[aria-label="Notifications"]').waitFor()
})
