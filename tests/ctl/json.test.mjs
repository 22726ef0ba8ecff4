// What `--json` prints is a promise to scripts: names and types of every answer are held against a file.
// `UPDATE_SNAPSHOTS=1` writes it anew; a change of what is there already breaks somebody's script.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'

import { chat, until, words } from '../common/harness.mjs'
import { Receiver } from '../common/receiver.mjs'

const SNAPSHOT = new URL('json.snapshot.json', import.meta.url)

/** The form of a value: its names, and what sort of value each has. */
function shape(value) {
  if (value === null) return 'null'
  if (Array.isArray(value)) return value.length > 0 ? [shape(value[0])] : []
  if (typeof value !== 'object') return typeof value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shape(inner)]))
}

const hello = `
fn on_message(m) { if m.content == "wait" { return hold("why"); } if m.content == "fail" { throw "x"; } }
fn on_load() { timer.every("1h", "tick"); }
fn on_timer() { }
fn on_admin(command) { #{ asked: command } }`

chat('the answers have the form that scripts know', { plugins: { hello } }, async (scene) => {
  const { operator, daemon } = scene
  const ann = await scene.connect('ann', { device: 'phone' })
  const bob = await scene.connect('bob')
  const room = await scene.create(ann, [bob], { id: 'lobby', title: 'Lobby' })
  const said = await ann.say(room, `${words()} zebra`)
  const app = await Receiver.listen({ answer: ({ data }) => (data.content === 'bad' ? 400 : 204) })
  await daemon.reload({ webhooks: [app.table({ name: 'app', events: ['message.created'], retry_for: '0s' })] })
  await ann.say(room, 'bad')
  await until(async () => (await operator.json('webhook', 'list')).webhooks[0].dead === 1, 'the event to be given up')
  const [first, second] = [await ann.say(room, 'wait'), await ann.say(room, 'wait')]
  await ann.say(room, 'fail')
  daemon.writeConfig({ limits: { burst: 50 }, ping: { interval: '20s' } })
  const [{ connection }] = (await operator.json('connection', 'list')).connections
  const token = daemon.token('ann')
  const commands = [
    ['status'], ['stats'], ['config', 'show'], ['config', 'diff'], ['config', 'keys'], ['config', 'get', 'limits.burst'],
    ['user', 'mute', 'bob', '--for', '1h', '--reason', 'x'], ['user', 'list'], ['user', 'show', 'ann'], ['user', 'unmute', 'bob'],
    ['user', 'mute', 'bob', '--conversation', room], ['user', 'notify', 'ann', 'hi'], ['broadcast', 'hi'],
    ['connection', 'list'], ['connection', 'show', connection],
    ['conversation', 'list'], ['conversation', 'show', room], ['conversation', 'members', room],
    ['conversation', 'send', room, 'hi'], ['conversation', 'history', room],
    ['conversation', 'create', '--owner', 'ann', '--title', 'x'],
    ['message', 'show', said.id], ['message', 'search', 'zebra'], ['message', 'delete', said.id, '--yes'],
    ['plugin', 'list'], ['plugin', 'show', 'hello'], ['plugin', 'call', 'hello', 'x'], ['plugin', 'reload'], ['plugin', 'disable', 'hello'],
    ['review', 'list'], ['review', 'approve', first.id], ['review', 'reject', second.id],
    ['webhook', 'list'], ['webhook', 'show', 'app'], ['webhook', 'pause', 'app'], ['webhook', 'resume', 'app'],
    ['webhook', 'replay', 'app'], ['webhook', 'test', 'app'],
    ['token', 'mint', '--user', 'ann'], ['token', 'verify', token], ['token', 'revoke', token],
    ['store', 'check'], ['store', 'prune'], ['backup', `${daemon.dir}/copy.db`], ['doctor'], ['lockdown', '1'], ['reload'],
    ['kick', 'bob'], ['user', 'ban', 'bob', '--for', '1h'], ['user', 'unban', 'bob'],
    ['conversation', 'delete', room, '--yes'], ['user', 'delete', 'bob', '--yes'], ['drain'],
  ]
  const shapes = {}
  for (const args of commands) {
    const name = args.filter((word) => /^[a-z]+$/.test(word)).slice(0, args[0] === 'backup' ? 1 : 2).join(' ')
    shapes[name.startsWith('config get') ? 'config get' : name] ??= shape(await operator.json(...args))
  }
  if (process.env.UPDATE_SNAPSHOTS) writeFileSync(SNAPSHOT, `${JSON.stringify(shapes, null, 1)}\n`)
  assert.deepEqual(shapes, JSON.parse(readFileSync(SNAPSHOT, 'utf8')))
  // The kick was part of it.
  await bob.next('error')
  await app.close()
})
