// What plugins cost: deliveries a CPU-second with none, with five that lack the hook, with one filter and with five; and what
// those notice who have nothing to do with a plugin that runs wild. Run by tests/bench/run --scenario plugins.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { io } from 'socket.io-client'

import { mint } from '../common/token.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const ROOMS = { 'rooms of 10': { rooms: 100, size: 10, senders: 1 }, 'rooms of 100': { rooms: 10, size: 100, senders: 10 }, 'direct messages': { rooms: 200, size: 2, senders: 1 } }
const PACED = { scenario: 'paced', rooms: 20, size: 10, senders: 1, rate: 400 }

/** A filter as many have one: a pattern, a look at the user, a field of the metadata. */
const FILTER = `
let links = regex("https?://([a-z0-9.-]+)");
fn on_message(message, user, conversation) {
    if message.content.len() > 2000 { return deny("TOO_LONG", "please be brief"); }
    if user.id != "trusted" && links.is_match(message.content) { return deny("NO_LINKS", "no links, please"); }
    message.metadata.checked = true;
    message
}`
const ELSEWHERE = 'fn on_create(conversation, user) { } fn on_admin(command) { }'
const WILD = 'fn on_typing(user, conversation) { loop {} }'

const times = (count, script) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`plugin${n}`, script]))
const SETS = [
  ['none', {}],
  ['five that lack the hook', times(5, ELSEWHERE)],
  ['one filter', times(1, FILTER)],
  ['five filters', times(5, FILTER)],
]

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]

/** Somebody who types 200 times a second, which a plugin hears. */
async function typist({ port, secret }) {
  const socket = io(`http://127.0.0.1:${port}`, { auth: { token: mint(secret, 'typist') }, transports: ['websocket'], forceNew: true })
  await new Promise((resolve, reject) => socket.once('connected', resolve).once('connect_error', reject))
  const { conversation } = await socket.emitWithAck('conversation:create', { type: 'group' })
  const timer = setInterval(() => socket.emit('typing:start', { conversationId: conversation.id }), 5)
  return () => (clearInterval(timer), socket.close())
}

/** Runs every set in turns by `measure`; resolves to raw results, and the lines of a table. */
export async function plugins(measure, runs) {
  const config = readFileSync(join(here, 'chatd.toml'), 'utf8')
  const results = []
  for (let run = 1; run <= runs; run += 1) {
    for (const [rooms, shape] of Object.entries(ROOMS)) {
      for (const [set, scripts] of SETS) {
        const result = await measure('chatd', { scenario: 'messages', ...shape, config, plugins: scripts })
        results.push({ rooms, set, ...result })
        process.stderr.write(`${run}/${runs} ${rooms}, ${set}: ${Math.round(result.delivered_per_cpu_second).toLocaleString('en-US')} (others ${Math.round(result.others_busy * 100)} % of a core)\n`)
      }
    }
    for (const [set, scripts] of [['calm', {}], ['wild', { wild: WILD }]]) {
      const result = await measure('chatd', { ...PACED, config, plugins: scripts, beside: typist })
      results.push({ rooms: 'paced', set, ...result })
      process.stderr.write(`${run}/${runs} acknowledgements, ${set}: ${result.ack_ms.p50.toFixed(2)} (${result.ack_ms.p99.toFixed(2)}) ms\n`)
    }
  }
  const of = (rooms, set, value) => median(results.filter((result) => result.rooms === rooms && result.set === set).map(value))
  const failed = results.some(({ lost, again, failed: refused }) => lost + again + refused > 0)
  const lines = [`| deliveries a CPU-second | ${SETS.map(([set]) => set).join(' | ')} |`, `|---|${SETS.map(() => '---:|').join('')}`]
  for (const rooms of Object.keys(ROOMS)) {
    const values = SETS.map(([set]) => of(rooms, set, (result) => result.delivered_per_cpu_second))
    lines.push(`| ${rooms} | ${values.map((value) => `${Math.round(value).toLocaleString('en-US')} (${(value / values[0]).toFixed(2)} ×)`).join(' | ')} |`)
  }
  // Of the server's own time for a message: what the filters add to it.
  const perSend = (set) => of('direct messages', set, (result) => 1e6 / result.acked_per_cpu_second)
  const added = (perSend('five filters') - perSend('one filter')) / 4
  const [calm, wild] = ['calm', 'wild'].map((set) => of('paced', set, (result) => result.ack_ms.p99))
  lines.push(
    '',
    `The first filter costs ${(perSend('one filter') - perSend('none')).toFixed(1)} µs of a direct message with the way to its thread and back, each further one ${added.toFixed(1)} µs.`,
    `Beside a plugin that never ends, called 200 times a second, the acknowledgements of others take ${wild.toFixed(2)} ms at 99 %, without it ${calm.toFixed(2)} ms: ${(wild / calm).toFixed(2)} ×.`,
    failed ? 'Something was lost, came twice or was refused.' : 'Nothing was lost, and nothing came twice.',
  )
  return { results, lines, failed }
}
