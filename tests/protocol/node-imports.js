// What the suites find in a browser, for Node.js. With PATIENT=1 the client does what every real one does and the suites
// do not: it answers a PING whenever it comes, also the one that the library sends right behind the handshake.
import chai from 'chai'
import chaiString from 'chai-string'
import { WebSocket as Ws } from 'ws'

chai.use(chaiString)

/** One message, one task, as in a browser: the suites begin to listen for the next message only then. */
class Plain extends Ws {
  constructor(url) {
    super(url, { allowSynchronousEvents: false })
  }
}

/** Swallows and answers the first PING. */
class Patient extends Plain {
  #met = false

  emit(name, ...args) {
    if (name === 'message' && !this.#met && !args[1] && args[0].toString() === '2') {
      this.#met = true
      this.send('3')
      return true
    }
    return super.emit(name, ...args)
  }
}

/** The same for polling: it is fetched right behind the handshake. */
async function patientFetch(url, options = {}) {
  const answer = await fetchAsIs(url, options)
  const { searchParams } = new URL(url)
  const isHandshake = !searchParams.has('sid') && searchParams.get('transport') === 'polling' && answer.status === 200
  if (!isHandshake) return answer
  const text = await answer.text()
  const session = `${url}&sid=${JSON.parse(text.slice(1)).sid}`
  const first = await (await fetchAsIs(session)).text()
  if (first !== '2') throw new Error(`the first packet is ${first}`)
  await fetchAsIs(session, { method: 'post', body: '3' })
  return new Response(text, answer)
}

const fetchAsIs = globalThis.fetch
const patient = process.env.PATIENT === '1'
Object.assign(globalThis, { chai, WebSocket: patient ? Patient : Plain, fetch: patient ? patientFetch : fetchAsIs })
