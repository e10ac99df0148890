// The limits of this room: names, defaults, units. Only server/ knows files and options.

import { type InterimLimits, interimLimits } from '../http/index.js'
import { type LingerLimits, lingerLimits, type TransitLimits, transitLimits } from '../transport/index.js'

export interface Http1Limits extends InterimLimits, TransitLimits, LingerLimits {
  /**
   * The bytes of a request line (above: 414) or a status line (above: 502). RFC 9112 §3 asks for 8,000 at
   * least.
   */
  readonly startLineBytesMax: number
  /** The bytes of a method. Above: 501 (RFC 9112 §3). */
  readonly methodBytesMax: number
  /** The number of empty lines that may stand before a request line (RFC 9112 §2.2). */
  readonly emptyLinesMax: number
  /** The bytes of all field lines of one head. Above: 431 for a request, 502 for a response. */
  readonly fieldSectionBytesMax: number
  /** The number of field lines of one head. Above: 431 for a request, 502 for a response. */
  readonly fieldsMax: number
  /** The hexadecimal digits of a chunk size, leading zeros included. */
  readonly chunkSizeDigitsMax: number
  /**
   * The bytes of blanks and zeros around each chunk size of a backend. A client must send none (RFC 9112
   * §7.1).
   */
  readonly chunkPaddingBytesMax: number
  /** The bytes of all chunk extensions of one message (RFC 9112 §7.1.1). */
  readonly chunkExtensionBytesMax: number
  /** The bytes of all trailer lines of one message. */
  readonly trailerSectionBytesMax: number
  /** The number of trailer lines of one message. */
  readonly trailersMax: number
  /**
   * The bytes of a body that may have come and not been sent on. Past this number the connection is not read.
   */
  readonly bodyAheadBytesMax: number
  /** The longest time from the first byte of a request to the end of its head, in ms. After it: 408. */
  readonly headMs: number
  /** The time that a client connection stays open between two requests, in ms. */
  readonly keepAliveMs: number
  /**
   * The longest wait of a client that has sent FIN after its request, for the response head (504) or for more
   * of a response that has begun, in ms. Such a client may have left, which looks the same. 0: it is taken
   * for gone at once.
   */
  readonly halfClosedMs: number
  /** The time in which an idle client connection takes one more request after draining begins, in ms. */
  readonly drainIdleMs: number
  /** The number of requests on one client connection. The last is answered with `connection: close`. */
  readonly keepAliveRequestsMax: number
  /** The time that a backend connection stays open between two requests, in ms. */
  readonly backendIdleMs: number
}

export const http1Limits: Http1Limits = {
  ...transitLimits,
  ...interimLimits,
  ...lingerLimits,
  startLineBytesMax: 8192,
  methodBytesMax: 32,
  emptyLinesMax: 4,
  fieldSectionBytesMax: 32 * 1024,
  fieldsMax: 256,
  chunkSizeDigitsMax: 12,
  chunkPaddingBytesMax: 32,
  chunkExtensionBytesMax: 4096,
  trailerSectionBytesMax: 8192,
  trailersMax: 64,
  bodyAheadBytesMax: 128 * 1024,
  headMs: 10_000,
  keepAliveMs: 75_000,
  halfClosedMs: 5_000,
  drainIdleMs: 1_000,
  keepAliveRequestsMax: 100_000,
  backendIdleMs: 60_000,
}
