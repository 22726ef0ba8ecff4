// Runs the load against chatd and its peer in turns, and makes the table. Started by tests/bench/run.

import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { freePort } from '../common/port.mjs'
import { admin } from './admin.mjs'
import { api } from './api.mjs'
import { floods } from './flood.mjs'
import { plugins } from './plugins.mjs'
import { webhooks } from './webhooks.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const SECRET = 'a secret for the benchmark, long enough for HS256'

// Rates are better when higher, costs when lower.
const rate = (key) => ({ key, better: 'higher', show: (value) => thousands(value) })
const cost = (key, unit) => ({ key, better: 'lower', show: (value) => `${value.toFixed(value < 10 ? 2 : 1)} ${unit}` })

const SCENARIOS = {
  'rooms-10': { name: 'Messages to rooms of 10', unit: 'deliveries', load: { scenario: 'messages', rooms: 100, size: 10, senders: 1 }, ...rate('delivered_per_cpu_second') },
  'rooms-100': { name: 'Messages to rooms of 100', unit: 'deliveries', load: { scenario: 'messages', rooms: 10, size: 100, senders: 10 }, ...rate('delivered_per_cpu_second') },
  'rooms-1000': { name: 'Messages to a room of 1,000', unit: 'deliveries', load: { scenario: 'messages', rooms: 1, size: 1000, senders: 100 }, ...rate('delivered_per_cpu_second') },
  'rooms-1000-alone': { name: 'The same, one message at a time', unit: 'deliveries', load: { scenario: 'messages', rooms: 1, size: 1000, senders: 1 }, ...rate('delivered_per_cpu_second') },
  direct: { name: 'Direct messages', unit: 'sends', load: { scenario: 'messages', rooms: 200, size: 2, senders: 1 }, ...rate('acked_per_cpu_second') },
  compressed: { name: 'Compressed, 4 KiB to a room of 1,000', unit: 'deliveries', load: { scenario: 'paced', rooms: 1, size: 1000, senders: 10, bytes: 4096, rate: 3, deflate: true }, ...rate('delivered_per_cpu_second') },
  'compressed-bytes': { name: 'The same, bytes of a delivery', unit: '', same: 'compressed', ...cost('bytes_per_delivery', 'B') },
  typing: { name: 'Typing in rooms of 10', unit: 'deliveries', load: { scenario: 'typing', rooms: 100, size: 10, senders: 1 }, ...rate('delivered_per_cpu_second') },
  connects: { name: 'Connects', unit: 'connects', load: { scenario: 'connects', rooms: 100, size: 10 }, ...rate('connected_per_cpu_second') },
  storm: { name: '1,000 devices reconnect at once', unit: 'reconnects', load: { scenario: 'storm', rooms: 100, size: 10 }, ...rate('connected_per_cpu_second') },
  idle: { name: 'Memory of an idle connection (5,000)', unit: '', load: { scenario: 'idle', rooms: 500, size: 10 }, ...cost('kib_per_connection', 'KiB') },
  'latency-ack': { name: 'Acknowledgement, median (99 %)', unit: '', paced: 'rooms-10', load: { scenario: 'paced', rooms: 100, size: 10, senders: 1 }, ...cost('ack_ms', 'ms') },
  'latency-delivery': { name: 'Delivery, median (99 %)', unit: '', paced: 'rooms-10', same: 'latency-ack', ...cost('delivery_ms', 'ms') },
}
const SERVERS = ['node', 'chatd']

/** What is measured by itself, with a table of its own. */
const ALONE = {
  flood: () => floods(measure, Number(options.rest)),
  plugins: () => plugins(measure, runs),
  webhooks: () => webhooks(measure, LOAD_CORE, runs),
  admin: () => admin(measure, runs),
  api: () => api(measure, runs),
}

const { values: options } = parseArgs({
  options: {
    scenario: { type: 'string' },
    runs: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    server: { type: 'string', default: 'both' },
    quick: { type: 'boolean', default: false },
    rooms: { type: 'string' },
    // On the disk of the checkout: `/tmp` may be memory, where a sync to the disk costs nothing.
    out: { type: 'string', default: join(here, '../../target/bench') },
    // The session's time to present a token, 45 s, and some for the memory to come back.
    rest: { type: 'string', default: '60' },
    'node-synchronous': { type: 'string', default: 'NORMAL' },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(`tests/bench/run [--scenario A,B] [--server both|chatd|node] [--runs 5] [--seconds 5] [--quick]
                [--node-synchronous NORMAL|FULL] [--rooms N] [--out DIR]
       tests/bench/run --server chatd --scenario flood [--rest 60]
       tests/bench/run --server chatd --scenario plugins [--runs 5]
       tests/bench/run --server chatd --scenario webhooks [--runs 5]
       tests/bench/run --server chatd --scenario admin [--runs 5]
       tests/bench/run --server chatd --scenario api [--runs 5]

--rooms has fewer or more rooms of the same size. A run is a server of its own: it warms up for a second, or two in
all, before the window of --seconds. What was measured while something else was at work on the machine is measured again,
up to five times. Exit status 1: chatd lost something, made something twice or refused it.

scenarios: ${Object.keys(SCENARIOS).join(', ')}, and by itself flood: what strangers who press in cost in memory, before,
at the peak and --rest seconds later, which takes six minutes; plugins, webhooks and api: what they cost; and
admin: what clients notice of an operator at work.`)
  process.exit()
}
const runs = options.quick ? 1 : Number(options.runs)
const seconds = options.quick ? 2 : Number(options.seconds)
const servers = options.server === 'both' ? SERVERS : [options.server]
const chosen = options.scenario ? options.scenario.split(',') : Object.keys(SCENARIOS)
const unknown = [...servers.filter((server) => !SERVERS.includes(server)), ...chosen.filter((key) => !SCENARIOS[key] && !ALONE[options.scenario])]
if (unknown.length > 0) {
  console.error(`tests/bench/run: unknown: ${unknown.join(', ')}; see --help`)
  process.exit(2)
}

// One core for the server, one for the load.
const [SERVER_CORE, LOAD_CORE] = cpus().length > 1 ? ['0', '1'] : ['0', '0']

function start(server, port, dir, { deflate, config: own, plugins: scripts = {} }) {
  mkdirSync(join(dir, 'plugins'))
  for (const [name, script] of Object.entries(scripts)) writeFileSync(join(dir, 'plugins', `${name}.rhai`), script)
  const config = join(dir, 'config.toml')
  writeFileSync(config, `[server]\nlisten = ["127.0.0.1:${port}"]\nstate_dir = ${JSON.stringify(dir)}\n[auth]\nsecret = ${JSON.stringify(SECRET)}\n${own ?? readFileSync(join(here, 'chatd.toml'))}`)
  const command = {
    chatd: [process.env.CHATD_BIN, '--config', config],
    node: [process.execPath, join(here, 'peer.mjs')],
  }[server]
  const env = { ...process.env, CHATD_ADMIN__SOCKET: join(dir, 'admin.sock'), PORT: port, SECRET, DATABASE: join(dir, 'peer.db'), SYNCHRONOUS: options['node-synchronous'], NODE_ENV: 'production', ...(deflate && { DEFLATE: '1' }) }
  const log = openSync(join(options.out, `${server}.log`), 'a')
  return spawn('taskset', ['-c', SERVER_CORE, ...command], { env, stdio: ['ignore', log, log] })
}

async function ready(port, child) {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the server ended before it was ready: see ${options.out}`)
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`)
      await answer.text()
      if (answer.ok) return
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

function load(args) {
  const flags = Object.entries(args).flatMap(([key, value]) => [`--${key}`, String(value)])
  const child = spawn('taskset', ['-c', LOAD_CORE, process.env.LOAD_BIN, ...flags], { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  return new Promise((resolve, reject) => {
    child.on('exit', (code) => (code === 0 ? resolve(JSON.parse(out)) : reject(new Error(`the load ended with ${code}`))))
  })
}

async function measure(server, args) {
  const dir = mkdtempSync(join(options.out, 'state-'))
  const port = await freePort()
  const child = start(server, port, dir, args)
  const ended = new Promise((resolve) => child.on('exit', resolve))
  try {
    await ready(port, child)
    const { config, plugins: scripts, beside, ...flags } = args
    const end = await beside?.({ port, secret: SECRET, pid: child.pid, dir })
    const measured = load({ port, peer: server, pid: child.pid, secret: SECRET, seconds, ...flags, rooms: options.rooms ?? args.rooms })
    return await measured.finally(() => end?.())
  } finally {
    child.kill('SIGTERM')
    const patience = setTimeout(() => child.kill('SIGKILL'), 10_000)
    await ended
    clearTimeout(patience)
    rmSync(dir, { recursive: true, force: true })
  }
}

const thousands = (value) => Math.round(value).toLocaleString('en-US')
function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1)
  return middle.reduce((sum, value) => sum + value, 0) / middle.length
}
const number = (value) => (typeof value === 'object' ? value.p50 : value)

/** What is behind the figure: the clock's rate, and how busy both cores were. */
function background(scenario, result) {
  const wall = result[scenario.key.replace('_per_cpu_second', '_per_second')]
  const parts = scenario.better === 'higher' ? [`${thousands(wall)} by the clock`] : []
  if (result.back_ms) parts.push(`all back in ${thousands(result.back_ms)} ms`)
  if (result.server_busy) parts.push(`server ${percent(result.server_busy)}, load ${percent(result.own_busy)}, others ${percent(result.others_busy)} of a core`)
  return parts.length > 0 ? ` (${parts.join('; ')})` : ''
}
const percent = (share) => `${Math.round(share * 100)} %`

/** Something else was at work on the machine, which lowers every figure; the kernel's own disk writer stays below this. */
const disturbed = (result) => result.others_busy > 0.25

/** A measurement that was disturbed is taken again, whatever came of it, so many times in all. */
const ATTEMPTS = 5
const discarded = []

/** Waits for a quiet second on the machine, for a minute at most. */
async function idle() {
  for (let second = 0; second < 60; second += 1) {
    const [before, since] = [busyMs(), performance.now()]
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    if ((busyMs() - before) / (performance.now() - since) < 0.1) return
  }
}
const busyMs = () => cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0)

mkdirSync(options.out, { recursive: true })
if (ALONE[options.scenario]) {
  const { lines, results, failed } = await ALONE[options.scenario]()
  console.log(lines.join('\n'))
  writeFileSync(join(options.out, `${options.scenario}.json`), JSON.stringify(results, null, 2))
  process.exit(failed ? 1 : 0)
}
const results = {}
for (const key of chosen) for (const server of servers) results[key] = { ...results[key], [server]: [] }

for (let run = 1; run <= runs; run += 1) {
  for (const key of chosen) {
    const scenario = SCENARIOS[key]
    for (const server of servers) {
      if (scenario.same && chosen.includes(scenario.same)) {
        results[key][server].push(results[scenario.same][server].at(-1))
        continue
      }
      const args = { ...(SCENARIOS[scenario.same] ?? scenario).load }
      // Both at half of what the slower one reached at the same work, else at a rate that either can hold.
      if (scenario.paced) {
        const reached = servers.flatMap((each) => results[scenario.paced]?.[each] ?? []).map((result) => result.acked_per_second)
        args.rate = reached.length > 0 ? Math.min(...reached) / 2 : 1000
      }
      let result
      for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
        if (result) discarded.push({ key, server, ...result })
        await idle()
        result = await measure(server, args)
        const value = scenario.show(number(result[scenario.key]))
        process.stderr.write(`${run}/${runs} ${key} ${server}: ${value}${background(scenario, result)}${result.complaint ? ` — ${result.complaint}` : ''}\n`)
        if (!disturbed(result)) break
      }
      results[key][server].push(result)
    }
  }
}

// The table.

function cell(scenario, list) {
  const values = list.map((result) => result[scenario.key])
  const middle = median(values.map(number))
  if (typeof values[0] === 'object') return `${scenario.show(middle)} (${scenario.show(median(values.map((value) => value.p99)))})`
  const spread = values.length > 1 ? ` (${scenario.show(Math.min(...values))} – ${scenario.show(Math.max(...values))})` : ''
  return `${scenario.show(middle)}${spread}`
}

function ratio(scenario, { node, chatd }) {
  const [a, b] = [chatd, node].map((list) => median(list.map((result) => number(result[scenario.key]))))
  return `${(scenario.better === 'higher' ? a / b : b / a).toFixed(2)} ×`
}

/** The load was the bottleneck: it was busy all the time, and the server was not. */
const bound = (result) => result.own_busy > 0.85 && result.server_busy < 0.85

const version = (command, ...args) => execFileSync(command, args, { encoding: 'utf8' }).trim()
const locked = JSON.parse(readFileSync(join(here, 'package.json'))).dependencies
const conditions = {
  at: new Date(),
  cpu: cpus()[0].model.trim(),
  cores: { server: SERVER_CORE, load: LOAD_CORE, of: cpus().length },
  kernel: release(),
  chatd: { version: version(process.env.CHATD_BIN, '--version').split(' ').at(-1), durability: 'full' },
  node: { version: process.versions.node, ...locked, synchronous: options['node-synchronous'] },
  runs,
  seconds,
}
const lines = [
  `chatd ${conditions.chatd.version} (\`durability = "full"\`) and socket.io ${locked['socket.io']} on Node ${conditions.node.version} with better-sqlite3 (\`synchronous = ${options['node-synchronous']}\`), ${conditions.cpu}, one core for the server and one for the load, ${runs} run${runs > 1 ? 's' : ''} of ${seconds} s in turns; medians (lowest – highest). Rates are by second of the server's CPU time, with 100 messages of 100 bytes on their way to 1,000 devices (between 200 pairs where they are direct). Latencies are at half of the load that the slower one can carry, median of the runs' medians (of their 99th percentiles).`,
  '',
  `| | ${servers.map((server) => ({ node: 'Node', chatd: 'chatd' })[server]).join(' | ')} |${servers.length > 1 ? ' chatd is better by |' : ''}`,
  `|---|${servers.map(() => '---:|').join('')}${servers.length > 1 ? '---:|' : ''}`,
]
let failed = false
const notes = []
for (const key of chosen) {
  const scenario = SCENARIOS[key]
  const cells = servers.map((server) => cell(scenario, results[key][server]))
  lines.push(`| ${scenario.name}${scenario.unit ? `, ${scenario.unit} a CPU-second` : ''} | ${cells.join(' | ')} |${servers.length > 1 ? ` ${ratio(scenario, results[key])} |` : ''}`)
  for (const server of servers) {
    const list = results[key][server]
    const every = [...list, ...discarded.filter((result) => result.key === key && result.server === server)]
    const sum = (field) => every.reduce((total, result) => total + (result[field] ?? 0), 0)
    if (sum('lost') + sum('again') + sum('failed') > 0) {
      notes.push(`${key}: ${server} lost ${sum('lost')} deliveries, made ${sum('again')} twice, failed ${sum('failed')} requests.`)
      failed ||= server === 'chatd'
    }
    if (list.some(bound)) notes.push(`${key}: the load was the bottleneck for ${server}.`)
  }
}
const all = Object.values(results).flatMap((each) => Object.values(each).flat())
const beside = all.filter(disturbed).length
if (discarded.length > 0) notes.push(`${discarded.length} measurements were taken again, because something else was at work on the machine.`)
if (beside > 0) notes.push(`Something else was at work on the machine in ${beside} of ${all.length} measurements: the figures are not to be relied on.`)
const clean = notes.length === 0
lines.push('', clean ? 'Nothing was lost, nothing came twice, the load was never the bottleneck, and the machine did little else.' : notes.join('\n'))
console.log(lines.join('\n'))

writeFileSync(join(options.out, 'results.json'), JSON.stringify({ ...conditions, results }, null, 2))
process.exitCode = failed ? 1 : 0
