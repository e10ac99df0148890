// What was asked on a connection whose protocol answers in order, and is not answered: a ring. Pushing and
// shifting allocate nothing once the ring is large enough.

/** The ring doubles, from here on. */
const FIRST_PLACES = 8

export class Pipeline<A extends object> {
  /** How many are not answered. */
  size: number
  private places: (A | null)[]
  private at: number

  constructor() {
    this.size = 0
    this.places = new Array<A | null>(FIRST_PLACES).fill(null)
    this.at = 0
  }

  /** The oldest, which the next answer is for; null if there is none. */
  get first(): A | null {
    return this.places[this.at]
  }

  /** Returns the one at this place, 0 being the oldest; null if there is none. */
  peek(place: number): A | null {
    return place < this.size ? this.places[(this.at + place) & (this.places.length - 1)] : null
  }

  push(asked: A): void {
    const { places } = this
    if (this.size === places.length) this.grow()
    this.places[(this.at + this.size) & (this.places.length - 1)] = asked
    this.size++
  }

  /** Puts another one in this place, which must be taken. */
  replace(place: number, other: A): void {
    this.places[(this.at + place) & (this.places.length - 1)] = other
  }

  /** Removes and returns the oldest; null if there is none. */
  shift(): A | null {
    const { places, at } = this
    const asked = places[at]
    if (asked === null) return null
    places[at] = null
    this.at = (at + 1) & (places.length - 1)
    this.size--
    return asked
  }

  /** Visits all, from the oldest on. */
  *[Symbol.iterator](): IterableIterator<A> {
    for (let place = 0; place < this.size; place++) yield this.peek(place) as A
  }

  private grow(): void {
    const { places, at, size } = this
    this.places = [...places.slice(at), ...places.slice(0, at), ...new Array<null>(size).fill(null)]
    this.at = 0
  }
}
