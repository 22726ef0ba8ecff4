// The TypeScript compiler.

import { execFile } from 'node:child_process'
import { join } from 'node:path'

import { ROOT } from './daemon.mjs'

const TSC = join(ROOT, 'tests/node_modules/typescript/bin/tsc')

/** The strictest settings, for the application, the demo page, and what a test writes. */
export const PROJECT = join(ROOT, 'tests/types/tsconfig.json')

/** What the compiler says about a project; nothing where all is well. */
export function compile(project) {
  return new Promise((answer) => {
    execFile(process.execPath, [TSC, '--project', project], { cwd: ROOT, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      answer(error ? stdout + stderr || error.message : '')
    })
  })
}
