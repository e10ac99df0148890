// Values by key, in the order of their last use. A look-up moves its value to the end of a list, so a hit of
// the cache allocates nothing here.

import { List, type Listed } from '../../pollset/index.js'

class Place<V> implements Listed<Place<V>> {
  list: object | null = null
  listPrev: Place<V> | null = null
  listNext: Place<V> | null = null
  readonly key: string
  readonly value: V

  constructor(key: string, value: V) {
    this.key = key
    this.value = value
  }
}

export class RecentlyUsed<V> {
  private readonly places = new Map<string, Place<V>>()
  private readonly order = new List<Place<V>>()
  private readonly dropped: (key: string) => void

  /** @param dropped is called with the key of a value that has left */
  constructor(dropped: (key: string) => void) {
    this.dropped = dropped
  }

  get size(): number {
    return this.places.size
  }

  keys(): IterableIterator<string> {
    return this.places.keys()
  }

  /** Returns the value of a key, which counts as used. */
  get(key: string): V | undefined {
    const place = this.places.get(key)
    if (place === undefined) return undefined
    if (this.order.last !== place) {
      this.order.remove(place)
      this.order.push(place)
    }
    return place.value
  }

  /** Returns the value of a key, which does not count as used. */
  peek(key: string): V | undefined {
    return this.places.get(key)?.value
  }

  /** Adds a value, whose key has none. */
  add(key: string, value: V): void {
    const place = new Place(key, value)
    this.places.set(key, place)
    this.order.push(place)
  }

  delete(key: string): void {
    const place = this.places.get(key)
    if (place !== undefined) this.drop(place)
  }

  /** Removes and returns the value that was not used for the longest time. */
  pop(): V | undefined {
    const { first } = this.order
    if (first === null) return undefined
    this.drop(first)
    return first.value
  }

  private drop(place: Place<V>): void {
    this.order.remove(place)
    this.places.delete(place.key)
    this.dropped(place.key)
  }
}
