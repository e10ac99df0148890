// Bounds on the interim (1xx) responses of one request: their rate, and the bytes that may wait. They have no
// total, because a backend may report progress for hours (102, 104). An interim response past a bound is
// dropped, which does no harm (RFC 9110 §15.2); the final response never is.

import type { Head } from './head.js'

export interface InterimLimits {
  /** The number of interim (1xx) responses of one response that pass at once. More are dropped. */
  readonly interimsBurst: number
  /** The number of interim responses of one response that pass each second after the burst. */
  readonly interimsPerSecond: number
  /** The bytes of interim responses of one stream that wait to be sent. More are dropped. */
  readonly interimBytesMax: number
}

export const interimLimits: InterimLimits = {
  interimsBurst: 32,
  interimsPerSecond: 10,
  interimBytesMax: 64 * 1024,
}

/** A token bucket for the interim responses of one request, made for the first: most requests have none. */
export class InterimBudget {
  private tokens: number
  private at: number
  private readonly limits: InterimLimits

  /** @param now ms of the pollset's clock */
  constructor(limits: InterimLimits, now: number) {
    this.limits = limits
    this.tokens = limits.interimsBurst
    this.at = now
  }

  /** Takes one token. Returns false if none is left. `now`: ms of the pollset's clock. */
  take(now: number): boolean {
    const { interimsBurst, interimsPerSecond } = this.limits
    const gained = ((now - this.at) / 1000) * interimsPerSecond
    this.tokens = Math.min(interimsBurst, this.tokens + gained)
    this.at = now
    if (this.tokens < 1) return false
    this.tokens--
    return true
  }
}

/**
 * Returns true if another head may wait behind these. The first always may: the reader has bounded its size.
 */
export function mayWait(heads: readonly Head[] | null, head: Head, bytesMax: number): boolean {
  if (heads === null) return true
  let bytes = head.size
  for (let i = 0; i < heads.length; i++) bytes += heads[i].size
  return bytes <= bytesMax
}
