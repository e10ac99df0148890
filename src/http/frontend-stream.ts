// The streams that clients open, and the acceptor that a frontend gives them to.

import type { Client, LingeringClient } from './client.js'
import type { Stream } from './stream.js'

/** The owner of a frontend stream: the exchange that answers it. */
export interface StreamOwner {
  /** The client has reset the stream, or its connection has closed. */
  cancel(): void
  /** The client has sent FIN after its whole request. It either waits for the response or has left. */
  halfClosed?(): void
}

/** A stream that a client opened. Its `head` is set from the start. */
export interface FrontendStream extends Stream {
  readonly client: Client
  /** The parts of its id behind the client's id: `s` and 5 for `m1/s5`; '' if both ids are equal. */
  readonly idLetter: string
  readonly idNumber: number
  /**
   * True if the request uses Upgrade, which a backend may decline: a 2xx then answers it as an ordinary
   * request. For extended CONNECT a 2xx would open the tunnel.
   */
  readonly mayBeDeclined: boolean
}

/** Accepts the streams of a frontend, and is told of its connection. */
export interface StreamAcceptor {
  accept(stream: FrontendStream): void
  /** The client's connection has closed. All its streams were cancelled before. */
  clientClosed(client: Client): void
  /** The client's connection lingers: it has sent FIN. {@link clientClosed} follows. */
  clientLingers?(client: LingeringClient): void
  /**
   * Is told that the client's connection ends, having used this part (0.1 to 1) of a budget against abuse. At
   * 1 we end it for abuse. {@link clientClosed} follows.
   */
  clientAbused?(client: Client, part: number): void
}
