// Exchanges that have ended in this turn. Watchers that write or count each of them get them together, when
// the turn settles. Their code then runs once a turn, not between the steps of other exchanges, whose code
// and data it would drive out of the processor's caches.

import type { Pollset, Settleable } from '../pollset/index.js'
import type { Exchange } from './exchange.js'

export class EndedExchanges implements Settleable {
  private exchanges: Exchange[] = []
  /** An empty array, which changes places with the other. */
  private spare: Exchange[] = []
  private readonly pollset: Pick<Pollset, 'settleLater'>
  private readonly tell: (exchanges: readonly Exchange[]) => void

  /** @param tell is given them; it must not throw */
  constructor(pollset: Pick<Pollset, 'settleLater'>, tell: (exchanges: readonly Exchange[]) => void) {
    this.pollset = pollset
    this.tell = tell
  }

  add(exchange: Exchange): void {
    if (this.exchanges.push(exchange) === 1) this.pollset.settleLater(this)
  }

  /** Tells them. It may be called at any time. */
  settle(): void {
    const { exchanges } = this
    if (exchanges.length === 0) return
    this.exchanges = this.spare
    this.tell(exchanges)
    exchanges.length = 0
    this.spare = exchanges
  }

  crashWith(error: unknown): void {
    throw error
  }
}
