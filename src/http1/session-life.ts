// The life of a connection to a backend as steps. One `readMessages` for each batch that arrives, or for a
// change of the message in progress. What a step does is the connection's (connection.ts, backend.ts); this
// table says what may follow what.

import { defineLife, type Outcome } from '../continuation/index.js'
import type { ConnectionSteps } from './connection-steps.js'

export const sessionLife = defineLife({
  edges: {
    greet: ['readMessages'],
    readMessages: ['readMessages', 'checkHealth', 'drain', 'close'],
    checkHealth: ['readMessages'],
    drain: ['readMessages'],
    close: ['linger', 'end'],
    linger: ['linger', 'hurry', 'end'],
    hurry: ['linger', 'end'],
    end: ['done'],
  },
  waits: ['check'],
})

const { goto, done, suspend } = sessionLife
const waitForMessages = suspend({
  then: 'readMessages',
  late: 'checkHealth',
  cancelled: 'drain',
  within: 'check',
})
/** Until the absolute time that the connection has set. */
const waitUntilDue = suspend({ then: 'readMessages', late: 'checkHealth', cancelled: 'drain' })
/** After a connection's share of a turn: what has come beyond is read in the next. */
const waitForNextTurn = suspend({
  then: 'readMessages',
  late: 'checkHealth',
  cancelled: 'drain',
  within: 'check',
  fair: true,
})
/**
 * For the peer's FIN, until the absolute time that the connection has set; what was written meanwhile may
 * move it.
 */
const waitForEnd = suspend({ then: 'linger', late: 'linger', cancelled: 'hurry' })

type Edges = typeof sessionLife.edges
export type Next<S extends keyof Edges> = Outcome<Edges[S][number]>

/** What a backend's steps ask of it beyond a client's. */
export interface SessionSteps extends ConnectionSteps {
  greet(): Next<'greet'>
  checkHealth(): void
}

export const sessionSteps = sessionLife.steps<SessionSteps>({
  /** Connected. */
  greet: (c) => c.greet(),
  /** Read what has arrived, as far as the message in progress lets more in. */
  readMessages(c) {
    c.read()
    if (c.failed) return goto.close
    if (c.checkIsDue) return goto.checkHealth
    c.awaitMore()
    if (c.readEnough) return waitForNextTurn
    return c.until === 0 ? waitForMessages : waitUntilDue
  },
  /** Nothing has arrived for a while: one that is no longer of use is retired, and its engine closes it. */
  checkHealth(c) {
    c.checkHealth()
    return goto.readMessages
  },
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
