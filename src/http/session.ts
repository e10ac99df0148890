// What a session of either HTTP version is to an exchange, beside being a session of an engine.

import type { Fault } from '../continuation/index.js'
import type { Client } from './client.js'
import type { Head } from './head.js'
import type { Stream } from './stream.js'

/** A feature bit of an {@link HttpSession}: a request for a tunnel with a `:protocol` may be sent on it. */
export const EXTENDED_CONNECT = 1

export interface HttpSession {
  readonly id: string
  /**
   * Why no request can be sent on this session, nor on another of its backend: it speaks another protocol.
   */
  readonly unfit: Fault | null
  /** A new stream for a request of this client; its lease must have been taken from this session. */
  openStream(request: Head, client: Client): Stream
}
