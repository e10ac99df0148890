// The generic cell rate algorithm (ITU-T I.371) in the form of its leaky bucket: each request adds its cost
// to the level of its key, which falls at the rate of the limit. A level is a count, not a time, so a limit
// that a reload has changed applies to the old count.

/** A limit: the rate at which a level falls, and the highest level. */
export interface Rate {
  readonly perMs: number
  readonly burst: number
}

/** The tolerance of levels, which are sums of fractions. */
const ROUNDING = 1e-6
/** The number of entries that are visited for each new key, so that expired ones are removed. */
const LOOKS = 4
/** The number of visited entries when the table is full. */
const LOOKS_WHEN_FULL = 64

/** The count of one key. */
export class Bucket {
  private level = 0
  private at = 0
  /** The time at which its level is 0, in ms of the pollset's clock: then it may be forgotten. */
  passedAt = 0
  /** The number of the last request that it has counted. */
  last = 0

  levelAt(now: number, { perMs }: Rate): number {
    return Math.max(0, this.level - (now - this.at) * perMs)
  }

  /** Returns the ms until a request of this cost conforms; 0 if it does now. */
  waitMs(now: number, rate: Rate, cost: number): number {
    const excess = this.levelAt(now, rate) + cost - rate.burst
    return excess <= ROUNDING ? 0 : excess / rate.perMs
  }

  add(now: number, rate: Rate, cost: number): void {
    this.level = this.levelAt(now, rate) + cost
    this.at = now
    this.passedAt = now + this.level / rate.perMs
    this.last++
  }

  /** Takes back the last added cost. */
  takeBack({ perMs }: Rate, cost: number): void {
    this.level = Math.max(0, this.level - cost)
    this.passedAt = this.at + this.level / perMs
    this.last--
  }
}

/** The buckets of all keys. */
export class Buckets {
  /** The bucket that new keys share while the table is full. */
  readonly shared = new Bucket()
  private readonly kept = new Map<string, Bucket>()
  private looked = this.kept.entries()
  /** The number of held requests now, and of those passed, held and refused so far. */
  held = 0
  readonly counts = { passed: 0, held: 0, refused: 0, sharing: 0, alone: 0 }

  get size(): number {
    return this.kept.size
  }

  /** Returns the bucket of a key. @param most the most entries of the table */
  find(key: string, now: number, most: number): Bucket {
    const found = this.kept.get(key)
    if (found !== undefined) return found
    this.look(now, this.kept.size >= most ? LOOKS_WHEN_FULL : LOOKS)
    if (this.kept.size >= most) {
      this.counts.sharing++
      return this.shared
    }
    const made = new Bucket()
    this.kept.set(key, made)
    return made
  }

  /** Visits some entries, and forgets expired ones: they count like new ones. */
  private look(now: number, entries: number): void {
    for (let left = Math.min(entries, this.kept.size); left > 0; left--) {
      let next = this.looked.next()
      if (next.done === true) {
        this.looked = this.kept.entries()
        next = this.looked.next()
        if (next.done === true) return
      }
      const [key, bucket] = next.value
      if (bucket.passedAt <= now) this.kept.delete(key)
    }
  }
}
