// Starts the server for each suite, runs the suite, and holds what fails against what is known to fail. Started by
// tests/protocol/run.

import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'

import { freePort } from '../common/port.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const { values: options } = parseArgs({ options: { suites: { type: 'string' } } })

// Unmodified, as they stood at these commits of github.com/socketio/socket.io.
const SUITES = [
  {
    name: 'Socket.IO protocol, revision 5',
    dir: 'v5',
    server: 'socketio',
    url: 'https://raw.githubusercontent.com/socketio/socket.io/b4002c281fa9cc7cdc741c850f9f60b86437f7de/docs/socket.io-protocol/v5-test-suite/test-suite.js',
    sha256: '9fc4abce7be55bcd8741a2c62d242f3eb85560d2b669c15f2fdd8abea9a0c30d',
  },
  {
    name: 'Engine.IO protocol, revision 4',
    dir: 'v4',
    server: 'engineio',
    url: 'https://raw.githubusercontent.com/socketio/socket.io/36d2324de8677c419aeb396753339c6a9647ad2b/docs/engine.io-protocol/v4-test-suite/test-suite.js',
    sha256: '3f4b32add9837659dcf48af0bb5b8b203b636784d856134046d85f391b15bc88',
  },
]

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

async function run(suite, patient) {
  const dir = mkdtempSync(join(here, 'node_modules/.suite-'))
  const port = await freePort()
  const server = spawn(process.env.SERVER_BIN, [suite.server, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(server.stdout, 'data')
    const text = await suiteText(suite)
    // Nothing but the port is another one.
    writeFileSync(join(dir, 'test-suite.js'), text.replace('http://localhost:3000', `http://127.0.0.1:${port}`))
    writeFileSync(join(dir, 'package.json'), '{ "type": "module" }')
    copyFileSync(join(here, 'node-imports.js'), join(dir, 'node-imports.js'))
    symlinkSync(join(here, 'node_modules'), join(dir, 'node_modules'))
    const mocha = [join(here, 'node_modules/mocha/bin/mocha.js'), '--exit', '--reporter', 'json', join(dir, 'test-suite.js')]
    // Mocha's exit status is the number of failures.
    const { stdout } = await promisify(execFile)(process.execPath, mocha, { maxBuffer: 1 << 24, env: { ...process.env, PATIENT: patient ? '1' : '' } }).catch((failed) => failed)
    return JSON.parse(stdout.slice(stdout.indexOf('{')))
  } finally {
    server.kill()
    rmSync(dir, { recursive: true })
  }
}

const known = JSON.parse(readFileSync(join(here, 'known.json'), 'utf8'))
let surprises = 0
for (const suite of SUITES) {
  // Which cases the early PING breaks is a matter of timing, so only the number is told.
  const asIs = await run(suite, false)
  console.log(`${suite.name}: ${asIs.stats.passes} of ${asIs.stats.tests} cases pass as they are`)
  const { stats, failures } = await run(suite, true)
  console.log(`${suite.name}: ${stats.passes} of ${stats.tests} cases pass where the first PING is answered when it comes`)
  const failing = new Map(failures.map(({ fullTitle, err }) => [fullTitle, err.message]))
  const expected = known[suite.dir]
  for (const [title, message] of failing) {
    const cause = expected[title]
    if (!cause) surprises += 1
    console.log(`  fails: ${title}\n    ${cause ?? `NOT KNOWN: ${message}`}`)
  }
  for (const title of Object.keys(expected).filter((title) => !failing.has(title))) {
    surprises += 1
    console.log(`  passes, and is known to fail: ${title}`)
  }
}
process.exitCode = surprises === 0 ? 0 : 1
