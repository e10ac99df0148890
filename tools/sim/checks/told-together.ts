// Checks that watchers are told together, at the end of a turn, of the exchanges that have ended in it: of each
// once, in order, and with the same values that it had when it ended.

import { formatOf, lineText } from '../../../src/access-log/index.js'
import {
  defaultFieldNames,
  defaultRedaction,
  type Exchange,
  type ExchangeWatcher,
  exchangeFields,
} from '../../../src/proxy/index.js'

export class ToldTogether implements ExchangeWatcher {
  /** The first fault; null for none. */
  wrong: string | null = null
  private readonly format = formatOf(exchangeFields(defaultRedaction), 'json', defaultFieldNames)
  /** The lines of those that have ended and were not told. */
  private readonly untold: { readonly exchange: Exchange; readonly line: string }[] = []

  ended(exchange: Exchange): void {
    this.untold.push({ exchange, line: lineText(this.format, exchange) })
  }

  endedTogether(exchanges: readonly Exchange[]): void {
    for (const exchange of exchanges) {
      const next = this.untold.shift()
      const line = lineText(this.format, exchange)
      if (next?.exchange !== exchange) this.wrong = `${exchange.id} is told, after ${next?.exchange.id}`
      else if (next.line !== line) this.wrong = `${line} is told of what ended as ${next.line}`
    }
  }

  /** The turn is over. Returns a fault, or null. */
  check(): string | null {
    const [first] = this.untold
    return this.wrong ?? (first === undefined ? null : `${first.exchange.id} has ended and is not told`)
  }
}
