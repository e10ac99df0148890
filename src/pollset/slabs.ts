// Memory that is lent and comes back. Output slabs are taken at flush and return when the write has
// drained; hold blocks keep body bytes that outlive the turn they came in. Both belong to a World.

/** A pool of equal buffers. Keeps up to `idleMax` unused; counts what is lent out. */
export class SlabPool {
  /** octets */
  readonly size: number
  private readonly idle: Buffer[] = []
  private readonly idleMax: number
  /** Slabs lent out now. */
  lent = 0

  constructor(size: number, idleMax: number) {
    this.size = size
    this.idleMax = idleMax
  }

  take(): Buffer {
    this.lent++
    // allocUnsafeSlow: a slab is long-lived and must not pin a piece of Node's shared pool.
    return this.idle.pop() ?? Buffer.allocUnsafeSlow(this.size)
  }

  /** A slab that will not come back: whoever reads it may not be done. */
  lose(): void {
    this.lent--
  }

  give(slab: Buffer): void {
    this.lent--
    if (this.idle.length < this.idleMax) this.idle.push(slab)
  }
}

/** octets of a small output slab */
const SMALL_SLAB = 16 * 1024
/** unused slabs kept, of each size */
const IDLE_MAX = 64

/**
 * Output slabs of one World. A slab is in flight for as long as a peer does not read, so most are small, and of the
 * large ones, for bulk, there are so many and no more: past them bulk leaves in small pieces too.
 */
export class OutputSlabs {
  readonly smallSize = SMALL_SLAB
  private readonly small = new SlabPool(SMALL_SLAB, IDLE_MAX)
  private readonly large: SlabPool
  private readonly largeMax: number

  /**
   * @param size octets of a large slab, more than {@link smallSize}
   * @param largeMax large slabs in flight at once
   */
  constructor(size: number, largeMax: number) {
    this.large = new SlabPool(size, IDLE_MAX)
    this.largeMax = largeMax
  }

  /** Slabs lent out now. */
  get lent(): number {
    return this.small.lent + this.large.lent
  }

  /** octets lent out now */
  get lentBytes(): number {
    return this.small.lent * this.smallSize + this.large.lent * this.large.size
  }

  /** A slab for about `wanted` octets, the first `least` of which must find room in one piece. */
  take(wanted: number, least: number): Buffer {
    if (wanted <= this.smallSize) return this.small.take()
    return least > this.smallSize || this.large.lent < this.largeMax ? this.large.take() : this.small.take()
  }

  give(slab: Buffer): void {
    this.poolOf(slab).give(slab)
  }

  /** A slab that will not come back: whoever reads it may not be done. */
  lose(slab: Buffer): void {
    this.poolOf(slab).lose()
  }

  private poolOf(slab: Buffer): SlabPool {
    return slab.length === this.smallSize ? this.small : this.large
  }
}
