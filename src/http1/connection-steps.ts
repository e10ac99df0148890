// What the steps of a connection ask of it, in either role. The steps and what may follow them are
// frontend-life.ts and session-life.ts; here are the questions and the actions that both tables use.

import type { Continuation } from '../continuation/index.js'

export interface ConnectionSteps extends Continuation {
  /** Reads what has come, as far as the message in progress lets more in. */
  read(): void
  /** It is being given up. */
  readonly failed: boolean
  /** The last check is long ago, although something has come all the time. */
  readonly checkIsDue: boolean
  /** Fills the wait slots, and sets a deadline where an earlier one than the next check is due. */
  awaitMore(): void
  /** What has come beyond is for the next turn. */
  readonly readEnough: boolean
  /** Lets the message in progress be the last. */
  drain(): void
  /** Writes what was pending, then FIN; false: nobody is there to wait for. */
  beginClose(): boolean
  /** Discards what the peer still sends; false: the wait is over. */
  waitForPeerClose(): boolean
  /** Takes a cancel while it waits for the peer; false: wait no longer. */
  hurry(): boolean
  /** Lets go of the socket, and tells who counts the connection. */
  closed(): void
}
