// The steps of an HTTP/2 connection to a backend: one `readFrames` for each batch that arrives. connection.ts
// and session.ts do the work; this table says which step may follow which.

import { defineLife } from '../continuation/index.js'
import { CONNECTION_WAITS, type ConnectionSteps } from './connection-steps.js'

/** The parts that only the steps of a session need. */
export interface SessionSteps extends ConnectionSteps {
  /** Sends our preface and SETTINGS. Returns false if ALPN has not chosen HTTP/2. */
  greet(): boolean
  /** True while streams wait to be reset within the reset budget. */
  readonly isPacing: boolean
}

export const sessionLife = defineLife({
  name: 'http2.session',
  source: import.meta.url,
  edges: {
    greet: ['readFrames', 'end'],
    readFrames: ['readFrames', 'checkHealth', 'sendGoaway', 'close'],
    checkHealth: ['readFrames', 'drain', 'close'],
    sendGoaway: ['drain'],
    drain: ['drain', 'checkHealth', 'close'],
    close: ['linger', 'end'],
    linger: ['linger', 'hurry', 'end'],
    hurry: ['linger', 'end'],
    end: ['done'],
  },
  waits: CONNECTION_WAITS,
})

const { goto, done, suspend } = sessionLife
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
/** Waits a short time to reset discarded streams, as the budget allows. */
const waitAtPace = suspend({
  then: 'readFrames',
  late: 'checkHealth',
  cancelled: 'sendGoaway',
  within: 'pace',
  yieldFirst: true,
})
const waitToDrain = suspend({
  then: 'drain',
  late: 'checkHealth',
  cancelled: 'close',
  within: 'hasten',
  yieldFirst: true,
})
/** Waits for the peer's FIN, until the time that the connection has set. Further writes may extend it. */
const waitForEnd = suspend({ then: 'linger', late: 'linger', cancelled: 'hurry' })

export const sessionSteps = sessionLife.steps<SessionSteps>({
  /** Sends the preface and SETTINGS, unless ALPN has not chosen HTTP/2. */
  greet: (c) => (c.greet() ? goto.readFrames : goto.end),
  /** Reads the bytes that have arrived. The streams concerned wake in this turn. */
  readFrames(c) {
    c.read()
    if (c.failed || c.socketOver) return goto.close
    if (c.checkIsDue) return goto.checkHealth
    c.awaitFrames()
    if (c.isPacing) return waitAtPace
    return c.inHaste ? waitInHaste : waitForFrames
  },
  /** Checks, every few seconds, that the backend is alive, the connection in use, and nothing overdue. */
  checkHealth(c) {
    if (!c.checkHealth()) return goto.close
    return c.isDraining ? goto.drain : goto.readFrames
  },
  /** Stops taking new streams. Open ones may finish. */
  sendGoaway(c) {
    c.sendGoaway()
    return goto.drain
  },
  drain(c) {
    c.read()
    if (c.failed || c.socketOver || c.isDrained) return goto.close
    if (c.checkIsDue) return goto.checkHealth
    c.awaitStreams()
    return waitToDrain
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
