// How an application uses the types; compiled, never run.

import { io, type Socket } from 'socket.io-client'

import type { ClientToServerEvents, Code, Handshake, IMessage, ServerToClientEvents } from '../../types/chatd.js'

const auth: Handshake = { token: 'a.b.c', device: 'phone', resume: { epoch: 'e', conversations: { lobby: 7 } } }
const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io('http://127.0.0.1:3000', { auth })

socket.on('connected', ({ epoch, resumed }) => {
  const missed: IMessage[] = resumed?.['lobby']?.messages ?? []
  console.log(epoch.length, missed.length)
})
socket.on('message:new', (message) => {
  const content: string | null = message.content
  console.log(content ?? 'deleted')
})
socket.on('connect_error', (error) => console.error(error.message))

export async function say(conversationId: string, content: string): Promise<number | Code> {
  const answer = await socket.timeout(5_000).emitWithAck('message:send', { conversationId, content, clientId: '1' })
  return answer.ok ? answer.message.seq : answer.error.code
}

socket.emit('conversation:join', 'lobby', (answer) => {
  if (answer.ok) console.log(answer.unread, answer.conversation.title?.length)
})
socket.emit('user:status', { status: 'away', text: 'lunch' }, () => {})

// @ts-expect-error: no event of the protocol
socket.emit('message:shout', { content: 'x' }, () => {})
// @ts-expect-error: an unknown field
socket.emit('message:react', { messageId: 'm', emoji: '👍', count: 2 }, () => {})
// @ts-expect-error: an answer may be a refusal
socket.emit('message:delete', { messageId: 'm' }, (answer) => console.log(answer.message))
// @ts-expect-error: no event of the protocol
socket.on('message:typed', () => {})
// @ts-expect-error: nobody is announced as offline by `user:online`
socket.on('user:online', ({ status }) => status === 'offline')
