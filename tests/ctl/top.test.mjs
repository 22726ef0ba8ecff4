import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import { chatctl } from '../common/ctl.mjs'
import { DEADLINE_MS, chat, until, within } from '../common/harness.mjs'

const TERMINAL = fileURLToPath(new URL('../common/terminal.py', import.meta.url))

/** chatctl on a terminal: `type` presses keys, `shows` waits for a text that comes after what was seen before. */
function onTerminal(t, ...args) {
  const child = spawn('python3', [TERMINAL, chatctl(), ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  let screen = ''
  let seen = 0
  child.stdout.setEncoding('utf8').on('data', (text) => (screen += text))
  const ended = new Promise((end) => child.once('close', end))
  const shows = (pattern) =>
    until(() => {
      const found = screen.slice(seen).match(pattern)
      if (found) seen += found.index + found[0].length
      return found
    }, `${pattern} on the screen: ${JSON.stringify(screen.slice(-2_000))}`, { every: 10 })
  return { type: (keys) => child.stdin.write(keys), shows, ended: () => within(DEADLINE_MS, ended, 'top to end') }
}

chat('top shows who is busy, sorts, and kicks after a yes', { plugins: { watch: 'fn on_message(m) { if m.content == "x" { throw "x"; } }' } }, async (scene, t) => {
  const [alice, bob] = [await scene.connect('alice'), await scene.connect('bob', { device: 'laptop' })]
  const room = await scene.create(alice, [bob])
  const top = onTerminal(t, '--socket', scene.daemon.adminSocket, 'top', '--interval', '200ms')
  await top.shows(/connections 2 \(ws 2 · polling 0\)/)
  await top.shows(/CONNECTION +USER +DEVICE/)
  for (let n = 0; n < 5; n += 1) await bob.say(room, `busy ${n}`)
  await top.shows(/\u001b\[7mc\d+ +bob +laptop/)
  top.type('u')
  await top.shows(/\u001b\[7mc\d+ +alice/)
  top.type('k')
  await top.shows(/kick c\d+ of alice\? y or n/)
  top.type('n')
  await top.shows(/nobody was kicked/)
  assert.ok(alice.isOpen)
  top.type('k')
  await top.shows(/y or n/)
  top.type('y')
  await top.shows(/c\d+ of alice disconnected/)
  await alice.next('error')
  await alice.ended()
  top.type('2')
  await top.shows(/BUSY USER +DEVICES/)
  for (let n = 0; n < 5; n += 1) await bob.say(room, `busy again ${n}`)
  await top.shows(/\u001b\[7mbob +1 +[1-9]/)
  top.type('k')
  await top.shows(/kick all devices of bob\? y or n/)
  top.type('n')
  await top.shows(/nobody was kicked/)
  top.type('3')
  await top.shows(/BUSY CONVERSATION +USERS HERE +DEVICES +MESSAGES\/S/)
  for (let n = 0; n < 5; n += 1) await bob.say(room, `busy still ${n}`)
  await top.shows(new RegExp(`\u001b\\[7m${room} +\\d +1 +[1-9]\\S* +15`))
  top.type('k')
  await top.shows(/users and connections can be kicked/)
  top.type('4')
  await top.shows(/PLUGIN +STATE +CALLS\/S +CALLS +ERRORS +P50 +P99/)
  await top.shows(/\u001b\[7mwatch +running +\S+ +1\d +0 +[\d.]+ µs/)
  assert.ok(bob.isOpen)
  top.type('q')
  await top.shows(/\u001b\[\?1049l/)
  assert.equal(await top.ended(), 0)
  assert.match(await scene.operator.fails(1, 'top'), /needs a terminal/)
})

chat('where there is no screen to draw, top says so', async (scene, t) => {
  process.env.TEST_TERM = 'dumb'
  t.after(() => delete process.env.TEST_TERM)
  const top = onTerminal(t, '--socket', scene.daemon.adminSocket, 'top')
  await top.shows(/top needs a terminal whose screen it can draw/)
  assert.equal(await top.ended(), 1)
})

chat('a person says yes or no', async (scene, t) => {
  const alice = await scene.connect('alice')
  const room = await scene.create(alice)
  const asked = (...args) => onTerminal(t, '--socket', scene.daemon.adminSocket, 'conversation', 'delete', ...args)
  const no = asked(room)
  await no.shows(/delete .* with 0 messages of 1 member\? \[y\/N\]/)
  no.type('\n')
  await no.shows(/nothing was done/)
  assert.equal(await no.ended(), 1)
  const yes = asked(room)
  await yes.shows(/\[y\/N\]/)
  yes.type('y\n')
  await yes.shows(/is gone/)
  assert.equal(await yes.ended(), 0)
  await alice.next('conversation:deleted')
})
