// The output slabs of a World, for all its connections. A slab is taken at flush and returns when its write
// has drained, so it is in flight as long as the peer does not read. Most slabs are small. At most
// largeSlabsMax large ones, for bulk, are in flight; past that number bulk is written in small pieces too.

import { type Slab, SlabPool } from '../pollset/index.js'

export interface SlabLimits {
  /** The bytes of one write: the size of a large output slab. */
  readonly flushBytesMax: number
  /**
   * The number of large output slabs of the World. Past it connections write 16 KiB at a time. Each worker
   * counts its own.
   */
  readonly largeSlabsMax: number
}

export const slabLimits: SlabLimits = {
  flushBytesMax: 256 * 1024,
  largeSlabsMax: 256,
}

/** The bytes of a small output slab. */
const SMALL_SLAB = 16 * 1024
/** The most unused slabs of each size that are kept. */
const IDLE_MAX = 64

export class OutputSlabs {
  readonly smallSize = SMALL_SLAB
  private readonly small = new SlabPool(SMALL_SLAB, IDLE_MAX)
  private readonly large: SlabPool
  private readonly largeMax: number

  constructor(limits: SlabLimits = slabLimits) {
    this.large = new SlabPool(limits.flushBytesMax, IDLE_MAX)
    this.largeMax = limits.largeSlabsMax
  }

  /** The number of slabs that are lent now. */
  get lent(): number {
    return this.small.lent + this.large.lent
  }

  /** The bytes that are lent now. */
  get lentBytes(): number {
    return this.small.lent * this.small.size + this.large.lent * this.large.size
  }

  /** Takes a slab for about `wanted` bytes, of which the first `least` must fit. */
  take(wanted: number, least: number, owner: object): Slab {
    const large = wanted > this.smallSize && (least > this.smallSize || this.large.lent < this.largeMax)
    return (large ? this.large : this.small).take(owner)
  }
}
