// The retry budget: first attempts pay in, and each retry takes out when it is decided. So retries cannot
// multiply the load of a failing backend (design: Balancing).

/** The number of seconds for which payments are kept. */
const SECONDS_KEPT = 10

export class RetryBudget {
  /** Thousandths of a token that each first attempt pays in. */
  private readonly paid: number
  private readonly perSecond: number
  /** Thousandths of a token by the second in which they were paid in. */
  private readonly paidIn = new Float64Array(SECONDS_KEPT)
  private tokens: number
  private second: number
  private at: number
  /** The numbers of retries that were granted, and that were refused. */
  private granted = 0
  refused = 0

  /**
   * @param ratio tokens that each first attempt pays in
   * @param perSecond tokens that each second pays in; those of one second are there at the start
   * @param now ms of the pollset's clock
   */
  constructor({ ratio, perSecond }: { readonly ratio: number; readonly perSecond: number }, now: number) {
    this.paid = Math.round(ratio * 1000)
    this.perSecond = perSecond
    this.at = now
    this.second = Math.floor(now / 1000)
    this.tokens = perSecond * 1000
    this.paidIn[this.second % SECONDS_KEPT] = this.tokens
  }

  /** Pays in for a first attempt. */
  first(now: number): void {
    this.advance(now)
    this.pay(this.paid)
  }

  /** Takes a token for a retry. Returns false if there is none. */
  take(now: number): boolean {
    this.advance(now)
    if (this.tokens < 1000) {
      this.refused++
      return false
    }
    this.granted++
    this.tokens -= 1000
    // The oldest tokens are taken first, as they would be lost first.
    let owed = 1000
    for (let each = this.second + 1; owed > 0 && each <= this.second + SECONDS_KEPT; each++) {
      const slot = each % SECONDS_KEPT
      const part = Math.min(owed, this.paidIn[slot])
      this.paidIn[slot] -= part
      owed -= part
    }
    return true
  }

  describe(): Readonly<Record<string, unknown>> {
    return { tokens: Math.floor(this.tokens) / 1000, granted: this.granted, refused: this.refused }
  }

  private pay(thousandths: number): void {
    this.paidIn[this.second % SECONDS_KEPT] += thousandths
    this.tokens += thousandths
  }

  /** Pays in for the time since the last call, and forgets old payments. */
  private advance(now: number): void {
    const second = Math.floor(now / 1000)
    if (second - this.second >= SECONDS_KEPT) {
      this.paidIn.fill(this.perSecond * 1000)
      this.tokens = this.perSecond * 1000 * SECONDS_KEPT
      this.second = second
      this.at = now
      // The current second has only begun.
      this.pay(this.perSecond * (now - second * 1000 - 1000))
      return
    }
    while (this.second < second) {
      const next = (this.second + 1) * 1000
      this.pay(this.perSecond * (next - this.at))
      this.at = next
      this.second++
      const slot = this.second % SECONDS_KEPT
      this.tokens -= this.paidIn[slot]
      this.paidIn[slot] = 0
    }
    if (now > this.at) {
      this.pay(this.perSecond * (now - this.at))
      this.at = now
    }
  }
}

/**
 * Returns the pause before a retry, in ms: full jitter, as in AWS's "Exponential Backoff And Jitter".
 * @param attempt 1 for the first retry
 * @param first the bound of the first pause in ms, which doubles with each attempt
 * @param most the bound of all pauses, in ms
 * @param chance a number in [0, 1)
 */
export function backoffMs(attempt: number, first: number, most: number, chance: () => number): number {
  return chance() * Math.min(most, first * 2 ** Math.max(0, attempt - 1))
}
