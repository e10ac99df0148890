// The steps of a client's HTTP/2 connection: one `readFrames` for each batch that arrives. connection.ts and
// frontend.ts do the work; this table says which step may follow which.

import { defineLife } from '../continuation/index.js'
import { CONNECTION_WAITS, type ConnectionSteps } from './connection-steps.js'

/** The parts that only the steps of a frontend need. */
export interface FrontendSteps extends ConnectionSteps {
  /** Reads the part of the client's preface that has come, and sends our SETTINGS after it. */
  readPreface(): void
  /** True once the preface has come and our SETTINGS are sent. */
  readonly greeted: boolean
  /** Fills the wait slot, and sets the deadline. */
  awaitMorePreface(): void
  /** True if the connection has had no streams for http2.frontendIdleMs. */
  readonly isUnused: boolean
}

export const frontendLife = defineLife({
  name: 'http2.frontend',
  source: import.meta.url,
  edges: {
    awaitPreface: ['awaitPreface', 'readFrames', 'close'],
    readFrames: ['readFrames', 'checkHealth', 'sendGoaway', 'close'],
    checkHealth: ['readFrames', 'drain', 'sendGoaway', 'close'],
    sendGoaway: ['drain'],
    drain: ['drain', 'checkHealth', 'close'],
    close: ['linger', 'end'],
    linger: ['linger', 'hurry', 'end'],
    hurry: ['linger', 'end'],
    end: ['done'],
  },
  waits: CONNECTION_WAITS,
})

const { goto, done, suspend } = frontendLife
/** Waits until the time that the connection has set: a trickle of octets does not extend it. */
const waitForPreface = suspend({ then: 'awaitPreface', late: 'close', cancelled: 'awaitPreface' })
const waitForFrames = suspend({
  then: 'readFrames',
  late: 'checkHealth',
  cancelled: 'sendGoaway',
  within: 'check',
  yieldFirst: true,
})
const waitInHaste = suspend({
  then: 'readFrames',
  late: 'checkHealth',
  cancelled: 'sendGoaway',
  within: 'hasten',
  yieldFirst: true,
})
const waitToDrain = suspend({
  then: 'drain',
  late: 'checkHealth',
  cancelled: 'close',
  within: 'hasten',
  yieldFirst: true,
})
/** Waits for streams that may be on their way, until the time that the connection has set. */
const waitForCrossing = suspend({ then: 'drain', late: 'drain', cancelled: 'close', yieldFirst: true })
/** Waits for the peer's FIN, until the time that the connection has set. Further writes may extend it. */
const waitForEnd = suspend({ then: 'linger', late: 'linger', cancelled: 'hurry' })

export const frontendSteps = frontendLife.steps<FrontendSteps>({
  /** Waits for the client's preface (RFC 9113 §3.4). */
  awaitPreface(c) {
    c.readPreface()
    if (c.greeted) return goto.readFrames
    if (c.failed || c.socketOver) return goto.close
    c.awaitMorePreface()
    return waitForPreface
  },
  /** Reads the bytes that have arrived. The streams concerned wake in this turn. */
  readFrames(c) {
    c.read()
    if (c.failed || c.socketOver) return goto.close
    if (c.checkIsDue) return goto.checkHealth
    c.awaitFrames()
    return c.inHaste ? waitInHaste : waitForFrames
  },
  /** Checks, every few seconds, that the client is alive, the connection in use, and nothing overdue. */
  checkHealth(c) {
    if (!c.checkHealth()) return goto.close
    if (c.isUnused) return c.isDraining ? goto.close : goto.sendGoaway
    return c.isDraining ? goto.drain : goto.readFrames
  },
  /** Stops taking new streams. Open ones may finish (RFC 9113 §6.8). */
  sendGoaway(c) {
    c.sendGoaway()
    return goto.drain
  },
  /** Serves open streams, and streams that are on their way. */
  drain(c) {
    c.read()
    if (c.failed || c.socketOver || c.isDrained) return goto.close
    if (c.checkIsDue) return goto.checkHealth
    c.awaitStreams()
    return c.until === 0 ? waitToDrain : waitForCrossing
  },
  /** Writes all pending output, then FIN. */
  close: (c) => (c.beginClose() ? goto.linger : goto.end),
  /** Lets the peer read the last bytes. Closing the socket now could reset the connection and lose them. */
  linger: (c) => (c.waitForPeerClose() ? waitForEnd : goto.end),
  /** Takes a cancel while lingering. */
  hurry: (c) => (c.hurry() ? goto.linger : goto.end),
  end(c) {
    c.closed()
    return done
  },
})
