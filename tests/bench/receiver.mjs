// What takes webhooks in the benchmark: it answers and counts, and does not look. Told "open" it takes events; before that it
// asks for a second's patience. It tells its port, and then when it has had nothing for a while how many it took.

import { createServer } from 'node:http'

const IDLE_MS = 500

let open = false
let taken = 0
let last = 0
const server = createServer((request, response) => {
  request.resume()
  request.on('end', () => {
    if (!open) return response.writeHead(429, { 'retry-after': '1' }).end()
    taken += 1
    last = performance.now()
    return response.writeHead(204).end()
  })
})
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
process.on('message', () => {
  open = true
  const timer = setInterval(() => {
    if (taken === 0 || performance.now() - last < IDLE_MS) return
    clearInterval(timer)
    process.send({ taken })
  }, 50)
})
process.on('disconnect', () => process.exit())
