// The bounds of this room, in one place: names, defaults, units. Only server/ knows of files and options.

import { type InterimLimits, interimLimits } from '../http/index.js'
import { type LingerLimits, lingerLimits, type TransitLimits, transitLimits } from '../transport/index.js'

export interface Http1Limits extends InterimLimits, TransitLimits, LingerLimits {
  /**
   * octets of a request line (above: 414) or a status line (above: 502); RFC 9112 §3 asks for 8,000 at least
   */
  readonly startLineBytesMax: number
  /** octets of a method; above: 501 (RFC 9112 §3) */
  readonly methodBytesMax: number
  /** empty lines that may stand before a request line (RFC 9112 §2.2) */
  readonly emptyLinesMax: number
  /** octets of all field lines of one head: requests above get 431, responses above 502 */
  readonly fieldSectionBytesMax: number
  /** field lines of one head */
  readonly fieldsMax: number
  /** hexadecimal digits of a chunk-size, leading zeros counted */
  readonly chunkSizeDigitsMax: number
  /** octets of blanks and zeros around each chunk-size of a backend; a client's has none (RFC 9112 §7.1) */
  readonly chunkPaddingBytesMax: number
  /** octets of all chunk extensions of one message (RFC 9112 §7.1.1) */
  readonly chunkExtensionBytesMax: number
  /** octets of all trailer lines of one message */
  readonly trailerSectionBytesMax: number
  /** trailer lines of one message */
  readonly trailersMax: number
  /** octets of a body that may have come and not left before its connection is read no further */
  readonly bodyAheadBytesMax: number
  /** ms from the first octet of a request to the end of its head: 408 */
  readonly headMs: number
  /** ms a client connection stays open between two requests */
  readonly keepAliveMs: number
  /**
   * ms that a client which has sent FIN behind its whole request waits for the response head (504), or for
   * more of a response that had begun. It may have left, as both look the same. 0: it is taken for that at
   * once
   */
  readonly halfClosedMs: number
  /** ms in which an idle client connection takes one more request when it is asked to drain */
  readonly drainIdleMs: number
  /** requests on one client connection; the last is answered with `connection: close` */
  readonly keepAliveRequestsMax: number
  /** ms a backend connection stays open between two requests */
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
