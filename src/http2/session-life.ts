// The life of an HTTP/2 connection to a backend as steps. One `readFrames` for each batch that arrives. What
// a step does is the connection's (connection.ts, backend.ts); this table says what may follow what.

import { defineLife } from '../continuation/index.js'
import { CONNECTION_WAITS, type ConnectionSteps } from './connection-steps.js'

/** What a backend's steps ask of it beyond a frontend's. */
export interface SessionSteps extends ConnectionSteps {
  /** Sends our preface and SETTINGS; false: TLS has not agreed on HTTP/2. */
  greet(): boolean
  /** Streams wait to be reset as the peer bears it. */
  readonly isPacing: boolean
}

export const sessionLife = defineLife({
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
  fair: true,
})
const waitInHaste = suspend({
  then: 'readFrames',
  late: 'checkHealth',
  cancelled: 'sendGoaway',
  within: 'hasten',
  fair: true,
})
/** Streams are discarded: come back soon, to reset them as the budget allows. */
const waitAtPace = suspend({
  then: 'readFrames',
  late: 'checkHealth',
  cancelled: 'sendGoaway',
  within: 'pace',
  fair: true,
})
const waitToDrain = suspend({
  then: 'drain',
  late: 'checkHealth',
  cancelled: 'close',
  within: 'hasten',
  fair: true,
})
/**
 * For the peer's FIN, until the absolute time that the connection has set; what was written meanwhile may
 * move it.
 */
const waitForEnd = suspend({ then: 'linger', late: 'linger', cancelled: 'hurry' })

export const sessionSteps = sessionLife.steps<SessionSteps>({
  /** Connected. If it is HTTP/2 that was agreed on, our preface and SETTINGS go out. */
  greet: (c) => (c.greet() ? goto.readFrames : goto.end),
  /** Read what has arrived; the streams it concerns wake in this turn. */
  readFrames(c) {
    c.read()
    if (c.failed || c.socketOver) return goto.close
    if (c.checkIsDue) return goto.checkHealth
    c.awaitFrames()
    if (c.isPacing) return waitAtPace
    return c.inHaste ? waitInHaste : waitForFrames
  },
  /** Every few seconds: is the backend still there, is the connection still of use, is nothing overdue? */
  checkHealth(c) {
    if (!c.checkHealth()) return goto.close
    return c.isDraining ? goto.drain : goto.readFrames
  },
  /** No new streams; those there are may finish. */
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
