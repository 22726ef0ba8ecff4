// What the suites find in a browser, for Node.js.
import chai from 'chai'
import chaiString from 'chai-string'
import { WebSocket as Ws } from 'ws'

chai.use(chaiString)

class BrowserWebSocket extends Ws {
  constructor(url) {
    // One message, one task: the suites begin to listen for the next message only then.
    super(url, { allowSynchronousEvents: false })
    // A handshake that is refused closes the socket, and is no exception that nobody caught.
    this.on('error', () => {})
  }
}

Object.assign(globalThis, { chai, WebSocket: BrowserWebSocket })
