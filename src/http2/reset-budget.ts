// How many streams we may reset on one backend connection without tripping its guard against rapid resets
// (Node's server gives up after some 900 in a burst, nghttpd after some 1,000): a token bucket, and a reserve
// for requests that are unfinished, since those cannot be left to end by themselves (design, section 5).

import Denque from 'denque'
import type { Http2Limits } from './limits.js'
import type { Http2Stream } from './stream.js'
import { TokenBucket } from './token-bucket.js'

export class ResetBudget {
  /** Streams that run dry, the oldest first; some may have ended since. */
  readonly dry = new Denque<Http2Stream>()
  private readonly bucket: TokenBucket
  private reserve: number

  constructor(limits: Http2Limits, now: number) {
    this.bucket = new TokenBucket(limits.backendResetsBurst, limits.backendResetsPerSecond, now)
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
}
