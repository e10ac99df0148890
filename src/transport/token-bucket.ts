// A bound on how often something may happen: so many at once, so many a second after that.

export class TokenBucket {
  private tokens: number
  private at: number
  private readonly burst: number
  private readonly perSecond: number

  /** @param now ms of the pollset's clock */
  constructor(burst: number, perSecond: number, now: number) {
    this.tokens = burst
    this.at = now
    this.burst = burst
    this.perSecond = perSecond
  }

  /** Take one, or so many; false when there are not. */
  take(now: number, count = 1): boolean {
    this.refill(now)
    if (this.tokens < count) return false
    this.tokens -= count
    return true
  }

  /** How many have been taken and not regained, as a part of all. */
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
