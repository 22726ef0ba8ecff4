// What it costs to send over the API: direct messages over the senders' sockets, and by a back end for them. Run by
// tests/bench/run --scenario api.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const KEY = randomBytes(32).toString('hex')
const DIRECT = { rooms: 200, size: 2, senders: 1 }

const SETS = {
  'over the socket': { scenario: 'messages' },
  'over the API': { scenario: 'api', 'api-key': KEY },
  'over the API, each with an Idempotency-Key': { scenario: 'api', 'api-key': KEY, idempotent: true },
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
const thousands = (value) => Math.round(value).toLocaleString('en-US')

/** Runs every set in turns by `measure`; resolves to raw results, and the lines of a table. */
export async function api(measure, runs) {
  const config = `${readFileSync(join(here, 'chatd.toml'), 'utf8')}\n[api]\nenabled = true\n[[api.keys]]\nname = "bench"\nkey = "${KEY}"\n`
  const results = []
  for (let run = 1; run <= runs; run += 1) {
    for (const [set, flags] of Object.entries(SETS)) {
      const result = await measure('chatd', { ...DIRECT, ...flags, config })
      results.push({ set, ...result })
      process.stderr.write(`${run}/${runs} ${set}: ${thousands(result.acked_per_cpu_second)} (others ${Math.round(result.others_busy * 100)} % of a core)${result.complaint ? ` — ${result.complaint}` : ''}\n`)
    }
  }
  const of = (name, value) => median(results.filter(({ set }) => set === name).map(value))
  const failed = results.some(({ lost, again, failed: refused }) => lost + again + refused > 0)
  const lines = ['| direct messages | sends a CPU-second | by the clock | answered within, median (99 %) |', '|---|---:|---:|---:|']
  for (const name of Object.keys(SETS)) {
    const [rate, clock, p50, p99] = [(result) => result.acked_per_cpu_second, (result) => result.acked_per_second, (result) => result.ack_ms.p50, (result) => result.ack_ms.p99].map((value) => of(name, value))
    lines.push(`| ${name} | ${thousands(rate)} | ${thousands(clock)} | ${p50.toFixed(1)} (${p99.toFixed(1)}) ms |`)
  }
  lines.push('', failed ? 'Something was lost, came twice or was refused.' : 'Nothing was lost, and nothing came twice.')
  return { results, lines, failed }
}
