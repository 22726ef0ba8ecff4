// Reads what `strace -f -yy` wrote: system calls with their beginning and end in the order in which they were seen.

import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

const COMPLETE = /^(\d+)\s+(\w+)\((.*)\)\s+= (-?\d+|\?)(.*)$/s
const UNFINISHED = /^(\d+)\s+(\w+)\((.*?)\s*<unfinished \.\.\.>$/s
const RESUMED = /^(\d+)\s+<\.\.\. (\w+) resumed>(.*)\)\s+= (-?\d+|\?)(.*)$/s

/** Text in the notation of `-xx`, in which every byte is written as \xNN. */
const decode = (text) => text.replace(/(?:\\x[0-9a-f]{2})+/g, (bytes) => Buffer.from(bytes.replaceAll('\\x', ''), 'hex').toString('latin1'))

/** The bytes that a call carries: all its string arguments. */
const bytesOf = (args) => [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, text]) => decode(text)).join('')

/** All calls: `{ pid, name, args, target, data, result, began, ended }`; `began` and `ended` are positions in the trace. */
export async function readTrace(path) {
  const calls = []
  const open = new Map()
  let position = 0
  for await (const line of createInterface({ input: createReadStream(path, 'latin1') })) {
    position += 1
    let match = line.match(UNFINISHED)
    if (match) {
      const [, pid, name, args] = match
      open.set(pid, { pid, name, args, began: position })
      continue
    }
    match = line.match(RESUMED)
    if (match) {
      const [, pid, name, args, result] = match
      const begun = open.get(pid)
      open.delete(pid)
      if (!begun || begun.name !== name) throw new Error(`${path}:${position}: ${name} resumed that had not begun`)
      calls.push({ ...begun, args: begun.args + args, result, ended: position })
      continue
    }
    match = line.match(COMPLETE)
    if (match) {
      const [, pid, name, args, result] = match
      calls.push({ pid, name, args, result, began: position, ended: position })
    }
  }
  for (const call of calls) {
    // `-yy` shows what a descriptor is: 17</var/lib/chatd.db-wal>, 9<TCP:[127.0.0.1:1->127.0.0.1:2]>.
    call.target = decode(call.args.match(/^\d+<((?:->|[^<>])*)>/)?.[1] ?? '')
    call.data = bytesOf(call.args)
    call.result = Number(call.result)
  }
  return calls.sort((a, b) => a.began - b.began)
}
