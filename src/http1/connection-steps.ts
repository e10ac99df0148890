// The methods that the steps of both roles call. The steps are in frontend-life.ts and session-life.ts.

import type { Continuation } from '../continuation/index.js'

export interface ConnectionSteps extends Continuation {
  /** Reads the bytes that have arrived, as far as the current message lets more in. */
  read(): void
  /** True while the connection is failing. */
  readonly failed: boolean
  /** Fills the wait slots. */
  awaitMore(): void
  /** True if the connection has had its share of this turn. */
  readonly readEnough: boolean
  /** Makes the current message the last. */
  drain(): void
  /** Writes pending output, then FIN. Returns false if there is no peer to wait for. */
  beginClose(): boolean
  /** Discards further bytes of the peer. Returns false when the wait is over. */
  waitForPeerClose(): boolean
  /** Takes a cancel while it waits for the peer. Returns false to wait no longer. */
  hurry(): boolean
  /** Releases the socket, and reports the close. */
  closed(): void
}
