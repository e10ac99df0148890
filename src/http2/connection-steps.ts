// What the steps of an HTTP/2 connection ask of it, in either role. The steps and what may follow them are
// frontend-life.ts and session-life.ts; here are the questions and the actions that both tables use.

import type { Continuation } from '../continuation/index.js'

/**
 * The waits of both lives, in one order, so that one list of durations does for both: until the next check;
 * until the next where something is owed or waited for; until streams are reset, as the peer bears it.
 */
export const CONNECTION_WAITS = ['check', 'hasten', 'pace'] as const

export interface ConnectionSteps extends Continuation {
  /** Reads what has come, up to this connection's share of a turn. */
  read(): void
  /** It is being given up. */
  readonly failed: boolean
  /** The peer has ended or closed, and all that came before is read. */
  readonly socketOver: boolean
  /** The last check is long ago, although something has come all the time. */
  readonly checkIsDue: boolean
  /** Somebody waits for the peer, or it owes a handshake or the rest of a frame: checks are more frequent. */
  readonly inHaste: boolean
  /** It was told to end when its streams have. */
  readonly isDraining: boolean
  /** No stream is left, and none is on its way. */
  readonly isDrained: boolean
  /** Fills the wait slot. */
  awaitFrames(): void
  /** Fills the wait slots, and sets a deadline where streams may be on their way. */
  awaitStreams(): void
  /** Sends what is due; false: close, as the peer is dead or something is overdue. */
  checkHealth(): boolean
  /** Tells the peer that no new streams are served. */
  sendGoaway(): void
  /** Writes what was pending, then FIN; false: nobody is there to wait for. */
  beginClose(): boolean
  /** Discards what the peer still sends; false: the wait is over. */
  waitForPeerClose(): boolean
  /** Takes a cancel while it waits for the peer; false: wait no longer. */
  hurry(): boolean
  /** Lets go of the socket, and tells who counts the connection. */
  closed(): void
}
