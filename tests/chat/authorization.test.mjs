// Who may do what: every role, tried on every event that names a conversation, a message or a member, in every state that
// a conversation can be in. What the table below does not grant must be refused, with the right code, and change nothing.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { chat, words } from '../common/harness.mjs'
import { CLIENT_EVENTS } from '../common/shapes.mjs'

const FAR = '2999-01-01T00:00:00.000Z'

const ROLES = ['owner', 'moderator', 'member', 'reader', 'muted', 'banned', 'stranger']
const STATES = ['group', 'channel', 'announcement', 'direct', 'deleted', 'nonexistent']

const INSIDERS = ['owner', 'moderator', 'member', 'reader', 'muted']
const WRITERS = ['owner', 'moderator', 'member']
const MODERATORS = ['owner', 'moderator']
const OWNER = ['owner']
const NOBODY = []

const target = ({ room }) => ({ conversationId: room })
const own = ({ mine }) => ({ messageId: mine })
const other = ({ theirs }) => ({ messageId: theirs })
/** At a member of this name; in a direct conversation, at the other of the two. */
const on = (name, more = {}) => ({ room, peer }) => ({ conversationId: room, userId: peer && name !== 'newcomer' ? peer : name, ...more })
const self = (more = {}) => ({ room, actor }) => ({ conversationId: room, userId: actor.user, ...more })

/**
 * `may`: who is granted it in a group. `direct`, `channel` and `announcement` say where it differs there; in a direct
 * conversation both are members. `writes`: a mute speaks first.
 */
const ACTIONS = [
  { event: 'message:send', payload: (at) => ({ ...target(at), content: words() }), may: WRITERS, announcement: MODERATORS, writes: true },
  { event: 'message:send', what: 'in answer', payload: (at) => ({ ...target(at), content: words(), replyTo: at.theirs }), may: WRITERS, announcement: MODERATORS, writes: true },
  { event: 'message:edit', what: 'own', payload: (at) => ({ ...own(at), content: words() }), may: WRITERS, announcement: MODERATORS, writes: true },
  { event: 'message:edit', what: "another's", payload: (at) => ({ ...other(at), content: words() }), may: NOBODY, writes: true },
  { event: 'message:delete', what: 'own', payload: own, may: ['owner', 'moderator', 'member', 'muted'] },
  { event: 'message:delete', what: "another's", payload: other, may: MODERATORS, direct: NOBODY },
  { event: 'message:react', payload: (at) => ({ ...other(at), emoji: '👍' }), may: WRITERS, writes: true },
  { event: 'message:react', what: 'taking back', payload: (at) => ({ ...own(at), emoji: '👍', remove: true }), may: WRITERS, writes: true },
  { event: 'message:delivered', payload: other, may: INSIDERS },
  { event: 'message:read', payload: other, may: INSIDERS },
  { event: 'message:history', payload: target, may: INSIDERS },
  { event: 'message:search', payload: (at) => ({ ...target(at), query: 'words' }), may: INSIDERS },
  { event: 'typing:start', payload: target, may: WRITERS, announcement: MODERATORS, writes: true },
  { event: 'typing:stop', payload: target, may: INSIDERS },
  { event: 'conversation:join', payload: target, may: INSIDERS, channel: [...INSIDERS, 'stranger'] },
  { event: 'conversation:leave', payload: target, may: INSIDERS },
  { event: 'conversation:update', what: 'title', payload: (at) => ({ ...target(at), title: 'Another' }), may: MODERATORS, direct: NOBODY },
  { event: 'conversation:update', what: 'settings', payload: (at) => ({ ...target(at), settings: { post: 'moderators' } }), may: MODERATORS, direct: NOBODY },
  { event: 'conversation:update', what: 'metadata', payload: (at) => ({ ...target(at), metadata: { a: 1 } }), may: MODERATORS, direct: WRITERS },
  { event: 'conversation:delete', payload: target, may: OWNER, direct: NOBODY },
  { event: 'conversation:members', payload: target, may: INSIDERS },
  { event: 'member:add', what: 'a member', payload: on('newcomer'), may: MODERATORS, direct: NOBODY },
  { event: 'member:add', what: 'a reader', payload: on('newcomer', { role: 'reader' }), may: MODERATORS, direct: NOBODY },
  { event: 'member:add', what: 'a moderator', payload: on('newcomer', { role: 'moderator' }), may: OWNER, direct: NOBODY },
  { event: 'member:remove', what: 'oneself', payload: self(), may: INSIDERS },
  { event: 'member:remove', what: 'a member', payload: on('some-member'), may: MODERATORS, direct: NOBODY },
  { event: 'member:remove', what: 'a reader', payload: on('some-reader'), may: MODERATORS, direct: NOBODY },
  { event: 'member:remove', what: 'a moderator', payload: on('some-moderator'), may: OWNER, direct: NOBODY },
  { event: 'member:remove', what: 'the owner', payload: on('owner'), may: NOBODY, not: 'owner' },
  { event: 'member:update', what: 'member to reader', payload: on('some-member', { role: 'reader' }), may: MODERATORS, direct: NOBODY },
  { event: 'member:update', what: 'reader to member', payload: on('some-reader', { role: 'member' }), may: MODERATORS, direct: NOBODY },
  { event: 'member:update', what: 'member to moderator', payload: on('some-member', { role: 'moderator' }), may: OWNER, direct: NOBODY },
  { event: 'member:update', what: 'moderator to member', payload: on('some-moderator', { role: 'member' }), may: OWNER, direct: NOBODY },
  { event: 'member:update', what: 'member to owner', payload: on('some-member', { role: 'owner' }), may: OWNER, direct: NOBODY },
  { event: 'member:update', what: 'the owner to member', payload: on('owner', { role: 'member' }), may: NOBODY, not: 'owner' },
  { event: 'member:update', what: 'oneself to moderator', payload: self({ role: 'moderator' }), may: NOBODY },
  { event: 'member:update', what: 'oneself to owner', payload: self({ role: 'owner' }), may: NOBODY },
  { event: 'member:update', what: 'mute a member', payload: on('some-member', { mutedUntil: FAR }), may: MODERATORS, direct: NOBODY },
  { event: 'member:update', what: 'mute a moderator', payload: on('some-moderator', { mutedUntil: FAR }), may: OWNER, direct: NOBODY },
  { event: 'member:update', what: 'mute the owner', payload: on('owner', { mutedUntil: FAR }), may: NOBODY, not: 'owner' },
  { event: 'member:update', what: 'unmute oneself', payload: self({ mutedUntil: null }), may: NOBODY },
  { event: 'member:update', what: 'ban a member', payload: on('some-member', { bannedUntil: FAR }), may: MODERATORS, direct: NOBODY },
  { event: 'member:update', what: 'ban a moderator', payload: on('some-moderator', { bannedUntil: FAR }), may: OWNER, direct: NOBODY },
  { event: 'member:update', what: 'ban the owner', payload: on('owner', { bannedUntil: FAR }), may: NOBODY, not: 'owner' },
  { event: 'member:update', what: 'unban oneself', payload: self({ bannedUntil: null }), may: NOBODY },
]

/** Events that name no conversation, message or member that exists already. */
const ELSEWHERE = ['authenticate', 'conversation:create', 'conversation:list', 'user:status', 'presence:get', 'notification:list', 'notification:read']

test('every event is either in the table or names nothing to be judged', () => {
  const judged = new Set([...ACTIONS.map(({ event }) => event), ...ELSEWHERE])
  assert.deepEqual([...judged].sort(), [...CLIENT_EVENTS].sort())
})

/** "ok", or the code of the refusal. */
function expected(action, role, state) {
  if (state === 'deleted' || state === 'nonexistent') return 'NOT_FOUND'
  const allowed = action[state] ?? action.may
  if (allowed.includes(role)) return 'ok'
  if (role === 'stranger') return state === 'channel' ? 'FORBIDDEN' : 'NOT_FOUND'
  if (role === 'banned') return 'BANNED'
  if (role === 'muted' && action.writes) return 'MUTED'
  return 'FORBIDDEN'
}

/** Which roles there can be in a state: a direct conversation has its two members and nobody above or below them. */
const rolesIn = (state) => (state === 'direct' ? ['member', 'stranger'] : ROLES)

/** A conversation in `state` in which `actor` is what `role` says, with a message of theirs and one of another member. */
async function stage({ clients, state, role }) {
  const { owner, author } = clients
  const actor = clients[role]
  if (state === 'nonexistent') {
    return { actor, room: `nowhere ${words()}`, mine: '01890000-0000-7000-8000-000000000001', theirs: '01890000-0000-7000-8000-000000000002' }
  }
  if (state === 'direct') {
    // The actor is one of the pair; the stranger looks at a pair of others. Each pair is used once.
    const pair = await clients.pair()
    const one = role === 'stranger' ? pair[0] : pair[1]
    const { conversation } = await pair[0].ok('conversation:create', { type: 'direct', members: [pair[1].user] })
    const room = conversation.id
    const theirs = (await pair[0].say(room, words())).id
    const mine = (await one.say(room, words())).id
    return { actor: role === 'stranger' ? actor : pair[1], watcher: pair[0], peer: pair[0].user, room, mine, theirs }
  }
  const type = state === 'channel' ? 'channel' : 'group'
  const members = [...new Set([actor.user, 'author', 'some-member', 'some-reader', 'some-moderator'])].filter((user) => user !== 'owner')
  const room = (await owner.ok('conversation:create', { type, members })).conversation.id
  const mine = (await actor.say(room, words())).id
  const theirs = (await author.say(room, words())).id
  const set = (userId, changes) => owner.ok('member:update', { conversationId: room, userId, ...changes })
  await set('some-reader', { role: 'reader' })
  await set('some-moderator', { role: 'moderator' })
  if (role === 'moderator' || role === 'reader') await set(actor.user, { role })
  if (role === 'muted') await set(actor.user, { mutedUntil: FAR })
  if (role === 'banned') await set(actor.user, { bannedUntil: FAR })
  if (role === 'stranger') await owner.ok('member:remove', { conversationId: room, userId: actor.user })
  if (state === 'announcement') await owner.ok('conversation:update', { conversationId: room, settings: { post: 'moderators' } })
  if (state === 'deleted') await owner.ok('conversation:delete', { conversationId: room })
  return { actor, watcher: state === 'deleted' ? null : owner, room, mine, theirs }
}

/** All that can be seen of a conversation, but for marks that move by themselves. */
async function snapshot(watcher, room) {
  const { conversation } = await watcher.ok('conversation:join', room)
  const { messages } = await watcher.ok('message:history', { conversationId: room })
  const { members } = await watcher.ok('conversation:members', { conversationId: room })
  const still = members.map(({ deliveredSeq, ...rest }) => rest)
  return { conversation, messages, members: still }
}

for (const state of STATES) {
  chat(`who may do what: ${state}`, { timeout: 120_000 }, async (scene, t) => {
    const clients = Object.fromEntries(
      await Promise.all([...ROLES, 'author'].map(async (name) => [name, await scene.connect(name)])),
    )
    let pairs = 0
    clients.pair = () => {
      pairs += 1
      return scene.users(`left-${pairs}`, `right-${pairs}`)
    }
    for (const action of ACTIONS) {
      const name = [action.event, action.what].filter(Boolean).join(', ')
      await t.test(name, async () => {
        const found = {}
        const wanted = {}
        await Promise.all(
          rolesIn(state)
            .filter((role) => role !== action.not)
            .map(async (role) => {
              const at = await stage({ clients, state, role })
              const want = expected(action, role, state)
              const before = want !== 'ok' && at.watcher && (await snapshot(at.watcher, at.room))
              const ack = await at.actor.emit(action.event, action.payload(at))
              wanted[role] = want
              found[role] = ack.ok ? 'ok' : ack.error.code
              if (before) assert.deepEqual(await snapshot(at.watcher, at.room), before, `${role}: refused, yet something changed`)
            }),
        )
        assert.deepEqual(found, wanted)
      })
    }
  })
}

chat('mutes and bans in a direct conversation are for nobody to give', async (scene) => {
  const [ann, bob] = await scene.users('ann', 'bob')
  const room = await scene.create(ann, [bob], { type: 'direct' })
  for (const changes of [{ mutedUntil: FAR }, { bannedUntil: FAR }, { role: 'reader' }, { role: 'owner' }]) {
    await ann.fails('FORBIDDEN', 'member:update', { conversationId: room, userId: 'bob', ...changes })
  }
  await ann.fails('FORBIDDEN', 'member:remove', { conversationId: room, userId: 'bob' })
  await ann.fails('FORBIDDEN', 'member:add', { conversationId: room, userId: 'cyd' })
  await bob.say(room, words())
})
