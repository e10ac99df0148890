// A token bucket: bounds a rate, with a burst (RFC 2697 §3).

export class TokenBucket {
  private tokens: number
  private at: number
  private readonly burst: number
  private readonly perSecond: number

  /**
   * @param burst the tokens of a full bucket
   * @param now ms of the pollset's clock
   */
  constructor(burst: number, perSecond: number, now: number) {
    this.tokens = burst
    this.at = now
    this.burst = burst
    this.perSecond = perSecond
  }

  /** Takes `count` tokens. Returns false if there are not enough. */
  take(now: number, count = 1): boolean {
    this.refill(now)
    if (this.tokens < count) return false
    this.tokens -= count
    return true
  }

  /** The part of the burst that is spent, from 0 to 1. */
  spent(now: number): number {
    this.refill(now)
    return 1 - this.tokens / this.burst
  }

  private refill(now: number): void {
    if (this.tokens < this.burst) {
      this.tokens = Math.min(this.burst, this.tokens + ((now - this.at) / 1000) * this.perSecond)
    }
    this.at = now
  }
}
