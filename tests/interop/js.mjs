// A puppet on socket.io-client, of whatever version the first argument names: see session.test.mjs.
import { createInterface } from 'node:readline'

const { io } = await import(process.argv[2])
const TRANSPORTS = { websocket: ['websocket'], polling: ['polling'], upgrade: ['polling', 'websocket'] }
const say = (line) => console.log(JSON.stringify(line))
let socket

function connect({ url, auth, transport }) {
  socket = io(url, { auth, transports: TRANSPORTS[transport], forceNew: true, reconnection: false })
  socket.onAny((event, payload) => say({ event, payload }))
  socket.on('connect_error', ({ message }) => say({ refused: message }))
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line)
  if (order.do === 'connect') connect(order)
  if (order.do === 'emit') socket.emit(order.event, order.payload, (ack) => say({ ack }))
  if (order.do === 'disconnect') {
    socket.disconnect()
    say({ gone: true })
  }
}
process.exit()
