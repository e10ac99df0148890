// The life of a client's connection as steps. One `readMessages` for each batch that arrives, or for a change
// of the message in progress. What a step does is the connection's (connection.ts, frontend.ts); this table
// says what may follow what.

import { defineLife } from '../continuation/index.js'
import type { ConnectionSteps } from './connection-steps.js'

/** What a frontend's steps ask of it beyond a backend's. */
export interface FrontendSteps extends ConnectionSteps {
  /** Ends what is overdue; false: close. */
  checkHealth(): boolean
}

export const frontendLife = defineLife({
  edges: {
    readMessages: ['readMessages', 'checkHealth', 'drain', 'close'],
    checkHealth: ['readMessages', 'close'],
    drain: ['readMessages'],
    close: ['linger', 'end'],
    linger: ['linger', 'hurry', 'end'],
    hurry: ['linger', 'end'],
    end: ['done'],
  },
  waits: ['check'],
})

const { goto, done, suspend } = frontendLife
const waitForMessages = suspend({
  then: 'readMessages',
  late: 'checkHealth',
  cancelled: 'drain',
  within: 'check',
})
/** Until the absolute time that the connection has set. */
const waitUntilDue = suspend({ then: 'readMessages', late: 'checkHealth', cancelled: 'drain' })
/**
 * For the peer's FIN, until the absolute time that the connection has set; what was written meanwhile may
 * move it.
 */
const waitForEnd = suspend({ then: 'linger', late: 'linger', cancelled: 'hurry' })

export const frontendSteps = frontendLife.steps<FrontendSteps>({
  /** Read what has arrived, as far as the message in progress lets more in. */
  readMessages(c) {
    c.read()
    if (c.failed) return goto.close
    if (c.checkIsDue) return goto.checkHealth
    c.awaitMore()
    return c.until === 0 ? waitForMessages : waitUntilDue
  },
  /** Nothing has arrived for a while: is the connection still of use? */
  checkHealth: (c) => (c.checkHealth() ? goto.readMessages : goto.close),
  /** The message in progress is the last. */
  drain(c) {
    c.drain()
    return goto.readMessages
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
