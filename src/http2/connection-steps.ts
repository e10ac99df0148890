// The methods that the steps of both roles call. The steps are in frontend-life.ts and session-life.ts.

import type { Continuation } from '../continuation/index.js'

/**
 * The waits of both lives, in one order, so that both use one list of durations: until the next check; until
 * the next check while something is owed; until the next paced reset of discarded streams.
 */
export const CONNECTION_WAITS = ['check', 'hasten', 'pace'] as const

export interface ConnectionSteps extends Continuation {
  /** Reads what has arrived, up to this connection's share of a turn. */
  read(): void
  /** The connection is failing. */
  readonly failed: boolean
  /** The peer has ended or closed, and all bytes before that are read. */
  readonly socketOver: boolean
  /** A check is due, although bytes keep arriving. */
  readonly checkIsDue: boolean
  /**
   * Checks are frequent: an exchange waits for the peer, or the peer owes a handshake or the rest of a frame.
   */
  readonly inHaste: boolean
  /** The connection closes when its streams have ended. */
  readonly isDraining: boolean
  /** No stream is open, and none can be on its way. */
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
  /** Discards what the peer still sends. Returns false when the wait is over. */
  waitForPeerClose(): boolean
  /** Takes a cancel while it waits for the peer. Returns false to wait no longer. */
  hurry(): boolean
  /** Releases the socket, and reports the close. */
  closed(): void
}
