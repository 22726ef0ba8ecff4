// A shop whose buyers and sellers chat: the part of its back end that has to do with chatd.

import express from 'express'
import jwt from 'jsonwebtoken'
import { Webhook } from 'standardwebhooks'

const { CHAT_URL = 'http://127.0.0.1:3000', JWT_SECRET, API_KEY, WEBHOOK_SECRET, PORT = '8080' } = process.env

/** A request to chatd; what it refuses is thrown, with its code. */
async function chat(method, path, body, headers = {}) {
  const response = await fetch(`${CHAT_URL}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json', ...headers },
    body: body && JSON.stringify(body),
  })
  const answer = await response.json()
  if (!response.ok) throw Object.assign(new Error(`${method} ${path}: ${answer.detail}`), { code: answer.code })
  return answer
}

const tokenOf = (user) => jwt.sign({}, JWT_SECRET, { subject: user, expiresIn: '15m' })

const webhook = new Webhook(WEBHOOK_SECRET)
/** Events come at least once. A shop keeps their ids in its database, with what it does about them. */
const handled = new Set()

/** Where Firebase or APNs would be asked. */
const push = (user, { message }) => console.log(`push to ${user}: ${message}`)

const app = express()

// Your own login stands here: this one believes everybody.
app.post('/login', express.json(), async (request, response) => {
  const { user } = request.body
  await chat('PUT', `/users/${encodeURIComponent(user)}`)
  response.json({ token: tokenOf(user) })
})

// May be asked for twice: nothing is there twice then.
app.post('/orders', express.json(), async (request, response) => {
  const { id, buyer, seller } = request.body
  const conversationId = `order-${id}`
  const wanted = { ownerId: seller, type: 'group', id: conversationId, title: `Order ${id}`, members: [buyer] }
  await chat('POST', '/conversations', wanted).catch((error) => {
    if (error.code !== 'CONFLICT') throw error
  })
  const path = `/conversations/${conversationId}/messages`
  await chat('POST', path, { content: `Order ${id} is paid.` }, { 'idempotency-key': `paid-${id}` })
  response.json({ conversationId })
})

// The signature is over the bytes as they came, so they are not parsed before it is verified.
app.post('/chat/events', express.raw({ type: '*/*', limit: '1mb' }), (request, response) => {
  let event
  try {
    event = webhook.verify(request.body, request.headers)
  } catch {
    return response.sendStatus(401)
  }
  const id = request.get('webhook-id')
  if (event.type === 'notification.created' && event.data.connections === 0 && !handled.has(id)) {
    push(event.data.userId, event.data.notification)
  }
  handled.add(id)
  response.sendStatus(204)
})

const server = app.listen(Number(PORT), '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`))
