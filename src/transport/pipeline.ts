// The unanswered requests of a connection whose protocol answers in order, as a ring. Pushing and shifting
// allocate nothing once the ring is large enough.

/** The first size of the ring, which doubles when it is full. */
const FIRST_PLACES = 8

export class Pipeline<A extends object> {
  /** The number of unanswered requests. */
  size: number
  private places: (A | null)[]
  private at: number

  constructor() {
    this.size = 0
    this.places = new Array<A | null>(FIRST_PLACES).fill(null)
    this.at = 0
  }

  /** The oldest request, which the next answer belongs to; null if there is none. */
  get first(): A | null {
    return this.places[this.at]
  }

  /** Returns the request at this place, 0 being the oldest; null if there is none. */
  peek(place: number): A | null {
    return place < this.size ? this.places[(this.at + place) & (this.places.length - 1)] : null
  }

  push(asked: A): void {
    const { places } = this
    if (this.size === places.length) this.grow()
    this.places[(this.at + this.size) & (this.places.length - 1)] = asked
    this.size++
  }

  /** Replaces the request at this place. */
  replace(place: number, other: A): void {
    this.places[(this.at + place) & (this.places.length - 1)] = other
  }

  /** Removes and returns the oldest request; null if there is none. */
  shift(): A | null {
    const { places, at } = this
    const asked = places[at]
    if (asked === null) return null
    places[at] = null
    this.at = (at + 1) & (places.length - 1)
    this.size--
    return asked
  }

  /** Visits all requests, oldest first. */
  *[Symbol.iterator](): IterableIterator<A> {
    for (let place = 0; place < this.size; place++) yield this.peek(place) as A
  }

  private grow(): void {
    const { places, at, size } = this
    this.places = [...places.slice(at), ...places.slice(0, at), ...new Array<null>(size).fill(null)]
    this.at = 0
  }
}
