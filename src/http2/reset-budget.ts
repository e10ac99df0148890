// How many streams we may reset on one backend connection without tripping its guard against rapid resets
// (Node's server gives up after some 900 in a burst, nghttpd after some 1,000): a token bucket, and a reserve
// for requests that are unfinished, since those cannot be left to end by themselves (design: Resets).
//
// Past it a stream runs dry: what comes is discarded, until it has ended or its reset is due. Its credit goes
// back only within a budget too: or who asks for large bodies and leaves would have them drawn to the end,
// for nothing.

import Denque from 'denque'
import { TokenBucket } from '../transport/index.js'
import { ErrorCode } from './codes.js'
import type { Http2Limits } from './limits.js'
import type { Http2Stream } from './stream.js'

/** What pacing asks of its connection. */
export interface Paced {
  rst(stream: Http2Stream, code: number): void
  /** It gets no new streams, and ends with the last that somebody waits for. */
  retire(): void
}

export class ResetBudget {
  /** Streams that run dry and have not ended. */
  dryOpen = 0
  /** Streams that ran dry, the oldest first; some may have ended since. */
  private readonly dry = new Denque<Http2Stream>()
  private readonly bucket: TokenBucket
  /** octets */
  private readonly drawn: TokenBucket
  private readonly dryMs: number
  private reserve: number

  constructor(limits: Http2Limits, now: number) {
    this.bucket = new TokenBucket(limits.backendResetsBurst, limits.backendResetsPerSecond, now)
    this.drawn = new TokenBucket(limits.dryBytesBurst, limits.dryBytesPerSecond, now)
    this.dryMs = limits.dryMs
    this.reserve = limits.backendResetsReserve
  }

  mayReset(now: number): boolean {
    return this.bucket.take(now)
  }

  takeReserve(): boolean {
    if (this.reserve === 0) return false
    this.reserve--
    return true
  }

  runDry(stream: Http2Stream, now: number): void {
    stream.dry = true
    stream.dryAt = now
    this.dryOpen++
    this.dry.push(stream)
  }

  /** Whether a stream that runs dry gets so much credit. One that does not stands until it is reset. */
  mayDraw(bytes: number, now: number): boolean {
    return this.drawn.take(now, bytes)
  }

  /** Streams wait to be reset. */
  get pacing(): boolean {
    return this.dry.length > 0
  }

  /** Reset what runs dry as the budget fills again; what ran dry too long costs the connection its future. */
  pace(now: number, connection: Paced): void {
    const { dry } = this
    for (let stream = dry.peekFront(); stream !== undefined; stream = dry.peekFront()) {
      if (!stream.closed) {
        if (!stream.localEnded || !this.mayReset(now)) {
          if (now - stream.dryAt >= this.dryMs) connection.retire()
          return
        }
        connection.rst(stream, ErrorCode.CANCEL)
      }
      dry.shift()
    }
  }
}
