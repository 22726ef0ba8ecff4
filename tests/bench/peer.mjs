// The peer of the benchmark: the chat back end that one writes with socket.io, as a careful user would. A token at the
// handshake, rooms, and each message in SQLite before it is acknowledged and told.

import { createServer } from 'node:http'
import { randomUUID } from 'node:crypto'

import Database from 'better-sqlite3'
import jwt from 'jsonwebtoken'
import { Server } from 'socket.io'

const { PORT, SECRET, DATABASE, SYNCHRONOUS = 'NORMAL', DEFLATE } = process.env

const db = new Database(DATABASE)
db.pragma('journal_mode = WAL')
db.pragma(`synchronous = ${SYNCHRONOUS}`)
db.exec(`
  CREATE TABLE messages (
    id TEXT PRIMARY KEY, conversation TEXT NOT NULL, seq INTEGER NOT NULL, sender TEXT NOT NULL,
    content TEXT NOT NULL, client_id TEXT, at INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX messages_by_seq ON messages (conversation, seq);
`)
const insert = db.prepare('INSERT INTO messages (id, conversation, seq, sender, content, client_id, at) VALUES (?, ?, ?, ?, ?, ?, ?)')

const server = createServer()
const io = new Server(server, { perMessageDeflate: DEFLATE ? { threshold: 1024 } : false })

io.use((socket, next) => {
  try {
    socket.data.user = jwt.verify(socket.handshake.auth.token, SECRET, { algorithms: ['HS256'] }).sub
    next()
  } catch {
    next(new Error('TOKEN_INVALID'))
  }
})

const seqs = new Map()

io.on('connection', (socket) => {
  socket.on('conversation:join', ({ conversationId }, ack) => {
    socket.join(conversationId)
    ack({ ok: true })
  })

  socket.on('message:send', ({ conversationId, content, clientId }, ack) => {
    if (!socket.rooms.has(conversationId)) return ack({ ok: false, error: { code: 'FORBIDDEN' } })
    if (typeof content !== 'string') return ack({ ok: false, error: { code: 'INVALID' } })
    const seq = (seqs.get(conversationId) ?? 0) + 1
    seqs.set(conversationId, seq)
    const at = new Date()
    const message = { id: randomUUID(), conversationId, seq, senderId: socket.data.user, content, type: 'text', timestamp: at.toISOString(), clientId }
    insert.run(message.id, conversationId, seq, message.senderId, content, clientId, at.getTime())
    socket.to(conversationId).emit('message:new', message)
    ack({ ok: true, message, duplicate: false })
  })

  for (const event of ['typing:start', 'typing:stop']) {
    socket.on(event, ({ conversationId }, ack) => {
      if (!socket.rooms.has(conversationId)) return ack({ ok: false, error: { code: 'FORBIDDEN' } })
      socket.to(conversationId).emit(event, { userId: socket.data.user, conversationId })
      ack({ ok: true })
    })
  }
})

server.listen(Number(PORT), '127.0.0.1', () => console.log('listening'))
