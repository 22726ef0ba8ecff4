// A client that was written for a back end of one's own, as the README says to move it: rooms by name, and its old secret.

import assert from 'node:assert/strict'

import { io } from 'socket.io-client'

import { chat, words } from '../common/harness.mjs'
import { freshSecret, mint } from '../common/token.mjs'
import { DEADLINE_MS, within } from '../common/wait.mjs'

const secret = freshSecret()
const env = { JWT_ACCESS_SECRET_KEY: secret, CLIENT_URL: 'https://app.example.com' }

chat('rooms by name, the old secret and the old page, with one line of configuration', { config: { conversations: { access: 'open' } }, env }, async (scene, t) => {
  const { daemon } = scene
  // The file's word goes over the variable's.
  await daemon.stop()
  daemon.config.auth = {}
  daemon.writeConfig()
  await daemon.start()
  const connect = async (user, origin) => {
    const token = daemon.keepSecret(mint(secret, user))
    const socket = io(daemon.url, { auth: { token }, forceNew: true, reconnection: false, transports: ['websocket'], extraHeaders: { origin } })
    t.after(() => socket.close())
    const connected = new Promise((done, fail) => socket.once('connected', done).once('connect_error', fail))
    await within(DEADLINE_MS, connected, () => `${user} to connect`)
    return socket
  }
  const [ann, bob] = [await connect('ann', env.CLIENT_URL), await connect('bob', env.CLIENT_URL)]
  await assert.rejects(connect('eve', 'https://other.example.com'))
  for (const socket of [ann, bob]) assert.ok((await socket.emitWithAck('conversation:join', 'general')).ok)
  const content = words()
  const heard = new Promise((done) => bob.once('message:new', done))
  const sent = await ann.emitWithAck('message:send', { conversationId: 'general', content })
  assert.equal(sent.message.seq, 1)
  assert.equal((await within(DEADLINE_MS, heard, () => 'the message')).content, content)
  const history = await bob.emitWithAck('message:history', { conversationId: 'general' })
  assert.deepEqual(history.messages.map((message) => message.content), [content])
})
