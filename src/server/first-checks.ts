// The first active checks of endpoints. A configuration may bring thousands of endpoints at once: only a
// bounded number of checks begin in a turn, the others in the following turns, in order.

import type { Pollset, Waiter } from '../pollset/index.js'
import type { Endpoint, HealthCheck } from '../proxy/index.js'

/** The number of first checks that begin in a turn: 20 take about 0.3 ms. */
const BEGIN_AT_ONCE = 20

/** The active checks of a backend's endpoints; null for one whose first check has not begun. */
export type Checks = Map<Endpoint, HealthCheck | null>

interface First {
  readonly checks: Checks
  readonly endpoint: Endpoint
  readonly make: () => HealthCheck
}

export class FirstChecks implements Waiter {
  private readonly pollset: Pollset
  private readonly waiting: First[] = []
  /** The number of checks that have begun in this turn. */
  private begun = 0
  private turn = 0

  constructor(pollset: Pollset) {
    this.pollset = pollset
  }

  /** Begins to check an endpoint, in this turn or a later one; not if it has gone by then. */
  begin(checks: Checks, endpoint: Endpoint, make: () => HealthCheck): void {
    const first = { checks, endpoint, make }
    const { turns } = this.pollset
    if (turns !== this.turn) this.begun = 0
    this.turn = turns
    checks.set(endpoint, null)
    if (this.waiting.length === 0 && this.begun < BEGIN_AT_ONCE) {
      this.begun++
      start(first)
      return
    }
    if (this.waiting.length === 0) this.pollset.queueLater(this)
    this.waiting.push(first)
  }

  wake(): void {}

  resume(): void {
    for (const each of this.waiting.splice(0, BEGIN_AT_ONCE)) start(each)
    if (this.waiting.length > 0) this.pollset.queueLater(this)
  }
}

function start({ checks, endpoint, make }: First): void {
  if (checks.get(endpoint) !== null) return
  const check = make()
  checks.set(endpoint, check)
  check.start()
}

/** Ends these checks, and those that have not begun. */
export function closeAll(checks: Checks): void {
  for (const each of checks.values()) each?.close()
  checks.clear()
}
