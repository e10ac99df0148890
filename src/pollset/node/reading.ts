// Reading into buffers that come back. Node gives each read of a socket 64 KiB of its own, garbage a turn later; a socket
// that we connect can be given ours in its place (`onread`). What was read belongs to its taker until the turn ends
// (P21), so that is when a buffer whose octets were taken comes back.

import type { OnReadOpts } from 'node:net'
import { SlabPool } from '../slabs.js'

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
  private readonly spent: Buffer[] = []

  /** A buffer for a socket whose last read had so many octets. */
  take(lastRead: number): Buffer {
    return (lastRead < SMALL ? this.small : this.large).take()
  }

  /** Its octets have been taken: it comes back when the turn is over. */
  spend(buffer: Buffer): void {
    this.spent.push(buffer)
  }

  /** Nobody reads into it or from it any more. */
  give(buffer: Buffer): void {
    ;(buffer.length === SMALL ? this.small : this.large).give(buffer)
  }

  turnOver(): void {
    for (let i = 0; i < this.spent.length; i++) this.give(this.spent[i])
    this.spent.length = 0
  }
}

/** One socket's reading; {@link options} are for its connect. */
export class Reading {
  readonly options: OnReadOpts
  /** Gets each read: its octets, and the whole buffer they are in. */
  onRead: (chunk: Buffer, whole: Buffer) => void = () => {}
  private readonly buffers: ReadBuffers
  /** Where the next read goes. */
  private next: Buffer | null = null
  private lastRead = 0

  constructor(buffers: ReadBuffers) {
    this.buffers = buffers
    this.options = {
      buffer: () => {
        this.next = buffers.take(this.lastRead)
        return this.next
      },
      callback: (bytes) => {
        const whole = this.next as Buffer
        this.lastRead = bytes
        this.onRead(whole.subarray(0, bytes), whole)
        return true
      },
    }
  }

  spend(whole: Buffer): void {
    this.buffers.spend(whole)
  }

  /** The socket has closed: nothing will be read any more. */
  over(): void {
    if (this.next !== null) this.buffers.give(this.next)
    this.next = null
  }
}
