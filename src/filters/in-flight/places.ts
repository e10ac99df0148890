// Places for the requests that may be in flight at once, by key. Requests without a place wait in the order
// of their arrival. Each place is a separate pollable, since a pollable has one waiter.

import { type Holder, List, type Listed, Pollable } from '../../pollset/index.js'

/** A bit of a {@link Place}: the request has the place. */
export const GRANTED = 1

/** The requests of one key. */
class Line {
  readonly key: string
  running = 0
  readonly waiting = new List<Place>()

  constructor(key: string) {
    this.key = key
  }
}

/** The place of one request, which waits for it, or has it, until {@link Places.leave}. */
export class Place extends Pollable implements Listed<Place> {
  list: object | null = null
  listPrev: Place | null = null
  listNext: Place | null = null
  readonly id: string
  readonly kind = 'place'
  readonly bitNames = ['GRANTED']
  /** The most requests of its key in flight when it is granted. */
  readonly most: number
  /** The line; null once it was left. @internal */
  line: Line | null

  constructor(id: string, line: Line, most: number) {
    super()
    this.id = id
    this.line = line
    this.most = most
  }

  get isGranted(): boolean {
    return (this.readiness & GRANTED) !== 0
  }

  override holders(): readonly Holder[] {
    const { line } = this
    if (line === null || this.isGranted) return []
    const subject = { id: line.key, kind: 'key' }
    return [{ subject, reason: `${line.running} of its requests are in flight, of ${this.most}` }]
  }
}

/** The places of all keys. A key is forgotten with its last request. */
export class Places {
  private readonly lines = new Map<string, Line>()
  running = 0
  waiting = 0
  readonly counts = { granted: 0, waited: 0, refused: 0, late: 0 }

  get keys(): number {
    return this.lines.size
  }

  /**
   * Gives a request its place: at once, or when others have left. Returns null if too many wait already.
   * @param most the most requests of this key in flight
   * @param pending the most requests of this key that wait
   */
  enter(id: string, key: string, most: number, pending: number): Place | null {
    let line = this.lines.get(key)
    const isFull = line !== undefined && (line.running >= most || line.waiting.size > 0)
    if (isFull && (line as Line).waiting.size >= pending) {
      this.counts.refused++
      return null
    }
    if (line === undefined) {
      line = new Line(key)
      this.lines.set(key, line)
    }
    const place = new Place(id, line, most)
    if (isFull) {
      line.waiting.push(place)
      this.waiting++
      this.counts.waited++
    } else this.grant(line, place)
    return place
  }

  /** Gives up a place, or the wait for one: the next request gets it. Does nothing the second time. */
  leave(place: Place): void {
    const { line } = place
    if (line === null) return
    place.line = null
    if (place.isGranted) {
      line.running--
      this.running--
    } else {
      line.waiting.remove(place)
      this.waiting--
    }
    for (let next = line.waiting.first; next !== null && line.running < next.most; ) {
      line.waiting.remove(next)
      this.waiting--
      this.grant(line, next)
      next = line.waiting.first
    }
    if (line.running === 0 && line.waiting.size === 0) this.lines.delete(line.key)
  }

  private grant(line: Line, place: Place): void {
    line.running++
    this.running++
    this.counts.granted++
    place.raise(GRANTED)
  }
}
