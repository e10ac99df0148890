// Pooled memory: read buffers, output slabs, blocks of body bytes. Each is a Slab, which knows its owner. A
// wrong owner ends the World: otherwise bytes of one client might reach another.

import { invariant } from './invariant.js'

/** One piece of a pool's memory. */
export class Slab {
  readonly bytes: Buffer
  readonly pool: SlabPool
  /** Its owner; null while it is idle, and forever once it is lost. */
  owner: object | null

  constructor(pool: SlabPool, owner: object) {
    // allocUnsafeSlow: a slab is long-lived and must not pin a piece of Node's shared pool.
    this.bytes = Buffer.allocUnsafeSlow(pool.size)
    this.pool = pool
    this.owner = owner
  }

  /** Gives it to another owner. */
  pass(from: object, to: object): void {
    invariant(this.owner === from, OWNED, 'world')
    this.owner = to
  }
}

const OWNED = 'a slab is given back by its owner, once'
const IDLE = 'an idle slab has no owner'

/** A pool of slabs of one size. It keeps up to `idleMax` idle slabs and counts those that are lent. */
export class SlabPool {
  /** The bytes of each slab. */
  readonly size: number
  private readonly idle: Slab[] = []
  private readonly idleMax: number
  /** The number of slabs that are lent now. */
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

  /** Writes off a slab that will not return, because the kernel or Node may still read it. */
  lose(slab: Slab, owner: object): void {
    invariant(slab.owner === owner && slab.pool === this, OWNED, 'world')
    slab.owner = null
    this.lent--
  }

  /** Takes a slab back. */
  give(slab: Slab, owner: object): void {
    this.lose(slab, owner)
    if (this.idle.length < this.idleMax) this.idle.push(slab)
  }
}
