// Starts the server for each suite and runs the suite: every case must pass. Started by tests/protocol/run.

import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'

const here = dirname(fileURLToPath(import.meta.url))
const { values: options } = parseArgs({ options: { suites: { type: 'string' } } })

// Unmodified, as they stood at these commits of github.com/socketio/socket.io.
const SUITES = [
  {
    name: 'Socket.IO protocol, revision 5',
    dir: 'v5',
    server: 'socketio',
    cases: 32,
    url: 'https://raw.githubusercontent.com/socketio/socket.io/b4002c281fa9cc7cdc741c850f9f60b86437f7de/docs/socket.io-protocol/v5-test-suite/test-suite.js',
    sha256: '9fc4abce7be55bcd8741a2c62d242f3eb85560d2b669c15f2fdd8abea9a0c30d',
  },
  {
    name: 'Engine.IO protocol, revision 4',
    dir: 'v4',
    server: 'engineio',
    cases: 25,
    url: 'https://raw.githubusercontent.com/socketio/socket.io/36d2324de8677c419aeb396753339c6a9647ad2b/docs/engine.io-protocol/v4-test-suite/test-suite.js',
    sha256: '3f4b32add9837659dcf48af0bb5b8b203b636784d856134046d85f391b15bc88',
  },
]

// Cases that leave open what comes first, on any server: a poll in the very millisecond in which its session ends, and a
// poll and the POST that closes its session, sent at once over two connections. They are given a few rounds.
const RACES = [/polling (should close|closes) the session upon ping timeout$/, /polling (should forcefully close|forcefully closes) the session$/]
const ROUNDS = 5

async function suiteText({ dir, url, sha256 }) {
  let text
  if (options.suites) {
    text = readFileSync(join(options.suites, dir, 'test-suite.js'), 'utf8')
  } else {
    const answer = await fetch(url)
    if (!answer.ok) throw new Error(`${url}: ${answer.status}`)
    text = await answer.text()
  }
  const found = createHash('sha256').update(text).digest('hex')
  if (found !== sha256) throw new Error(`${dir}: this is not the suite that the figures are for (SHA-256 ${found})`)
  return text
}

/** Runs the cases of these full titles, or all. */
async function run(suite, titles) {
  const dir = mkdtempSync(join(here, 'node_modules/.suite-'))
  const server = spawn(process.env.SERVER_BIN, [suite.server], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const listening = once(server.stdout, 'data')
    const text = await suiteText(suite)
    const [address] = await listening
    // Nothing but the address is another one.
    writeFileSync(join(dir, 'test-suite.js'), text.replace('localhost:3000', String(address).trim()))
    writeFileSync(join(dir, 'package.json'), '{ "type": "module" }')
    copyFileSync(join(here, 'node-imports.js'), join(dir, 'node-imports.js'))
    symlinkSync(join(here, 'node_modules'), join(dir, 'node_modules'))
    const mocha = [join(here, 'node_modules/mocha/bin/mocha.js'), '--exit', '--reporter', 'json']
    if (titles) mocha.push('--grep', `^(${titles.map((title) => title.replace(/[^\w ]/g, '\\$&')).join('|')})$`)
    mocha.push(join(dir, 'test-suite.js'))
    // Mocha's exit status is the number of failures.
    const { stdout } = await promisify(execFile)(process.execPath, mocha, { maxBuffer: 1 << 24 }).catch((failed) => failed)
    return JSON.parse(stdout.slice(stdout.indexOf('{')))
  } finally {
    server.kill()
    rmSync(dir, { recursive: true })
  }
}

const fails = (failures) => new Map(failures.map(({ fullTitle, err }) => [fullTitle, err.message]))
const isRace = (title) => RACES.some((race) => race.test(title))
let passed = 0
let failed = 0
for (const suite of SUITES) {
  const { stats, failures } = await run(suite)
  const failing = fails(failures)
  for (let round = 2; round <= ROUNDS; round += 1) {
    const again = [...failing.keys()].filter(isRace)
    if (again.length === 0) break
    for (const title of again) console.log(`  round ${round}: ${title}`)
    const repeated = await run(suite, again)
    const still = fails(repeated.failures)
    // A case that the filter did not find has not passed.
    if (repeated.stats.tests === again.length) again.filter((title) => !still.has(title)).forEach((title) => failing.delete(title))
  }
  const passes = Math.min(stats.tests, suite.cases) - failing.size
  console.log(`${suite.name}: ${passes} of ${suite.cases} cases pass`)
  for (const [title, message] of failing) console.log(`  fails: ${title}\n    ${message}`)
  passed += passes
  failed += suite.cases - passes
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
