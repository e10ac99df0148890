// A session of either HTTP version, as seen by an exchange.

import type { Fault } from '../continuation/index.js'
import type { Client } from './client.js'
import type { Head } from './head.js'
import type { Stream } from './stream.js'

/** A feature bit of a session: it takes extended CONNECT, a tunnel request with `:protocol` (RFC 8441). */
export const EXTENDED_CONNECT = 1
/** A feature bit of a session: it asks a backend to switch to {@link Stream.upgrade} (RFC 9110 §7.8). */
export const UPGRADE = 2

export interface HttpSession {
  readonly id: string
  /** The fault that makes all sessions of this backend unfit: it speaks another protocol. Null otherwise. */
  readonly unfit: Fault | null
  /** Opens a stream for a request of this client. The caller must have taken its lease on this session. */
  openStream(request: Head, client: Client): Stream
}
