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
