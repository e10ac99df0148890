// Bounds the resets that we send on one backend connection, so as not to trip its guard against rapid resets
// (Node's server closes after some 900 in a burst, nghttpd after some 1,000): a token bucket, and a reserve
// for requests that are not whole, since those cannot end by themselves (design: Resets).
//
// Past the budget the DATA of a stream is discarded, until the stream ends or its reset is due. Its credit
// has a budget too: otherwise clients that ask for large bodies and then leave would cause them to be sent
// whole, for nothing.

import Denque from 'denque'
import { TokenBucket } from '../transport/index.js'
import { ErrorCode } from './codes.js'
import type { Http2Limits } from './limits.js'
import type { Http2Stream } from './stream.js'

/** The connection whose streams are reset. */
export interface ResetHost {
  rst(stream: Http2Stream, code: number): void
  /**
   * Retires the session: it takes no new streams, and closes after the last stream that an
   * exchange waits for.
   */
  retire(): void
}

export class ResetBudget {
  /** The number of discarded streams that have not ended. */
  discardingOpen = 0
  /** Discarded streams, the oldest first. Some may have ended. */
  private readonly waiting = new Denque<Http2Stream>()
  private readonly bucket: TokenBucket
  /** The credit for discarded streams, in octets. */
  private readonly credit: TokenBucket
  private readonly discardMs: number
  private reserve: number

  constructor(limits: Http2Limits, now: number) {
    this.bucket = new TokenBucket(limits.backendResetsBurst, limits.backendResetsPerSecond, now)
    this.credit = new TokenBucket(limits.discardBytesBurst, limits.discardBytesPerSecond, now)
    this.discardMs = limits.discardMs
    this.reserve = limits.backendResetsReserve
  }

  /** Takes a reset from the budget. Returns false if it is spent. */
  takeReset(now: number): boolean {
    return this.bucket.take(now)
  }

  /** Takes a reset from the reserve. Returns false if it is spent. */
  takeReserve(): boolean {
    if (this.reserve === 0) return false
    this.reserve--
    return true
  }

  discard(stream: Http2Stream, now: number): void {
    stream.discarding = true
    stream.discardedAt = now
    this.discardingOpen++
    this.waiting.push(stream)
  }

  /** Takes credit for a discarded stream. Returns false if it must wait until it is reset. */
  takeCredit(bytes: number, now: number): boolean {
    return this.credit.take(now, bytes)
  }

  /** True while streams wait to be reset. */
  get pacing(): boolean {
    return this.waiting.length > 0
  }

  /**
   * Resets discarded streams as the budget fills. A stream that is discarded for too long retires the
   * session.
   */
  pace(now: number, connection: ResetHost): void {
    const { waiting } = this
    for (let stream = waiting.peekFront(); stream !== undefined; stream = waiting.peekFront()) {
      if (!stream.closed) {
        if (!stream.localEnded || !this.takeReset(now)) {
          if (now - stream.discardedAt >= this.discardMs) connection.retire()
          return
        }
        connection.rst(stream, ErrorCode.CANCEL)
      }
      waiting.shift()
    }
  }
}
