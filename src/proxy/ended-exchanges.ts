// Exchanges that have ended in this turn. Watchers that write or count each of them get them together, when
// the turn settles. Their code then runs once a turn, not between the steps of other exchanges, whose code
// and data it would drive out of the processor's caches.

import type { Settleable } from '../pollset/index.js'
import type { Exchange } from './exchange.js'
import type { StepTimes } from './step-times.js'

/** The parts of a proxy that it needs. */
interface Host {
  readonly world: { readonly pollset: { settleLater(input: Settleable): void } }
  /** Lends the arrays of times that are given back. */
  readonly stepTimes: StepTimes | null
}

export class EndedExchanges implements Settleable {
  private exchanges: Exchange[] = []
  /** An empty array, which changes places with the other. */
  private spare: Exchange[] = []
  private readonly host: Host
  private readonly tell: (exchanges: readonly Exchange[]) => void

  /** @param tell is given them; it must not throw */
  constructor(host: Host, tell: (exchanges: readonly Exchange[]) => void) {
    this.host = host
    this.tell = tell
  }

  add(exchange: Exchange): void {
    if (this.exchanges.push(exchange) === 1) this.host.world.pollset.settleLater(this)
  }

  /** Tells them. It may be called at any time. */
  settle(): void {
    const { exchanges } = this
    if (exchanges.length === 0) return
    this.exchanges = this.spare
    this.tell(exchanges)
    const { stepTimes } = this.host
    for (const each of exchanges) {
      if (each.waitedMs === null) continue
      stepTimes?.give(each.waitedMs, each.waitedSteps)
      each.waitedMs = null
    }
    exchanges.length = 0
    this.spare = exchanges
  }

  crashWith(error: unknown): void {
    throw error
  }
}
