// The steps of a backend connection: one `readMessages` for each batch that arrives, or for a change of the
// current message. connection.ts and session.ts do the work; this table says which step may follow which.

import { defineLife, type Outcome } from '../continuation/index.js'
import type { ConnectionSteps } from './connection-steps.js'

export const sessionLife = defineLife({
  name: 'http1.session',
  source: import.meta.url,
  edges: {
    greet: ['readMessages'],
    readMessages: ['readMessages', 'drain', 'close'],
    drain: ['readMessages'],
    close: ['linger', 'end'],
    linger: ['linger', 'hurry', 'end'],
    hurry: ['linger', 'end'],
    end: ['done'],
  },
})

const { goto, done, suspend } = sessionLife
const waitForMessages = suspend({ then: 'readMessages', cancelled: 'drain' })
/** Waits for the next turn, after the connection has had its share of this one. */
const waitForNextTurn = suspend({ then: 'readMessages', cancelled: 'drain', yieldFirst: true })
/**
 * Waits for the peer's FIN, until the time that the connection has set. Bytes that are written may extend it.
 */
const waitForEnd = suspend({ then: 'linger', late: 'linger', cancelled: 'hurry' })

type Edges = typeof sessionLife.edges
export type Next<S extends keyof Edges> = Outcome<Edges[S][number]>

/** The parts that only the steps of a session need. */
export interface SessionSteps extends ConnectionSteps {
  greet(): Next<'greet'>
}

export const sessionSteps = sessionLife.steps<SessionSteps>({
  /** Reports the connected session to its engine. */
  greet: (c) => c.greet(),
  /** Reads the bytes that have arrived, as far as the current message lets more in. */
  readMessages(c) {
    c.read()
    if (c.failed) return goto.close
    c.awaitMore()
    return c.readEnough ? waitForNextTurn : waitForMessages
  },
  /** Makes the current message the last. */
  drain(c) {
    c.drain()
    return goto.readMessages
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
