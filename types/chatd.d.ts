/**
 * The events that chatd and its clients exchange.
 *
 *     import { io, type Socket } from 'socket.io-client'
 *     import type { ClientToServerEvents, Handshake, ServerToClientEvents } from 'chatd-types'
 *
 *     const auth: Handshake = { token }
 *     const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io(url, { auth })
 *     const answer = await socket.emitWithAck('message:send', { conversationId, content: 'Hi!' })
 *     if (answer.ok) console.log(answer.message.seq)
 *     else console.error(answer.error.code)
 *
 * A refused handshake is a `connect_error` whose `message` is `CODE: text`.
 */

/** ISO 8601 in UTC with milliseconds. */
export type Time = string

export type ConversationType = 'direct' | 'group' | 'channel'
export type Role = 'owner' | 'moderator' | 'member' | 'reader'
/** As a choice, `offline` means: appear offline. */
export type Status = 'online' | 'away' | 'busy' | 'offline'
/** From which role on something is allowed. */
export type Policy = 'members' | 'moderators'

/** Emoji to the ids of the users who reacted with it. */
export type Reactions = Record<string, string[]>

export type Json = null | boolean | number | string | Json[] | JsonObject
export interface JsonObject {
  [key: string]: Json
}

/** Why something was refused; the sentence beside it is for people. */
export type Code =
  | 'TOKEN_MISSING'
  | 'TOKEN_INVALID'
  | 'TOKEN_EXPIRED'
  | 'TOKEN_REVOKED'
  | 'BANNED'
  | 'DENIED'
  | 'INVALID'
  | 'NOT_FOUND'
  | 'FORBIDDEN'
  | 'CONFLICT'
  | 'MUTED'
  | 'RATE_LIMITED'
  | 'TOO_LARGE'
  | 'TOO_MANY_CONNECTIONS'
  | 'UNAVAILABLE'
  | 'UNKNOWN_EVENT'
  | 'INTERNAL'

/** `auth` of the connection's options. */
export interface Handshake {
  token: string
  /** A name for this device. */
  device?: string
  /** The user's status from now on. */
  status?: Status
  /** What this device already has; `connected` then brings what it missed. */
  resume?: Resume
}

export interface Resume {
  /** Of the last `connected`. */
  epoch: string
  /** Conversation id to the last `seq` that this device has without a gap. */
  conversations: Record<string, number>
}

export interface IMessage {
  id: string
  conversationId: string
  /** 1, 2, 3, … in each conversation, without a gap. */
  seq: number
  senderId: string
  /** Null once the message was deleted. */
  content: string | null
  /** `text`, `image`, `file`, `system` (the server's own), or a token of the application. */
  type: string
  timestamp: Time
  /** As the sender gave it. */
  clientId?: string
  /** The id of the message that this one answers. */
  replyTo?: string
  attachments?: JsonObject[]
  /** The ids of the members that the content names as `@userId`. */
  mentions?: string[]
  metadata?: JsonObject
  reactions?: Reactions
  editedAt?: Time
  deletedAt?: Time
}

/**
 * A message outside of the order, which only its sender sees: one that waits for a moderator, one that a plugin keeps
 * from the others, the answer to a command. There is none where no plugin is loaded.
 */
export interface IAside extends Omit<IMessage, 'seq'> {
  seq: null
  /** It waits for a moderator: let through, it comes again with its `seq`. */
  pending?: true
}

export interface IConversation {
  id: string
  type: ConversationType
  title: string | null
  ownerId: string | null
  /** How many there are. */
  members: number
  /** The `seq` of the last message; 0 before the first. */
  lastSeq: number
  /** In `conversation:list`, where there is one. */
  lastMessage?: IMessage
  metadata?: JsonObject
  settings: Settings
  createdAt: Time
  updatedAt: Time
  /** In answers: messages of others that the asking user has not read. */
  unread?: number
  /** In answers: the asking user's own. */
  role?: Role
}

export interface Settings {
  /** Who may write. */
  post: Policy
  /** Who may bring others in. */
  invite: Policy
}

export interface IMember {
  userId: string
  role: Role
  joinedAt: Time
  /** There while a mute was set; it may be over. */
  mutedUntil?: Time
  /** There while a ban was set; it may be over. */
  bannedUntil?: Time
  /** The last message that a device of the user has; all before it count as well. */
  deliveredSeq: number
  /** The last message that the user has read; all before it count as well. */
  readSeq: number
}

export interface IPresence {
  userId: string
  status: Status
  text?: string
  /** Null where the user was never here. */
  lastSeen: Time | null
  /** Connections of the user; 0 for whoever is, or appears, offline. */
  devices: number
}

export interface INotification {
  id: string
  /** `mention`, `conversation.added`, `message`, or a token of the application. */
  type: string
  title?: string
  message: string
  /** With `message`: how many messages stand behind this one entry. */
  count?: number
  conversationId?: string
  messageId?: string
  data?: JsonObject
  createdAt: Time
  readAt?: Time
}

export interface Connected {
  userId: string
  /** A secret of this client. */
  socketId: string
  /** As the handshake named it. */
  device: string | null
  /** Of the token; `authenticate` with another one before. */
  expiresAt: Time | null
  serverTime: Time
  /** Names the history of the server's store: another epoch, other messages. */
  epoch: string
  /** Conversation id to what was missed there; where the handshake asked to resume. */
  resumed?: Record<string, Resumed>
}

export interface Resumed {
  /**
   * `complete`: with these messages nothing is missing. `truncated`: the first part, `message:history` has the rest.
   * `reset`: what this device has is not the beginning of what the server has; start over.
   */
  status: 'complete' | 'truncated' | 'reset'
  /** Ascending by `seq`. */
  messages: IMessage[]
  /** Of the conversation, 0 where it may not be seen. */
  lastSeq: number
}

export interface Reaction {
  messageId: string
  conversationId: string
  userId: string
  emoji: string
  /** The user took it back. */
  removed: boolean
  /** All there are on the message now. */
  reactions: Reactions
}

interface Mark {
  /** The last message of this receiver that the mark covers. */
  messageId: string
  conversationId: string
  /** Whose mark it is. */
  userId: string
  /** Of `messageId`. */
  seq: number
}
export interface DeliveredMark extends Mark {
  deliveredAt: Time
}
export interface ReadMark extends Mark {
  readAt: Time
}

export interface Typing {
  userId: string
  conversationId: string
}

export interface Refusal {
  /** One of the protocol's, or one that a plugin brings. */
  code: Code | (string & {})
  message: string
  /** With `RATE_LIMITED`. */
  retryAfterMs?: number
  /** With `INTERNAL`: the server's log line has it too. */
  errorId?: string
}

export interface ServerToClientEvents {
  /** The first event of every connection. */
  connected: (greeting: Connected) => void
  /** To every device that follows the conversation but the sending one. */
  'message:new': (message: IMessage | IAside) => void
  'message:updated': (message: IMessage | IAside) => void
  /** `content` is null, `deletedAt` is set. */
  'message:deleted': (message: IMessage | IAside) => void
  'message:reaction': (reaction: Reaction) => void
  /** To the sender: a device of the user has the message, and all before it. */
  'message:delivered': (mark: DeliveredMark) => void
  /** To the sender, and to the reader's other devices. */
  'message:read': (mark: ReadMark) => void
  'typing:start': (typing: Typing) => void
  'typing:stop': (typing: Typing) => void
  /** The user's first device came, or the status changed. To users who share a conversation. */
  'user:online': (user: { userId: string; status: Exclude<Status, 'offline'> }) => void
  'user:offline': (user: { userId: string; lastSeen: Time }) => void
  /** Also to a user who was just added. */
  'conversation:updated': (conversation: IConversation) => void
  /** Also to a user who was just removed. */
  'conversation:deleted': (conversation: { conversationId: string }) => void
  'notification:new': (notification: INotification) => void
  /** A failure that no acknowledgement carries. */
  error: (error: Refusal & { event?: string }) => void
  /** The connection is about to close; come back after this time. */
  'server:shutdown': (notice: { reconnectAfterMs: number }) => void
  /** This device read too slowly and missed something there: ask `message:history` behind its last `seq`. */
  'sync:required': (missed: { conversationIds: string[] }) => void
}

export type Answer<Body = unknown> = ({ ok: true } & Body) | { ok: false; error: Refusal }

/** What an event without an answer of its own is acknowledged with. */
export type Nothing = Record<never, never>

/**
 * The acknowledgement is optional on the wire. The stock client's types have one signature for each event, and infer
 * the answer of `emitWithAck` from it; so it is required here.
 */
type Verb<Payload, Body = Nothing> = (payload: Payload, ack: (answer: Answer<Body>) => void) => void

export interface Paging {
  /** Up to 200, by default 50. */
  limit?: number
  /** Of the page before. */
  cursor?: string
}

export interface Draft {
  conversationId: string
  /** May be left out beside attachments. */
  content?: string
  /** By default `text`. */
  type?: string
  /** Up to 64 bytes: a retry with the same one is answered with the same message, and not stored again. */
  clientId?: string
  replyTo?: string
  attachments?: JsonObject[]
  metadata?: JsonObject
}

type InConversation = { conversationId: string }
type OfMessage = { messageId: string }
type AboutMember = { conversationId: string; userId: string }

export interface ClientToServerEvents {
  /** Replaces the connection's token by another one of the same user. */
  authenticate: Verb<{ token: string }, { userId: string; expiresAt: Time | null }>

  /** The answer means: it is on disk. */
  'message:send': Verb<Draft, { message: IMessage | IAside; duplicate: boolean }>
  /** By the sender, for a while. */
  'message:edit': Verb<OfMessage & { content: string }, { message: IMessage | IAside }>
  /** By the sender or a moderator. */
  'message:delete': Verb<OfMessage, { message: IMessage | IAside }>
  'message:react': Verb<OfMessage & { emoji: string; remove?: boolean }, { reactions: Reactions }>
  /** This device has the message, and all before it. */
  'message:delivered': Verb<OfMessage, { seq: number }>
  /** The user has read the message, and all before it. */
  'message:read': Verb<OfMessage, { seq: number; unread: number }>
  /** Bounds are exclusive. Ascending by `seq`: with `after` alone the first ones behind it, else the last ones. */
  'message:history': Verb<
    InConversation & { before?: number; after?: number; limit?: number },
    { messages: (IMessage | IAside)[]; hasMore: boolean }
  >
  /** Newest first. */
  'message:search': Verb<
    Paging & { query: string; conversationId?: string },
    { messages: IMessage[]; cursor: string | null }
  >

  /** Holds for some seconds; start again while the user goes on typing. */
  'typing:start': Verb<InConversation>
  'typing:stop': Verb<InConversation>

  /** This device follows the conversation; of a channel, the user becomes a member. */
  'conversation:join': Verb<string | InConversation, { conversation: IConversation; lastSeq: number; unread: number }>
  /** This device follows no more; membership stays. */
  'conversation:leave': Verb<string | InConversation>
  /** A direct conversation has exactly one other member; where the two have one already, the answer is that one. */
  'conversation:create': Verb<
    { id?: string; type: ConversationType; title?: string; members?: string[]; metadata?: JsonObject },
    { conversation: IConversation }
  >
  /** Null takes a title or metadata away. */
  'conversation:update': Verb<
    InConversation & { title?: string | null; metadata?: JsonObject | null; settings?: Partial<Settings> },
    { conversation: IConversation }
  >
  'conversation:delete': Verb<InConversation>
  /** The user's own, latest activity first. */
  'conversation:list': Verb<Paging | null, { conversations: IConversation[]; cursor: string | null }>
  'conversation:members': Verb<InConversation & Paging, { members: IMember[]; cursor: string | null }>

  'member:add': Verb<AboutMember & { role?: Role }, { member: IMember }>
  /** A user may always remove themself. */
  'member:remove': Verb<AboutMember, { member: IMember }>
  /** Null ends a mute or ban. */
  'member:update': Verb<
    AboutMember & { role?: Role; mutedUntil?: Time | null; bannedUntil?: Time | null },
    { member: IMember }
  >

  /** Over all devices, until it is changed again. */
  'user:status': Verb<Status | { status: Status; text?: string }, { status: Status }>
  /** Of up to 200 users; who shares no conversation is left out. */
  'presence:get': Verb<{ userIds: string[] }, { presence: IPresence[] }>

  'notification:list': Verb<Paging | null, { notifications: INotification[]; cursor: string | null; unread: number }>
  'notification:read': Verb<{ notificationId: string } | { all: true }, { unread: number }>
}

/** What an application is told over HTTP, as chatd-webhooks(7) has it: the data of each type. */
export interface WebhookData {
  'message.created': IMessage
  'message.updated': IMessage
  'message.deleted': IMessage
  'message.reaction': Reaction
  'conversation.created': IConversation
  'conversation.updated': IConversation
  'conversation.deleted': { conversationId: string }
  'member.added': { conversationId: string; userId: string; conversation: IConversation }
  'member.updated': { conversationId: string; userId: string; member: IMember }
  'member.removed': { conversationId: string; userId: string }
  'user.online': { userId: string; status: Status }
  'user.offline': { userId: string; lastSeen: Time }
  /** `devices` are the names of those that are connected and have it, `absent` those to push to, the latest first. */
  'notification.created': {
    userId: string
    notification: INotification
    devices: string[]
    connections: number
    absent: { device: string; lastSeen: Time }[]
  }
  /** Which plugin held it, and why. */
  'moderation.held': { message: IAside; plugin: string; reason: string }
  'webhook.test': { webhook: string }
}

/** The body of a request. */
export type WebhookEvent = {
  [Type in keyof WebhookData]: { type: Type; timestamp: Time; data: WebhookData[Type] }
}[keyof WebhookData]
