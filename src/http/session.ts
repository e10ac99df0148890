// A session of either HTTP version, as an exchange sees it.

import type { Fault } from '../continuation/index.js'
import type { Client } from './client.js'
import type { Head } from './head.js'
import type { Stream } from './stream.js'

/** A feature bit of a session: it takes extended CONNECT, a tunnel request with `:protocol` (RFC 8441). */
export const EXTENDED_CONNECT = 1
/** It asks a backend to switch to {@link Stream.upgrade} (RFC 9110 §7.8). */
export const UPGRADE = 2

export interface HttpSession {
  readonly id: string
  /** Why no session of this backend can carry a request: it speaks another protocol. Null otherwise. */
  readonly unfit: Fault | null
  /** Opens a stream for a request of this client. The caller must have taken its lease on this session. */
  openStream(request: Head, client: Client): Stream
}
