// The streams that clients open, and what a frontend gives them to.

import type { Client, LingeringClient } from './client.js'
import type { Stream } from './stream.js'

/** A frontend gives each new stream to whoever accepts. */
export interface StreamOwner {
  /** The peer has ended the stream early, or its connection has gone. */
  cancel(): void
  /**
   * The peer has sent FIN behind its whole request: it waits for the answer with its half closed, or it has
   * left.
   */
  halfClosed?(): void
}

/** A stream that a client opened; `head` is there from the beginning. */
export interface FrontendStream extends Stream {
  readonly client: Client
  /**
   * It asks by Upgrade: a success may decline, and is the answer to an ordinary request then. To extended
   * CONNECT it would open the tunnel.
   */
  readonly mayBeDeclined: boolean
}

/** What a frontend is given. */
export interface StreamAcceptor {
  accept(stream: FrontendStream): void
  /** The client's connection has gone; all its streams have been told before. */
  clientClosed(client: Client): void
  /** The client's connection has said its last word, and lingers. `left` follows. */
  clientLingers?(client: LingeringClient): void
  /**
   * The client's connection ends, and has used up this part, from a tenth on, of what it may ask of us in
   * vain; 1: it is ended for that. `left` follows.
   */
  clientAbused?(client: Client, part: number): void
}
