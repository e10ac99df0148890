// Memory that is lent and comes back: read buffers, output slabs, blocks of body bytes. Each is one Slab,
// which knows its owner: bytes of one client must never be written where another's are read, so that an owner
// that is not the owner ends the World.

import { invariant } from './invariant.js'

/** One piece of a pool's memory. */
export class Slab {
  readonly bytes: Buffer
  readonly pool: SlabPool
  /** Who has it; null while it is idle, and for good once it is lost. */
  owner: object | null

  constructor(pool: SlabPool, owner: object) {
    // allocUnsafeSlow: a slab is long-lived and must not pin a piece of Node's shared pool.
    this.bytes = Buffer.allocUnsafeSlow(pool.size)
    this.pool = pool
    this.owner = owner
  }

  /** It has another owner from here on. */
  pass(from: object, to: object): void {
    invariant(this.owner === from, OWNED, 'world')
    this.owner = to
  }
}

const OWNED = 'a slab is given back by its owner, once'
const IDLE = 'an idle slab has no owner'

/** A pool of equal slabs. Keeps up to `idleMax` unused; counts what is lent out. */
export class SlabPool {
  /** bytes */
  readonly size: number
  private readonly idle: Slab[] = []
  private readonly idleMax: number
  /** Slabs lent out now. */
  lent = 0

  constructor(size: number, idleMax: number) {
    this.size = size
    this.idleMax = idleMax
  }

  take(owner: object): Slab {
    this.lent++
    const slab = this.idle.pop()
    if (slab === undefined) return new Slab(this, owner)
    invariant(slab.owner === null, IDLE, 'world')
    slab.owner = owner
    return slab
  }

  /** A slab that will not come back: whoever reads it may not be done. */
  lose(slab: Slab, owner: object): void {
    invariant(slab.owner === owner && slab.pool === this, OWNED, 'world')
    slab.owner = null
    this.lent--
  }

  give(slab: Slab, owner: object): void {
    this.lose(slab, owner)
    if (this.idle.length < this.idleMax) this.idle.push(slab)
  }
}
