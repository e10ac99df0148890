// The budget of retries as the simulator counts it (spec/balancing.md, B29 and B30): every payment by its
// second, from the plan.

import type { Plan } from '../plan.js'

const KEPT_SECONDS = 10
const ROUNDING = 1e-6

export class BudgetBooks {
  private readonly ratio: number
  private readonly perSecond: number
  private readonly paid = new Map<number, number>()
  private at: number

  constructor(plan: Plan, now: number) {
    this.ratio = plan.budgetRatioPercent / 100
    this.perSecond = plan.budgetPerSecond
    this.at = now
    this.pay(now, this.perSecond)
  }

  first(now: number): void {
    this.until(now)
    this.pay(now, this.ratio)
  }

  /** Returns true if there is a token for one more retry. */
  affords(now: number): boolean {
    this.until(now)
    let sum = 0
    for (const each of this.paid.values()) sum += each
    return sum >= 1 - ROUNDING
  }

  take(): void {
    let owed = 1
    for (const [second, amount] of [...this.paid].sort(([a], [b]) => a - b)) {
      const part = Math.min(owed, amount)
      this.paid.set(second, amount - part)
      owed -= part
    }
  }

  private until(now: number): void {
    while (this.at < now) {
      const next = Math.min(now, (Math.floor(this.at / 1000) + 1) * 1000)
      this.pay(this.at, (this.perSecond * (next - this.at)) / 1000)
      this.at = next
    }
    for (const second of this.paid.keys())
      if (second <= Math.floor(now / 1000) - KEPT_SECONDS) this.paid.delete(second)
  }

  private pay(at: number, amount: number): void {
    const second = Math.floor(at / 1000)
    this.paid.set(second, (this.paid.get(second) ?? 0) + amount)
  }
}
