// The time that a continuation has waited, by step. Nearly all wait in one or two steps, so these have
// fields of their own: an array for each continuation would be far from the rest of it in memory.

/** The most places: each has a bit in {@link WaitTimes.marks}. */
const PLACES_MAX = 31
const NONE = -1

export class WaitTimes {
  /** The places that have been added to: a bit for each, the first is 1. */
  marks = 0
  private first = NONE
  private firstMs = 0
  private second = NONE
  private secondMs = 0
  private others: number[] | null = null

  /** Adds ms, which may be below 0. @param place the number of a step, or a further place, below 31 */
  add(place: number, ms: number): void {
    this.marks |= 1 << place
    if (place === this.first) this.firstMs += ms
    else if (place === this.second) this.secondMs += ms
    else if (this.first === NONE) {
      this.first = place
      this.firstMs = ms
    } else if (this.second === NONE) {
      this.second = place
      this.secondMs = ms
    } else {
      this.others ??= Array.from({ length: PLACES_MAX }, () => 0)
      this.others[place] += ms
    }
  }

  /** Returns the ms at a place. */
  at(place: number): number {
    if (place === this.first) return this.firstMs
    if (place === this.second) return this.secondMs
    return this.others === null ? 0 : this.others[place]
  }

  /** Puts the ms of all places of {@link marks}. */
  put(into: Float64Array): void {
    const { first, second, others } = this
    if (first !== NONE) into[first] = this.firstMs
    if (second !== NONE) into[second] = this.secondMs
    if (others === null) return
    for (let place = 0; place < into.length; place++)
      if (place !== first && place !== second) into[place] = others[place]
  }
}
