// Floods of strangers against chatd alone: what each costs in memory, whether that comes back, and what those notice who
// talk meanwhile. Run by tests/bench/run --scenario flood.

const TALKERS = { scenario: 'flood', rooms: 5, size: 2, senders: 1, rate: 40 }

const OFF = '[limits]\nunauthenticated = 0\nconnections = 0\n'
const DEFAULTS = ''

// Strangers come from this machine, which is not held to a share of its own: the limits are met in full.
const FLOODS = [
  ['50,000 polling handshakes', DEFAULTS, { flood: 'polling', strangers: 50_000 }],
  ['50,000 polling handshakes, limits off', OFF, { flood: 'polling', strangers: 50_000 }],
  ['10,000 WebSockets without CONNECT', DEFAULTS, { flood: 'websockets', strangers: 10_000 }],
  ['10,000 WebSockets without CONNECT, limits off', OFF, { flood: 'websockets', strangers: 10_000 }],
  ['1,000 heads that are never finished', DEFAULTS, { flood: 'heads', strangers: 1_000 }],
]

const mib = (kib) => (kib / 1024).toFixed(1)
const MEANINGS = { 200: 'let in', 101: 'let in', open: 'held open', 503: 'refused' }

/** Runs each flood against a daemon of its own by `measure`; resolves to raw results, and the lines of a table. */
export async function floods(measure, rest) {
  const results = []
  const rows = []
  const notes = []
  for (const [name, config, flood] of FLOODS) {
    const result = await measure('chatd', { ...TALKERS, ...flood, rest, config })
    results.push({ name, ...result })
    const outcomes = Object.entries(result.outcomes).map(([outcome, count]) => `${count.toLocaleString('en-US')} ${MEANINGS[outcome] ?? outcome}`)
    const memory = ['before_kib', 'peak_kib', 'after_kib'].map((key) => mib(result[key]))
    rows.push(`| ${name} | ${outcomes.join(', ')} | ${result.seconds.toFixed(1)} s | ${memory.join(' | ')} | ${result.ack_ms.p50.toFixed(2)} (${result.ack_ms.p99.toFixed(1)}) ms |`)
    process.stderr.write(`${rows.at(-1)}\n`)
    if (result.lost + result.again + result.failed > 0) notes.push(`${name}: of those who talked, ${result.lost} deliveries were lost, ${result.again} came twice, ${result.failed} requests failed: ${result.complaint}.`)
  }
  const head = ['', 'strangers', 'took', 'MiB before', 'MiB at the peak', `MiB ${rest} s later`, 'acknowledgements meanwhile, median (99 %)']
  return {
    results,
    failed: notes.length > 0,
    lines: [`| ${head.join(' | ')} |`, `|---|---|${'---:|'.repeat(5)}`, ...rows, '', ...(notes.length > 0 ? notes : ['Those who talked meanwhile, 5 pairs with 40 messages a second, lost nothing and got nothing twice.'])],
  }
}
