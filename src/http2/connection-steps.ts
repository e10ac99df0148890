// The methods that the steps of both roles call. The steps are in frontend-life.ts and session-life.ts.

import type { Continuation } from '../continuation/index.js'

/**
 * The waits of both lives, in one order, so that both use one list of durations: until the next check; until
 * the next check while the peer owes something; until the next paced reset of discarded streams.
 */
export const CONNECTION_WAITS = ['check', 'hasten', 'pace'] as const

export interface ConnectionSteps extends Continuation {
  /** Reads the bytes that have arrived, up to this connection's share of a turn. */
  read(): void
  /** True while the connection is failing. */
  readonly failed: boolean
  /** True once the peer has ended or closed, and all bytes before that are read. */
  readonly socketOver: boolean
  /** True if a check is due, although bytes keep arriving. */
  readonly checkIsDue: boolean
  /**
   * True while checks are frequent: an exchange waits for the peer, or the peer owes a handshake or the
   * rest of a frame.
   */
  readonly inHaste: boolean
  /** True if the connection closes when its streams have ended. */
  readonly isDraining: boolean
  /** True if no stream is open, and none can be on its way. */
  readonly isDrained: boolean
  /** Fills the wait slot. */
  awaitFrames(): void
  /** Fills the wait slots, and sets a deadline if streams may be on their way. */
  awaitStreams(): void
  /** Sends PING if due. Returns false to close: the peer is dead, or something is overdue. */
  checkHealth(): boolean
  /** Sends GOAWAY. */
  sendGoaway(): void
  /** Writes pending output, then FIN. Returns false if there is no peer to wait for. */
  beginClose(): boolean
  /** Discards further bytes of the peer. Returns false when the wait is over. */
  waitForPeerClose(): boolean
  /** Takes a cancel while it waits for the peer. Returns false to wait no longer. */
  hurry(): boolean
  /** Releases the socket, and reports the close. */
  closed(): void
}
