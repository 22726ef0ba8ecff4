// What webhooks cost: direct messages with none, with one that hears of other things, with one whose events wait in the outbox, and
// with one that is told meanwhile; and how many events are told a CPU-second. Run by tests/bench/run --scenario webhooks.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const DIRECT = { scenario: 'messages', rooms: 200, size: 2, senders: 1 }
const SECRET = `whsec_${randomBytes(32).toString('base64')}`
/** Of the kernel, for times in /proc. */
const TICKS_PER_SECOND = 100

const SETS = {
  none: null,
  'one that hears of other things': { events: ['conversation.deleted'], open: true },
  'one whose events wait': { events: ['message.created'], open: false },
  'one that is told meanwhile': { events: ['message.created'], open: true },
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]

/** Processor time of a process so far, in seconds. */
function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

async function receiver(core) {
  const child = spawn('taskset', ['-c', core, process.execPath, join(here, 'receiver.mjs')], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const said = () => new Promise((resolve) => child.once('message', resolve))
  const { port } = await said()
  return { port, open: () => child.send('open'), done: said, close: () => child.disconnect() }
}

async function once(measure, core, set) {
  const plain = readFileSync(join(here, 'chatd.toml'), 'utf8')
  if (!set) return measure('chatd', { ...DIRECT, config: plain })
  const app = await receiver(core)
  const table = { url: `http://127.0.0.1:${app.port}/`, secret: SECRET, events: set.events, allow_private: true }
  const config = `${plain}\n[[webhooks]]\n${Object.entries(table).map(([key, value]) => `${key} = ${JSON.stringify(value)}`).join('\n')}\n`
  let told = null
  if (set.open) app.open()
  // What waits when the load is over is told then, with nothing else to do.
  const beside = ({ pid }) => async () => {
    if (set.open) return
    const before = cpuSeconds(pid)
    const began = performance.now()
    app.open()
    const { taken } = await app.done()
    told = { taken, cpu_seconds: cpuSeconds(pid) - before, seconds: (performance.now() - began) / 1_000 }
  }
  try {
    const result = await measure('chatd', { ...DIRECT, config, beside })
    return { ...result, told }
  } finally {
    app.close()
  }
}

/** Runs every set in turns by `measure`; resolves to raw results, and the lines of a table. */
export async function webhooks(measure, core, runs) {
  const results = []
  for (let run = 1; run <= runs; run += 1) {
    for (const [name, set] of Object.entries(SETS)) {
      const result = await once(measure, core, set)
      results.push({ set: name, ...result })
      const told = result.told ? `; ${result.told.taken} told within ${result.told.cpu_seconds.toFixed(2)} CPU-seconds` : ''
      process.stderr.write(`${run}/${runs} ${name}: ${Math.round(result.acked_per_cpu_second).toLocaleString('en-US')} (others ${Math.round(result.others_busy * 100)} % of a core)${told}\n`)
    }
  }
  const of = (name, value) => median(results.filter(({ set }) => set === name).map(value))
  const perSend = (name) => of(name, (result) => 1e6 / result.acked_per_cpu_second)
  const failed = results.some(({ lost, again, failed: refused }) => lost + again + refused > 0)
  const lines = ['| direct messages, with a webhook | sends a CPU-second | more a message |', '|---|---:|---:|']
  for (const name of Object.keys(SETS)) {
    const rate = Math.round(of(name, (result) => result.acked_per_cpu_second)).toLocaleString('en-US')
    lines.push(`| ${name} | ${rate} | ${name === 'none' ? '' : `${(perSend(name) - perSend('none')).toFixed(1)} µs`} |`)
  }
  const rates = results.filter(({ told }) => told).map(({ told }) => told.taken / told.cpu_seconds)
  lines.push(
    '',
    `Of what waited, ${Math.round(median(rates)).toLocaleString('en-US')} events were told a CPU-second.`,
    failed ? 'Something was lost, came twice or was refused.' : 'Nothing was lost, and nothing came twice.',
  )
  return { results, lines, failed }
}
