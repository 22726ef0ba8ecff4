// What clients notice of an operator at work: acknowledgements of 2,000 devices with nobody on the admin socket, and beside 200
// commands a second. Run by tests/bench/run --scenario admin.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { RawAdmin } from '../common/ctl.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const PACED = { scenario: 'paced', rooms: 200, size: 10, senders: 1, rate: 400 }
const BETWEEN_MS = 5

/** What operators do: they look at everything, and change what concerns nobody who chats. */
const COMMANDS = [
  { method: 'status' },
  { method: 'stats' },
  { method: 'user.list', params: { limit: 100 } },
  { method: 'connection.list', params: { limit: 100 } },
  { method: 'conversation.list', params: { limit: 100 } },
  { method: 'user.mute', params: { user: 'nobody-here', seconds: 60, force: true } },
  { method: 'plugin.list' },
  { method: 'user.unmute', params: { user: 'nobody-here' } },
  { method: 'review.list', params: { limit: 50 } },
  { method: 'webhook.list' },
]

/** An operator who never rests; `done` counts what was answered, `refused` what was not. */
function operator(counts) {
  return async ({ dir }) => {
    const desk = new RawAdmin(join(dir, 'admin.sock'))
    await desk.next()
    let ended = false
    const work = (async () => {
      for (let n = 0; !ended; n += 1) {
        const began = performance.now()
        const answer = await desk.ask(COMMANDS[n % COMMANDS.length])
        if (answer.error) counts.refused.add(`${COMMANDS[n % COMMANDS.length].method}: ${answer.error.message}`)
        else counts.done += 1
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, BETWEEN_MS - (performance.now() - began))))
      }
    })()
    return async () => {
      ended = true
      await work
      desk.kill()
    }
  }
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]

/** Runs both in turns by `measure`; resolves to raw results, and the lines of a table. */
export async function admin(measure, runs) {
  const config = readFileSync(join(here, 'chatd.toml'), 'utf8')
  const [results, counts] = [[], { done: 0, refused: new Set() }]
  for (let run = 1; run <= runs; run += 1) {
    for (const [set, beside] of [['nobody', undefined], ['an operator', operator(counts)]]) {
      const result = await measure('chatd', { ...PACED, config, beside })
      results.push({ set, ...result })
      process.stderr.write(`${run}/${runs} acknowledgements beside ${set}: ${result.ack_ms.p50.toFixed(2)} (${result.ack_ms.p99.toFixed(2)}) ms (others ${Math.round(result.others_busy * 100)} % of a core)\n`)
    }
  }
  const of = (set, share) => median(results.filter((result) => result.set === set).map((result) => result.ack_ms[share]))
  const [p50, p99] = ['p50', 'p99'].map((share) => ['nobody', 'an operator'].map((set) => of(set, share)))
  const failed = counts.refused.size > 0 || counts.done === 0 || results.some(({ lost, again, failed: refused }) => lost + again + refused > 0)
  const row = (name, [calm, busy]) => `| ${name} | ${calm.toFixed(2)} ms | ${busy.toFixed(2)} ms | ${(busy / calm).toFixed(2)} × |`
  const lines = [
    '| acknowledgements to 2,000 devices | beside nobody | beside an operator | ratio |', '|---|---:|---:|---:|',
    row('median', p50), row('99 %', p99), '',
    `${counts.done.toLocaleString('en-US')} commands were answered${counts.refused.size > 0 ? `, and refused: ${[...counts.refused].join('; ')}` : ''}.`,
    failed ? 'Something was lost, came twice or was refused.' : 'Nothing was lost, and nothing came twice.',
  ]
  return { results, lines, failed }
}
