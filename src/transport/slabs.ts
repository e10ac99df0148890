// The output slabs of a World, for all its connections, whatever they speak. A slab is taken at flush and
// comes back when the write has drained, so it is in flight for as long as a peer does not read: most are
// small. Of the large ones, for bulk, at most largeSlabsMax are in flight; past them bulk leaves in small
// pieces too.

import { type Slab, SlabPool } from '../pollset/index.js'

export interface SlabLimits {
  /** The bytes of one write: the size of a large output slab. */
  readonly flushBytesMax: number
  /** The number of large output slabs of the World. Past it connections write 16 KiB at a time. */
  readonly largeSlabsMax: number
}

export const slabLimits: SlabLimits = {
  flushBytesMax: 256 * 1024,
  largeSlabsMax: 256,
}

/** bytes of a small output slab */
const SMALL_SLAB = 16 * 1024
/** unused slabs kept, of each size */
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

  /** Slabs lent out now. */
  get lent(): number {
    return this.small.lent + this.large.lent
  }

  /** bytes lent out now */
  get lentBytes(): number {
    return this.small.lent * this.small.size + this.large.lent * this.large.size
  }

  /** A slab for about `wanted` bytes, the first `least` of which must find room in one piece. */
  take(wanted: number, least: number, owner: object): Slab {
    const large = wanted > this.smallSize && (least > this.smallSize || this.large.lent < this.largeMax)
    return (large ? this.large : this.small).take(owner)
  }
}
