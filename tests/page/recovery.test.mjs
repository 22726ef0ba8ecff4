// The network drops, the server goes and comes: nothing is lost, and the user is told.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync, rmSync } from 'node:fs'

import { until, words } from '../common/harness.mjs'
import { page } from '../common/visitor.mjs'

/** What a browser itself says about a network that is not there. */
const NO_NETWORK = [/net::ERR_/, /WebSocket connection to .* failed/]

/** The texts of the messages on the screen. */
const said = async (visitor, pattern) => (await visitor.find('.message .content').allTextContents()).filter((text) => pattern.test(text))

page('offline and back: what was missed comes, what was written goes, in order and once', async (scene, visit) => {
  const [ann, bob] = [await visit('Ann'), await visit('Bob')]
  ann.expect(...NO_NETWORK)
  await ann.say(words('before'))
  await bob.sees('.message', { hasText: 'before' })
  await ann.context.setOffline(true)
  await ann.sees('#banner.warn')
  const mine = [words('mine'), words('mine')]
  for (const content of mine) await ann.say(content)
  assert.equal(await ann.find('.message.waiting').count(), 2)
  for (const n of [1, 2, 3]) await bob.say(words(`missed ${n}`))
  await bob.message('missed 3').locator('.mark.sent, .mark.delivered').waitFor()
  // Somebody changes what Ann has already.
  await bob.act('before', 'React with 👍')
  assert.equal(await bob.message('mine').count(), 0)

  await ann.context.setOffline(false)
  await ann.sees('#banner.good', { hasText: 'Back: 3 messages recovered.' })
  for (const content of mine) await bob.sees('.message', { hasText: content })
  for (const visitor of [ann, bob]) {
    await until(async () => (await said(visitor, /missed|mine/)).length === 5, 'all to be there')
    const [first, ...rest] = await said(visitor, /missed|mine/)
    assert.match(first, /missed 1/)
    assert.deepEqual(rest.slice(2), mine)
  }
  assert.equal(await ann.find('.message.waiting').count(), 0)
  await ann.message('before').getByRole('button', { name: '👍 1 by Bob' }).waitFor()
  await until(async () => (await ann.find('#banner').textContent()) === '', 'the banner to go')
})

page('the server restarts', { comesBack: true }, async (scene, visit) => {
  const ann = await visit('Ann')
  ann.expect(...NO_NETWORK)
  await ann.say(words('before'))
  await ann.find('.message .mark.sent, .message .mark.delivered').first().waitFor()
  await scene.daemon.stop()
  await ann.sees('#banner.warn')
  const content = words('while it was away')
  await ann.say(content)
  await ann.sees('.message.waiting', { hasText: content })
  await scene.daemon.start()
  await ann.sees('#banner.good', { hasText: 'Back online' })
  await ann.message(content).locator('.mark.sent').waitFor()
  assert.equal(await ann.message(content).count(), 1)
})

page('the server crashes before it has answered', { comesBack: true }, async (scene, visit) => {
  const ann = await visit('Ann')
  ann.expect(...NO_NETWORK)
  await ann.sees('.notice', { hasText: 'joined the lobby' })
  scene.daemon.kill('SIGSTOP')
  const content = words('into the void')
  await ann.say(content)
  await ann.sees('.message.waiting', { hasText: content })
  await scene.daemon.crash()
  await scene.daemon.start()
  await ann.message(content).locator('.mark.sent').waitFor()
  assert.equal(await ann.message(content).count(), 1)
})

page('what was waiting outlives a reload of the page', async (scene, visit) => {
  const ann = await visit('Ann')
  ann.expect(...NO_NETWORK)
  await ann.sees('.notice', { hasText: 'joined the lobby' })
  await ann.context.setOffline(true)
  await ann.sees('#banner.warn')
  const content = words('kept')
  await ann.say(content)
  await ann.sees('.message.waiting', { hasText: content })
  await ann.context.setOffline(false)
  await ann.page.reload()
  await ann.message(content).locator('.mark.sent').waitFor()
})

page('more was missed than a greeting carries', async (scene, visit) => {
  const ann = await visit('Ann')
  ann.expect(...NO_NETWORK)
  const host = await scene.connect('host')
  await host.ok('conversation:join', 'lobby')
  await ann.context.setOffline(true)
  await ann.sees('#banner.warn')
  for (let n = 1; n <= 450; n += 1) host.cast('message:send', { conversationId: 'lobby', content: `missed ${n}` })
  await until(async () => (await host.history('lobby', { limit: 1 }))[0]?.content === 'missed 450', 'all of it to be stored')
  await ann.context.setOffline(false)
  await ann.sees('#banner.good', { hasText: 'Back: 450 messages recovered.' })
  await ann.message('missed 450').waitFor()
  const texts = await said(ann, /missed/)
  assert.deepEqual(texts, Array.from({ length: texts.length }, (_, at) => `missed ${451 - texts.length + at}`), 'no gap')
})

page('a page that could not keep up is told, and reads what it missed', { config: { transports: { send_buffer: 50 } } }, async (scene, visit) => {
  const ann = await visit('Ann')
  const host = await scene.connect('host')
  await host.ok('conversation:join', 'lobby')
  const frames = []
  const session = await ann.context.newCDPSession(ann.page)
  await session.send('Network.enable')
  session.on('Network.webSocketFrameReceived', ({ response }) => frames.push(response.payloadData.slice(0, 20)))
  // The page stands still at its next step and reads nothing, while more comes than all buffers hold.
  await session.send('Debugger.enable')
  await session.send('Debugger.pause')
  // Random, so that compression makes no difference.
  const attachments = () => [{ padding: randomBytes(22_000).toString('base64') }]
  for (let n = 1; n <= 500; n += 10) {
    await Promise.all(Array.from({ length: 10 }, (_, at) => host.ok('message:send', { conversationId: 'lobby', content: `heavy ${n + at}`, attachments: attachments() })))
  }
  await session.send('Debugger.resume')
  await session.send('Debugger.disable')
  await ann.message('heavy 500').waitFor()
  await ann.sees('#banner.good', { hasText: /Back: \d+ messages recovered/ })
  assert.ok(frames.some((frame) => frame.startsWith('42["sync:required"')), 'it was told')
  const texts = await said(ann, /heavy/)
  assert.deepEqual(texts, Array.from({ length: texts.length }, (_, at) => `heavy ${501 - texts.length + at}`), 'no gap')
})

page('another history: the page starts over', { comesBack: true }, async (scene, visit) => {
  const ann = await visit('Ann')
  ann.expect(...NO_NETWORK)
  await ann.say(words('forgotten'))
  await ann.find('.message .mark.sent, .message .mark.delivered').first().waitFor()
  await scene.daemon.stop()
  for (const file of readdirSync(scene.daemon.stateDir)) if (file.startsWith('chatd.db')) rmSync(`${scene.daemon.stateDir}/${file}`)
  await scene.daemon.start()
  await ann.sees('#banner.good', { hasText: 'everything was read again' })
  await ann.seesNo('.message', { hasText: 'forgotten' })
})

page('a token is renewed before it expires, on the living connection', async (scene, visit) => {
  const { daemon } = scene
  let handed = 0
  const ann = await visit('')
  await ann.page.route('**/demo/token', async (route) => {
    handed += 1
    const exp = Math.floor(Date.now() / 1000) + (handed === 1 ? 4 : 3_600)
    await route.fulfill({ json: { token: daemon.token('ann', { exp }), userId: 'ann', name: 'Ann' } })
  })
  await ann.signIn('Ann')
  await until(() => handed === 2, 'a second token to be asked for')
  // The first one is over with its leeway off: whoever is still here has another.
  const host = await scene.connect('host')
  await host.ok('conversation:join', 'lobby')
  await until(async () => (await host.ok('presence:get', { userIds: ['ann'] })).presence[0]?.devices === 1, 'Ann to be here')
  const content = words('still here')
  await ann.say(content)
  await host.next('message:new', (message) => message.content === content)
  assert.equal(handed, 2)
})

page('a token of another secret is replaced at the door', { comesBack: true }, async (scene, visit) => {
  const { daemon } = scene
  const ann = await visit('Ann')
  ann.expect(...NO_NETWORK)
  await ann.sees('.notice', { hasText: 'joined the lobby' })
  await daemon.stop()
  daemon.secret = daemon.keepSecret('another secret that is long enough for HS256')
  daemon.writeConfig({ auth: { secret: daemon.secret } })
  await daemon.start()
  await ann.sees('#banner.good')
  const content = words('with a new token')
  await ann.say(content)
  await ann.message(content).locator('.mark.sent').waitFor()
})

page('a message that is refused says why, and can be tried again or discarded', { config: { messages: { max_content: '1KiB' } } }, async (scene, visit) => {
  const ann = await visit('Ann')
  await ann.say('x'.repeat(2_000))
  const failed = await ann.sees('.message.failed')
  assert.match(await failed.textContent(), /content: at most 1\s?KiB/)
  await failed.getByRole('button', { name: 'Try again' }).click()
  await ann.find('.message.failed').getByRole('button', { name: 'Discard' }).click()
  await failed.waitFor({ state: 'detached' })
})
