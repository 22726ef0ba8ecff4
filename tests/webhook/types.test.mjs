// types/chatd.d.ts knows every event, as it is told.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { ROOT } from '../common/daemon.mjs'
import { words } from '../common/harness.mjs'
import { PROJECT, compile } from '../common/tsc.mjs'
import { KINDS, told } from './common.mjs'

const HOLDS = `fn on_message(message) { if message.content.contains("shady") { hold("looks shady") } }`

told('every event has its type', { plugins: { moderate: HOLDS }, config: { presence: { grace: '0s' } } }, async (scene, { app }) => {
  const ann = await scene.connect('ann', { device: 'phone' })
  const bob = await scene.connect('bob')
  const room = await scene.create(ann, [bob], { title: 'Lunch', metadata: { menu: ['soup'] } })
  const { id } = await ann.say(room, 'hello @bob', { clientId: 'c', metadata: { a: null }, attachments: [{ url: 'x' }] })
  await ann.say(room, words(), { replyTo: id })
  await ann.say(room, words('shady'))
  await ann.ok('message:edit', { messageId: id, content: words() })
  await bob.ok('message:react', { messageId: id, emoji: '👍' })
  await ann.ok('message:delete', { messageId: id })
  await scene.role(ann, room, 'bob', { role: 'moderator', mutedUntil: '2100-01-01T00:00:00.000Z' })
  await ann.ok('conversation:update', { conversationId: room, title: null })
  await ann.ok('member:remove', { conversationId: room, userId: 'bob' })
  await ann.ok('conversation:delete', { conversationId: room })
  bob.close()
  await scene.operator.ok('webhook', 'test', 'app-0')
  for (const kind of [...KINDS, 'webhook.test']) await app.next(kind)

  const bodies = app.taken.all().map(({ type, timestamp, data }) => ({ type, timestamp, data }))
  const union = [...KINDS, 'webhook.test'].map((name) => `'${name}'`).join(' | ')
  const directory = mkdtempSync(join(tmpdir(), 'chatd-types-'))
  try {
    writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ extends: PROJECT, files: ['recorded.ts'] }))
    writeFileSync(join(directory, 'recorded.ts'), [
      `import type { WebhookEvent } from '${join(ROOT, 'types/chatd.js')}'`,
      'type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false',
      `export const types: Same<WebhookEvent['type'], ${union}> = true`,
      ...bodies.map((body, at) => `export const event${at}: WebhookEvent = ${JSON.stringify(body)}`),
    ].join('\n'))
    assert.equal(await compile(join(directory, 'tsconfig.json')), '')
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
