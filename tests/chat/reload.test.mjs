// SIGHUP: what can change does, with every connection kept; what does not validate changes nothing.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'

import { chat, pluck, range, words } from '../common/harness.mjs'
import { freshSecret, mint } from '../common/token.mjs'
import { toml } from '../common/toml.mjs'

const reloaded = (entry) => assert.equal(entry.message, 'configuration reloaded', entry.line)
const refused = (entry) => assert.equal(entry.message, 'configuration not reloaded', entry.line)

/** Has the file read as it is. */
async function reloadText(daemon, text) {
  writeFileSync(daemon.configFile, text)
  daemon.kill('SIGHUP')
  return daemon.log.next(({ message }) => /^configuration (not )?reloaded$/.test(message), 'the outcome of a reload')
}

chat('limits and windows change under living connections', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  await ann.say(room, 'x'.repeat(2_000))
  const early = await ann.say(room, words())
  reloaded(await scene.daemon.reload({ messages: { max_content: '1KiB', edit_window: '0s' }, typing: { timeout: '500ms' } }))
  await ann.fails('TOO_LARGE', 'message:send', { conversationId: room, content: 'x'.repeat(2_000) })
  await ann.fails('FORBIDDEN', 'message:edit', { messageId: early.id, content: words() })
  await ann.ok('typing:start', { conversationId: room })
  await bob.next('typing:stop')
  reloaded(await scene.daemon.reload({ limits: { events_per_second: 1, burst: 3 } }))
  const acks = await Promise.all(range(1, 10).map(() => ann.emit('message:send', { conversationId: room, content: words() })))
  assert.ok(acks.some(({ error }) => error?.code === 'RATE_LIMITED'))
  assert.ok(ann.isOpen && bob.isOpen)
})

chat('the key changes: who is in stays in, who comes needs the new one', async (scene) => {
  const { daemon } = scene
  const ann = await scene.connect('ann')
  const old = daemon.token('bob')
  const fresh = daemon.keepSecret(freshSecret())
  reloaded(await daemon.reload({ auth: { secret: fresh } }))
  assert.match(await scene.refused('bob', { token: old }), /^TOKEN_INVALID: ./)
  const bob = await scene.connect('bob', { token: daemon.keepSecret(mint(fresh, 'bob')) })
  const room = await scene.create(ann, [bob])
  await scene.fence(ann, room, bob)
})

chat('conversation and notification rules change', async (scene) => {
  const ann = await scene.connect('ann')
  reloaded(await scene.daemon.reload({ conversations: { create: 'api', access: 'open' } }))
  await ann.fails('FORBIDDEN', 'conversation:create', { type: 'group' })
  await ann.ok('conversation:join', 'lobby')
})

chat('the level of the log changes', async (scene) => {
  const isDetail = ({ level }) => level === 'DEBUG' || level === 'TRACE'
  await scene.connect('ann')
  assert.deepEqual(scene.daemon.log.all(isDetail), [])
  reloaded(await scene.daemon.reload({ log: { level: 'debug' } }))
  await scene.connect('bob')
  await scene.daemon.log.next(isDetail, 'a line of the lower level')
})

chat('a file that does not validate changes nothing and says why', { expectErrors: [/configuration not reloaded/] }, async (scene, t) => {
  const { daemon } = scene
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const good = toml(daemon.config)
  const bad = {
    'no TOML': ['[limits\nburst = 1', /./],
    'an unknown key': [good.replace('[limits]', '[limits]\nbrust = 3'), /brust/],
    'an unknown section': [`${good}\n[limit]\nburst = 3\n`, /limit/],
    'a wrong type': [good.replace(/^burst = .*/m, 'burst = "many"'), /burst/],
    'a size that is none': [`${good}\n[messages]\nmax_content = "large"\n`, /max_content/],
    'a choice that is none': [`${good}\n[receipts]\ndelivered = "postman"\n`, /delivered/],
    'a secret that is too short': [good.replace(/^secret = .*/m, 'secret = "short"'), /secret/],
  }
  for (const [why, [text, named]] of Object.entries(bad)) {
    await t.test(why, async () => {
      // The same file would also have set this, which must not come through.
      const entry = await reloadText(daemon, `${text}\n[typing]\ntimeout = "100ms"\n`)
      refused(entry)
      assert.match(entry.line, named)
      await ann.ok('typing:start', { conversationId: room })
      await bob.next('typing:start')
      await bob.none('typing:stop', 400)
      await ann.ok('typing:stop', { conversationId: room })
      await bob.next('typing:stop')
    })
  }
  await t.test('the file mended', async () => {
    reloaded(await reloadText(daemon, `${good}\n[typing]\ntimeout = "100ms"\n`))
    await ann.ok('typing:start', { conversationId: room })
    await bob.next('typing:stop')
  })
})

chat('what needs a restart says so, and the rest is taken', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob])
  const already = scene.daemon.log.all().length
  await scene.daemon.reload({ ping: { interval: '3s' }, typing: { timeout: '300ms' } })
  const said = scene.daemon.log.all().slice(already).map(({ line }) => line).join('\n')
  assert.match(said, /ping\.interval|\bping\b.*interval/)
  assert.match(said, /restart/)
  await ann.ok('typing:start', { conversationId: room })
  await bob.next('typing:stop')
})

chat('reloads under load drop no connection and no message', { timeout: 90_000 }, async (scene) => {
  const clients = await Promise.all(
    range(0, 5).map((n) => scene.connect(`user-${n}`, { transport: ['websocket', 'polling', 'upgrade'][n % 3] })),
  )
  const room = await scene.create(clients[0], clients.slice(1))
  const chatter = scene.chatter(clients, room)
  for (const n of range(1, 10)) reloaded(await scene.daemon.reload({ messages: { max_content: `${n + 10}KiB` } }))
  const sent = pluck(await chatter.stop(), 'seq')
  assert.deepEqual([...sent].sort((a, b) => a - b), range(1, sent.length))
  const watcher = clients[1]
  await scene.fence(clients[0], room, watcher)
  for (const client of clients) {
    assert.deepEqual(client.disconnects.all(), [])
    const others = client.got('message:new', ({ senderId }) => senderId !== client.user)
    assert.equal(new Set(pluck(others, 'seq')).size, others.length)
  }
  const own = watcher.got('message:new').length
  const history = []
  for (let after = 0, more = true; more; ) {
    const page = await watcher.ok('message:history', { conversationId: room, after, limit: 200 })
    history.push(...page.messages)
    after = history.at(-1).seq
    more = page.hasMore
  }
  assert.equal(own, history.filter(({ senderId }) => senderId !== watcher.user).length)
})
