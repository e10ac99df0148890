// Chooses among weighted entries.

/**
 * Entries with weights above 0. An entry's share of the choices is its weight divided by the
 * sum of all weights.
 */
export class Weighted<T> {
  /** The entry, if there is only one; null otherwise. */
  readonly only: T | null
  private readonly entries: readonly T[]
  /** The sums of the weights, up to and including each entry. */
  private readonly sums: readonly number[]

  /** Throws a RangeError without entries, or for a weight that is not above 0. */
  constructor(entries: readonly { readonly to: T; readonly weight: number }[]) {
    let sum = 0
    this.only = entries.length === 1 ? entries[0].to : null
    this.entries = entries.map((each) => each.to)
    this.sums = entries.map(({ weight }) => {
      if (!(weight > 0) || weight === Number.POSITIVE_INFINITY)
        throw new RangeError(`a weight is above 0, not ${weight}`)
      sum += weight
      return sum
    })
    if (entries.length === 0) throw new RangeError('nothing to choose from')
  }

  /** @param chance a number from 0 to below 1, from the pollset */
  choose(chance: number): T {
    const { sums } = this
    const point = chance * sums[sums.length - 1]
    let at = 0
    while (at < sums.length - 1 && point >= sums[at]) at++
    return this.entries[at]
  }
}
