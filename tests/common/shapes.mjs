// The shapes of everything that the server says, as the protocol promises them. The client wrapper holds every event
// and acknowledgement of every test against them.

const string = (value) => typeof value === 'string'
const text = (value) => string(value) && value.length > 0
const count = (value) => Number.isSafeInteger(value) && value >= 0
const place = (value) => value === null || seq(value)
const seq = (value) => Number.isSafeInteger(value) && value >= 1
const bool = (value) => typeof value === 'boolean'
const object = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
const time = (value) => string(value) && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value)
const uuid7 = (value) => string(value) && /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(value)
const oneOf = (...values) => (value) => values.includes(value)
const nullable = (check) => (value) => value === null || check(value)
const listOf = (check) => (value) => Array.isArray(value) && value.every(check)
const mapOf = (check) => (value) => object(value) && Object.values(value).every(check)

/** A table `field: check`; a name that ends in `?` may be missing. */
function record(table) {
  const fields = Object.entries(table).map(([name, check]) => [name.replace(/\?$/, ''), check, name.endsWith('?')])
  const known = new Set(fields.map(([name]) => name))
  const problems = (value, path) => {
    if (!object(value)) return [`${path}: not an object`]
    const found = Object.keys(value).filter((key) => !known.has(key)).map((key) => `${path}.${key}: not in the protocol`)
    for (const [name, check, optional] of fields) {
      if (!(name in value)) {
        if (!optional) found.push(`${path}.${name}: missing`)
      } else if (check.problems) {
        found.push(...check.problems(value[name], `${path}.${name}`))
      } else if (!check(value[name])) {
        found.push(`${path}.${name}: ${JSON.stringify(value[name])}`)
      }
    }
    return found
  }
  const check = (value) => problems(value, '').length === 0
  check.problems = problems
  return check
}

const reactions = mapOf((users) => listOf(text)(users) && users.length > 0)

export const message = record({
  id: uuid7,
  conversationId: text,
  seq: place,
  senderId: text,
  content: nullable(string),
  type: (value) => string(value) && /^[a-z0-9_.-]{1,32}$/.test(value),
  timestamp: time,
  'clientId?': text,
  'replyTo?': uuid7,
  'attachments?': (value) => listOf(object)(value) && value.length > 0,
  'mentions?': (value) => listOf(text)(value) && value.length > 0,
  'metadata?': object,
  'reactions?': (value) => reactions(value) && Object.keys(value).length > 0,
  'editedAt?': time,
  'deletedAt?': time,
  'pending?': oneOf(true),
})

const role = oneOf('owner', 'moderator', 'member', 'reader')
const status = oneOf('online', 'away', 'busy', 'offline')

export const conversation = record({
  id: text,
  type: oneOf('direct', 'group', 'channel'),
  title: nullable(string),
  ownerId: nullable(text),
  members: count,
  lastSeq: count,
  'lastMessage?': message,
  'metadata?': object,
  settings: object,
  createdAt: time,
  updatedAt: time,
  'unread?': count,
  'role?': role,
})

export const member = record({
  userId: text,
  role,
  joinedAt: time,
  'mutedUntil?': time,
  'bannedUntil?': time,
  deliveredSeq: count,
  readSeq: count,
})

export const notification = record({
  id: uuid7,
  type: text,
  'title?': string,
  message: string,
  'count?': seq,
  'conversationId?': text,
  'messageId?': uuid7,
  'data?': object,
  createdAt: time,
  'readAt?': time,
})

const presence = record({
  userId: text,
  status,
  'text?': string,
  lastSeen: nullable(time),
  devices: (value) => count(value) || Array.isArray(value),
})

const resumed = mapOf(record({ status: oneOf('complete', 'truncated', 'reset'), messages: listOf(message), lastSeq: count }))

const error = record({ message: text, 'code?': text, 'event?': string, 'retryAfterMs?': count, 'errorId?': text })

const events = {
  connected: record({
    userId: text,
    socketId: text,
    device: nullable(text),
    expiresAt: nullable(time),
    serverTime: time,
    epoch: text,
    'resumed?': resumed,
  }),
  'message:new': message,
  'message:updated': message,
  'message:deleted': message,
  'message:reaction': record({ messageId: uuid7, conversationId: text, userId: text, emoji: text, removed: bool, reactions }),
  'message:delivered': record({ messageId: uuid7, conversationId: text, userId: text, seq, deliveredAt: time }),
  'message:read': record({ messageId: uuid7, conversationId: text, userId: text, seq, readAt: time }),
  'typing:start': record({ userId: text, conversationId: text }),
  'typing:stop': record({ userId: text, conversationId: text }),
  'user:online': record({ userId: text, status: oneOf('online', 'away', 'busy') }),
  'user:offline': record({ userId: text, lastSeen: time }),
  'conversation:updated': conversation,
  'conversation:deleted': record({ conversationId: text }),
  'notification:new': notification,
  error,
  'server:shutdown': record({ reconnectAfterMs: count }),
  'sync:required': record({ conversationIds: listOf(text) }),
}

const ok = (table) => record({ ok: oneOf(true), ...table })
const page = (name, check) => ok({ [name]: listOf(check), cursor: nullable(text) })
const acks = {
  authenticate: ok({ userId: text, expiresAt: nullable(time) }),
  'message:send': ok({ message, duplicate: bool }),
  'message:edit': ok({ message }),
  'message:delete': ok({ message }),
  'message:react': ok({ reactions }),
  'message:delivered': ok({ seq: count }),
  'message:read': ok({ seq: count, unread: count }),
  'message:history': ok({ messages: listOf(message), hasMore: bool }),
  'message:search': page('messages', message),
  'typing:start': ok({}),
  'typing:stop': ok({}),
  'conversation:join': ok({ conversation, lastSeq: count, unread: count }),
  'conversation:leave': ok({}),
  'conversation:create': ok({ conversation }),
  'conversation:update': ok({ conversation }),
  'conversation:delete': ok({}),
  'conversation:list': page('conversations', conversation),
  'conversation:members': page('members', member),
  'member:add': ok({ member }),
  'member:remove': ok({ member }),
  'member:update': ok({ member }),
  'user:status': ok({ status }),
  'presence:get': ok({ presence: listOf(presence) }),
  'notification:list': ok({ notifications: listOf(notification), cursor: nullable(text), unread: count }),
  'notification:read': ok({ unread: count }),
}

const CODES = [
  'TOKEN_MISSING', 'TOKEN_INVALID', 'TOKEN_EXPIRED', 'TOKEN_REVOKED', 'BANNED', 'DENIED', 'INVALID', 'NOT_FOUND', 'FORBIDDEN',
  'CONFLICT', 'MUTED', 'RATE_LIMITED', 'TOO_LARGE', 'TOO_MANY_CONNECTIONS', 'UNAVAILABLE', 'UNKNOWN_EVENT', 'INTERNAL',
]
const refusal = record({
  ok: oneOf(false),
  error: record({ code: (value) => CODES.includes(value) || /^[A-Z][A-Z0-9_]{0,31}$/.test(value), message: text, 'retryAfterMs?': count, 'errorId?': text }),
})

/** What is wrong with an event as it came, in sentences; nothing where it fits. */
/** Names of events that are an application's own begin so. */
const OWN = 'app:'

export function eventProblems(event, args) {
  if (event.startsWith(OWN)) return []
  const check = events[event]
  if (!check) return [`${event}: no event of the protocol`]
  if (args.length !== 1) return [`${event}: ${args.length} arguments`]
  return check.problems(args[0], event)
}

export function ackProblems(event, answer) {
  if (answer?.ok === false) return refusal.problems(answer, `${event} refused`)
  const check = acks[event]
  return check ? check.problems(answer, `${event} ack`) : [`${event}: acknowledged, yet no event of the protocol`]
}

export const CLIENT_EVENTS = Object.keys(acks)
