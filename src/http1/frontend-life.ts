// The steps of a client connection: one `readMessages` for each batch that arrives, or for a change of the
// current message. connection.ts and frontend.ts do the work; this table says which step may follow which.

import { defineLife } from '../continuation/index.js'
import type { ConnectionSteps } from './connection-steps.js'

/** The parts that only the steps of a frontend need. */
export interface FrontendSteps extends ConnectionSteps {
  /** A check is due, although bytes keep arriving. */
  readonly checkIsDue: boolean
  /** Ends what is overdue. Returns false to close the connection. */
  checkHealth(): boolean
}

export const frontendLife = defineLife({
  name: 'http1.frontend',
  source: import.meta.url,
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
/** Waits until the time that the connection has set. */
const waitUntilDue = suspend({ then: 'readMessages', late: 'checkHealth', cancelled: 'drain' })
/** Waits for the peer's FIN, until the time that the connection has set. Further writes may extend it. */
const waitForEnd = suspend({ then: 'linger', late: 'linger', cancelled: 'hurry' })

export const frontendSteps = frontendLife.steps<FrontendSteps>({
  /** Reads the bytes that have arrived, as far as the current message lets more in. */
  readMessages(c) {
    c.read()
    if (c.failed) return goto.close
    if (c.checkIsDue) return goto.checkHealth
    c.awaitMore()
    return c.until === 0 ? waitForMessages : waitUntilDue
  },
  /** Checks the connection: something is due, or nothing has arrived for a while. */
  checkHealth: (c) => (c.checkHealth() ? goto.readMessages : goto.close),
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
