// @ts-check
// What the page knows. Whoever changes it calls `changed`, and what is on the screen follows.

/** @import { IAside, IConversation, IMember, IMessage, INotification, IPresence } from '../../../types/chatd.js' */

/**
 * A stretch of a conversation without a gap; what is on the screen. Older and newer messages come in by scrolling and
 * go out at the other end, so it never grows beyond `MAX_STRETCH`.
 * @typedef {{ messages: IMessage[], hasOlder: boolean, atEnd: boolean }} Stretch
 */

/**
 * @typedef {object} Conversation
 * @property {IConversation} info
 * @property {number} upTo the last `seq` that came here with all before it
 * @property {Set<number>} beyond what came after a gap
 * @property {number} unread
 * @property {IMessage | undefined} last
 * @property {Stretch | null} stretch
 * @property {Map<string, IAside>} asides own messages that wait for a moderator, and answers to commands
 * @property {Map<string, IMember> | null} members
 * @property {Map<string, number>} typing users, and the timers that forget them
 * @property {number | null} divider everything behind this `seq` was unread when the user came
 * @property {string} draft
 * @property {IMessage | null} replyTo
 * @property {IMessage | null} editing
 */

/**
 * A message on its way; `error` is why it does not go.
 * @typedef {{ conversationId: string, clientId: string, content: string, replyTo?: string, type?: string, at: string, error?: string }} Outgoing
 */

/** @typedef {{ kind: 'work' | 'warn' | 'good', text: string, action?: { label: string, run: () => void } }} Banner */

export const MAX_STRETCH = 240

export const state = {
  me: '',
  name: '',
  isOnline: false,
  /** @type {string | null} */
  epoch: null,
  /** @type {Map<string, Conversation>} */
  conversations: new Map(),
  /** @type {string | null} */
  moreConversations: null,
  /** @type {string | null} */
  open: null,
  /** @type {Map<string, Partial<IPresence>>} */
  presence: new Map(),
  inbox: {
    /** @type {INotification[]} */
    entries: [],
    /** @type {string | null} */
    cursor: null,
    unread: 0,
  },
  /** The messages that were seen last, for quotes and jumps. @type {Map<string, IMessage>} */
  seen: new Map(),
  /** @type {Outgoing[]} */
  outbox: [],
  /** @type {Banner | null} */
  banner: null,
  /** The message that a jump led to. @type {string | null} */
  highlight: null,
}

/** @type {Set<() => void>} */
const views = new Set()
let isPlanned = false

/** @param {() => void} view */
export const onChange = (view) => void views.add(view)

/** Draws once, after all that happens now. */
export function changed() {
  if (isPlanned) return
  isPlanned = true
  queueMicrotask(() => {
    isPlanned = false
    for (const view of views) view()
  })
}

/** @returns {Conversation | undefined} */
export const openConversation = () => (state.open === null ? undefined : state.conversations.get(state.open))

/** The other one of a direct conversation, once its members are known. @param {Conversation} conversation */
export function peerOf(conversation) {
  if (conversation.info.type !== 'direct') return undefined
  return [...(conversation.members?.keys() ?? [])].find((user) => user !== state.me)
}

/** @param {string} userId */
export const statusOf = (userId) => state.presence.get(userId)?.status ?? 'offline'

/** Who joins a channel is not announced, so the list that was read last knows better. @param {Conversation} conversation */
export const memberCount = ({ info, members }) => Math.max(info.members, members?.size ?? 0)

/** When something last happened there. @param {Conversation} conversation */
export const activity = ({ last, info }) => last?.timestamp ?? info.createdAt
