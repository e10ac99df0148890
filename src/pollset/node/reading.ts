// Reading into buffers that come back. Node gives each read of a socket 64 KiB of its own, garbage a turn
// later; a socket that we connect can be given ours in its place (`onread`). What was read belongs to its
// taker until the turn ends (P21), so that is when a buffer whose octets were taken comes back.

import type { OnReadOpts } from 'node:net'
import { type Slab, SlabPool } from '../slabs.js'

/** octets of a buffer for a socket on which little comes, and for one on which much does */
const SMALL = 4 * 1024
const LARGE = 64 * 1024
/** unused buffers kept */
const SMALL_IDLE = 256
const LARGE_IDLE = 64

/** The read buffers of one pollset. */
export class ReadBuffers {
  private readonly small = new SlabPool(SMALL, SMALL_IDLE)
  private readonly large = new SlabPool(LARGE, LARGE_IDLE)
  private readonly spent: Slab[] = []

  /** A buffer for a socket whose last read had so many octets. */
  take(lastRead: number, owner: Reading): Slab {
    return (lastRead < SMALL ? this.small : this.large).take(owner)
  }

  /** Its octets have been taken: it comes back when the turn is over. */
  spend(buffer: Slab, owner: Reading): void {
    buffer.pass(owner, this)
    this.spent.push(buffer)
  }

  turnOver(): void {
    for (let i = 0; i < this.spent.length; i++) this.spent[i].pool.give(this.spent[i], this)
    this.spent.length = 0
  }
}

/** One socket's reading; {@link options} are for its connect. */
export class Reading {
  readonly options: OnReadOpts
  /** Gets each read: its octets, and the whole buffer they are in. */
  onRead: (chunk: Buffer, whole: Slab) => void = () => {}
  private readonly buffers: ReadBuffers
  /** Where the next read goes. */
  private next: Slab | null = null
  private lastRead = 0

  constructor(buffers: ReadBuffers) {
    this.buffers = buffers
    this.options = {
      buffer: () => {
        this.next = buffers.take(this.lastRead, this)
        return this.next.bytes
      },
      callback: (bytes) => {
        const whole = this.next as Slab
        this.lastRead = bytes
        this.onRead(whole.bytes.subarray(0, bytes), whole)
        return true
      },
    }
  }

  spend(whole: Slab): void {
    this.buffers.spend(whole, this)
  }

  /** The socket has closed: nothing will be read any more. */
  over(): void {
    if (this.next !== null) this.next.pool.give(this.next, this)
    this.next = null
  }
}
