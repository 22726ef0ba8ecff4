// The TypeScript compiler, as a team with the strictest settings would run it.

import { execFile } from 'node:child_process'
import { join } from 'node:path'

import { ROOT } from './daemon.mjs'

const TESTS = join(ROOT, 'tests')
const STRICT = [
  '--strict', '--noEmit', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--ignoreConfig',
  ...['--target', 'es2022', '--module', 'nodenext', '--moduleResolution', 'nodenext', '--lib', 'es2023,dom,dom.iterable'],
  ...['--types', ''],
]

/** What the compiler says about these files; nothing where all is well. */
export function compile(files, options = []) {
  const command = [join(TESTS, 'node_modules/typescript/bin/tsc'), ...STRICT, ...options, ...files]
  return new Promise((answer) => {
    execFile(process.execPath, command, { cwd: TESTS, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      answer(error ? stdout + stderr || error.message : '')
    })
  })
}
