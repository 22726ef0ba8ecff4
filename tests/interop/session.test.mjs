// One and the same chat, by clients of several languages and versions. Each is a puppet: a program that does what it is
// told line by line ("connect", "emit", "disconnect"), and tells every event, acknowledgement and refusal.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { DEADLINE_MS, chat, within } from '../common/harness.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const ALL = ['websocket', 'polling', 'upgrade']
const PUPPETS = [
  { name: 'socket.io-client 4.8', command: [process.execPath, join(here, 'js.mjs'), 'socket.io-client'], transports: ALL },
  { name: 'socket.io-client 4.0', command: [process.execPath, join(here, 'js.mjs'), 'socket.io-client-4.0'], transports: ALL },
  { name: 'python-socketio', command: [join(here, '../.venv/bin/python'), join(here, 'python.py')], transports: ALL },
  { name: 'rust_socketio', command: [join(here, 'rust/target/debug/interop')], transports: ALL },
]

class Puppet {
  #lines = []
  #waiting = []

  constructor([program, ...args]) {
    this.child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      this.#lines.push(JSON.parse(line))
      for (const look of [...this.#waiting]) look()
    })
  }

  order(order) {
    this.child.stdin.write(`${JSON.stringify(order)}\n`)
  }

  /** The next line that fits and was not taken yet. */
  next(fits, what) {
    const found = new Promise((resolve) => {
      const look = () => {
        const at = this.#lines.findIndex(fits)
        if (at < 0) return
        this.#waiting.splice(this.#waiting.indexOf(look), 1)
        resolve(this.#lines.splice(at, 1)[0])
      }
      this.#waiting.push(look)
      look()
    })
    return within(DEADLINE_MS, found, () => `${what}; got ${JSON.stringify(this.#lines).slice(0, 1000)}`)
  }

  async event(name, matches = () => true) {
    return (await this.next((line) => line.event === name && matches(line.payload), name)).payload
  }

  async emit(event, payload) {
    this.order({ do: 'emit', event, payload })
    return (await this.next((line) => 'ack' in line, `the acknowledgement of ${event}`)).ack
  }

  async disconnect() {
    this.order({ do: 'disconnect' })
    await this.next((line) => line.gone, 'the end')
  }

  end() {
    this.child.stdin.end()
    this.child.kill()
  }
}

for (const { name, command, transports } of PUPPETS) {
  for (const transport of transports) {
    // python-engineio's polling client may hang at its end until the next ping.
    chat(`${name} over ${transport}`, { config: { ping: { interval: '1s' } } }, async (scene) => {
      const ann = await scene.connect('ann')
      const room = await scene.create(ann, [], { members: ['bob'] })
      const hello = await ann.say(room, 'Hello, Bob')
      const puppet = new Puppet(command)
      const connect = (auth) => puppet.order({ do: 'connect', url: scene.daemon.url, transport, auth })
      try {
        // Refused with a reason.
        connect({ token: 'no token of ours' })
        const { refused } = await puppet.next((line) => 'refused' in line, 'a refusal')
        assert.match(refused, /TOKEN_INVALID: /)

        // Let in, and what is there.
        const auth = { token: scene.daemon.token('bob'), device: 'puppet' }
        connect(auth)
        const connected = await puppet.event('connected')
        assert.equal(connected.userId, 'bob')
        assert.equal(connected.device, 'puppet')
        const history = await puppet.emit('message:history', { conversationId: room })
        assert.deepEqual(history.messages.map(({ content }) => content), ['Hello, Bob'])

        // Said once, however often it is sent; letters of the whole world.
        const content = 'Grüße, 世界 👋🏽 "quoted" \\ and \u2028 more'
        const sent = await puppet.emit('message:send', { conversationId: room, content, clientId: 'first' })
        assert.equal(sent.ok, true)
        assert.equal(sent.message.content, content)
        assert.equal((await ann.nextIn('message:new', room)).content, content)
        const again = await puppet.emit('message:send', { conversationId: room, content, clientId: 'first' })
        assert.equal(again.duplicate, true)
        assert.equal(again.message.id, sent.message.id)

        // Heard, and read.
        const answer = await ann.say(room, 'Grüße zurück 🌍')
        const heard = await puppet.event('message:new', ({ id }) => id === answer.id)
        assert.equal(heard.content, 'Grüße zurück 🌍')
        assert.equal(heard.seq, sent.message.seq + 1)
        assert.deepEqual(await puppet.emit('message:read', { messageId: answer.id }), { ok: true, seq: answer.seq, unread: 0 })
        await ann.next('message:read', ({ messageId }) => messageId === answer.id)
        assert.equal((await puppet.emit('typing:start', { conversationId: room })).ok, true)
        await ann.nextIn('typing:start', room)
        await ann.ok('message:react', { messageId: sent.message.id, emoji: '🎉' })
        assert.deepEqual((await puppet.event('message:reaction')).reactions, { '🎉': ['ann'] })

        // What does not fit is refused by name, and the connection stands.
        const { ok, error } = await puppet.emit('message:send', { conversationId: 1 })
        assert.equal(ok, false)
        assert.equal(error.code, 'INVALID')

        // Away, and back: what was missed, once.
        await puppet.disconnect()
        const missed = [await ann.say(room, 'one'), await ann.say(room, 'two')]
        connect({ ...auth, resume: { epoch: connected.epoch, conversations: { [room]: answer.seq } } })
        const { resumed } = await puppet.event('connected')
        assert.equal(resumed[room].status, 'complete')
        assert.deepEqual(resumed[room].messages.map(({ id }) => id), missed.map(({ id }) => id))
        await puppet.disconnect()
        assert.ok(hello.seq < answer.seq)
      } finally {
        puppet.end()
      }
    })
  }
}
