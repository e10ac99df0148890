// How many streams we may reset on one backend connection without tripping its guard against rapid resets
// (Node's server gives up after some 900 in a burst, nghttpd after some 1,000): a token bucket, and a reserve
// for requests that are unfinished, since those cannot be left to end by themselves (design: Resets).
//
// Past it a stream is discarded: its DATA is dropped as it comes, until it has ended or its reset is due. Its
// credit goes back only within a budget too: otherwise clients that ask for large bodies and leave would have
// them sent to the end, for nothing.

import Denque from 'denque'
import { TokenBucket } from '../transport/index.js'
import { ErrorCode } from './codes.js'
import type { Http2Limits } from './limits.js'
import type { Http2Stream } from './stream.js'

/** The connection whose streams are reset. */
export interface ResetHost {
  rst(stream: Http2Stream, code: number): void
  /** It gets no new streams, and ends with the last that somebody waits for. */
  retire(): void
}

export class ResetBudget {
  /** Streams that are discarded and have not ended. */
  discardingOpen = 0
  /** Streams that are discarded, the oldest first; some may have ended since. */
  private readonly waiting = new Denque<Http2Stream>()
  private readonly bucket: TokenBucket
  /** octets of credit for streams that are discarded */
  private readonly credit: TokenBucket
  private readonly discardMs: number
  private reserve: number

  constructor(limits: Http2Limits, now: number) {
    this.bucket = new TokenBucket(limits.backendResetsBurst, limits.backendResetsPerSecond, now)
    this.credit = new TokenBucket(limits.discardBytesBurst, limits.discardBytesPerSecond, now)
    this.discardMs = limits.discardMs
    this.reserve = limits.backendResetsReserve
  }

  /** Takes one reset out of the budget. False: there is none. */
  takeReset(now: number): boolean {
    return this.bucket.take(now)
  }

  /** The same out of the reserve. */
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

  /** Takes credit for a stream that is discarded. False: it gets none, and stands until it is reset. */
  takeCredit(bytes: number, now: number): boolean {
    return this.credit.take(now, bytes)
  }

  /** Streams wait to be reset. */
  get pacing(): boolean {
    return this.waiting.length > 0
  }

  /**
   * Resets what is discarded as the budget fills again; a stream that is discarded for too long costs the
   * connection its future.
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
