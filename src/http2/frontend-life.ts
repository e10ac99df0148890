// The life of a client's HTTP/2 connection as steps. One `readFrames` for each batch that arrives. What a
// step does is the connection's (connection.ts, frontend.ts); this table says what may follow what.

import { defineLife } from '../continuation/index.js'
import { CONNECTION_WAITS, type ConnectionSteps } from './connection-steps.js'

/** What a frontend's steps ask of it beyond a backend's. */
export interface FrontendSteps extends ConnectionSteps {
  /** Reads as much of the client's preface as has come, and answers it with ours. */
  readPreface(): void
  /** The preface has come, and is answered. */
  readonly greeted: boolean
  /** Fills the wait slot, and sets the deadline. */
  awaitMorePreface(): void
  /** It has had no streams for long. */
  readonly isUnused: boolean
}

export const frontendLife = defineLife({
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
/** Until the absolute time that the connection has set: octets that trickle in do not prolong it. */
const waitForPreface = suspend({ then: 'awaitPreface', late: 'close', cancelled: 'awaitPreface' })
const waitForFrames = suspend({
  then: 'readFrames',
  late: 'checkHealth',
  cancelled: 'sendGoaway',
  within: 'check',
  fair: true,
})
const waitInHaste = suspend({
  then: 'readFrames',
  late: 'checkHealth',
  cancelled: 'sendGoaway',
  within: 'hasten',
  fair: true,
})
const waitToDrain = suspend({
  then: 'drain',
  late: 'checkHealth',
  cancelled: 'close',
  within: 'hasten',
  fair: true,
})
/** For streams that may be on their way, until the absolute time that the connection has set. */
const waitForCrossing = suspend({ then: 'drain', late: 'drain', cancelled: 'close', fair: true })
/**
 * For the peer's FIN, until the absolute time that the connection has set; what was written meanwhile may
 * move it.
 */
const waitForEnd = suspend({ then: 'linger', late: 'linger', cancelled: 'hurry' })

export const frontendSteps = frontendLife.steps<FrontendSteps>({
  /** Wait for the client's preface (RFC 9113 §3.4). */
  awaitPreface(c) {
    c.readPreface()
    if (c.greeted) return goto.readFrames
    if (c.failed || c.socketOver) return goto.close
    c.awaitMorePreface()
    return waitForPreface
  },
  /** Read what has arrived; the streams it concerns wake in this turn. */
  readFrames(c) {
    c.read()
    if (c.failed || c.socketOver) return goto.close
    if (c.checkIsDue) return goto.checkHealth
    c.awaitFrames()
    return c.inHaste ? waitInHaste : waitForFrames
  },
  /** Every few seconds: is the client still there, is the connection still of use, is nothing overdue? */
  checkHealth(c) {
    if (!c.checkHealth()) return goto.close
    if (c.isUnused) return c.isDraining ? goto.close : goto.sendGoaway
    return c.isDraining ? goto.drain : goto.readFrames
  },
  /** No new streams; those there are may finish (RFC 9113 §6.8). */
  sendGoaway(c) {
    c.sendGoaway()
    return goto.drain
  },
  /** Serve the streams that are there, and those that are on their way. */
  drain(c) {
    c.read()
    if (c.failed || c.socketOver || c.isDrained) return goto.close
    if (c.checkIsDue) return goto.checkHealth
    c.awaitStreams()
    return c.until === 0 ? waitToDrain : waitForCrossing
  },
  /** Write all that was pending, then FIN. */
  close: (c) => (c.beginClose() ? goto.linger : goto.end),
  /**
   * Let the peer read the last bytes before the socket goes: destroyed now, they could be lost to a TCP
   * reset.
   */
  linger: (c) => (c.waitForPeerClose() ? waitForEnd : goto.end),
  /** Told to end while it lingers. */
  hurry: (c) => (c.hurry() ? goto.linger : goto.end),
  end(c) {
    c.closed()
    return done
  },
})
