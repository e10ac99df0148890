// Reading into buffers that come back. Node gives each read of a socket 64 KiB of its own, garbage a turn later; a socket
// that we connect can be given ours in its place (`onread`). What was read belongs to its taker until the turn ends
// (P21), so that is when a buffer comes back; what nobody has taken by then is copied out of it first.

import type { OnReadOpts } from 'node:net'
import { SlabPool } from './slabs.js'

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
  /** What was read into in this turn, and by whom. */
  private readonly lent: Buffer[] = []
  private readonly readings: Reading[] = []

  /** A buffer for a socket whose last read had so many octets. */
  take(lastRead: number): Buffer {
    return (lastRead < SMALL ? this.small : this.large).take()
  }

  /** It has been read into: it comes back when the turn is over. */
  lend(buffer: Buffer, reading: Reading): void {
    this.lent.push(buffer)
    this.readings.push(reading)
  }

  /** Nobody reads into it or from it any more. */
  give(buffer: Buffer): void {
    ;(buffer.length === SMALL ? this.small : this.large).give(buffer)
  }

  turnOver(): void {
    for (let i = 0; i < this.lent.length; i++) {
      this.readings[i].onTurnOver()
      this.give(this.lent[i])
    }
    this.lent.length = 0
    this.readings.length = 0
  }
}

/** One socket's reading; {@link options} are for its connect. */
export class Reading {
  readonly options: OnReadOpts
  /** Gets the octets of each read. */
  onRead: (chunk: Buffer) => void = () => {}
  /** The buffers of all reads of this turn go back now. */
  onTurnOver: () => void = () => {}
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
        buffers.lend(whole, this)
        this.onRead(whole.subarray(0, bytes))
        return true
      },
    }
  }

  /** The socket has closed: nothing will be read any more. */
  over(): void {
    if (this.next !== null) this.buffers.give(this.next)
    this.next = null
  }
}
