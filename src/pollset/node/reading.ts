// Reading into buffers that are reused. Node gives each read of a socket 64 KiB of its own, which are garbage
// a turn later. A socket can be given our buffers instead (`onread`).
//
// All sockets that receive little share one buffer. Each read is handed on before the next begins, so its
// bytes are copied out at once, and a silent socket holds no buffer. A socket that receives much has a
// buffer of its own for each read. A chunk belongs to its taker until the turn ends (P21), and then its
// buffer comes back.

import type { OnReadOpts } from 'node:net'
import { type Slab, SlabPool } from '../slabs.js'

/** bytes of a buffer */
const SIZE = 64 * 1024
/** expected bytes from which on a read gets a buffer of its own: below, copying is cheaper */
const MUCH = 4 * 1024
/** lent buffers from which on a socket whose last read was short gets none: it may be silent for long */
const EXPECTING_MAX = 64
/** unused buffers kept */
const IDLE_MAX = 64

/** The read buffers of one pollset. */
export class ReadBuffers {
  readonly shared = Buffer.allocUnsafeSlow(SIZE)
  private readonly own = new SlabPool(SIZE, IDLE_MAX)
  private readonly spent: Slab[] = []
  private readonly broken: (error: unknown) => void

  /** @param broken is given errors thrown in a callback of Node: a broken invariant must not stay there */
  constructor(broken: (error: unknown) => void) {
    this.broken = broken
  }

  /**
   * Returns a buffer for the next read of a socket; null: the shared one.
   * @param last the bytes of its last read
   * @param expected the bytes that the next one may have
   */
  take(last: number, expected: number, owner: Reading): Slab | null {
    if (expected < MUCH || (last < MUCH && this.own.lent >= EXPECTING_MAX)) return null
    try {
      return this.own.take(owner)
    } catch (error) {
      this.broken(error)
      return null
    }
  }

  /** Takes back a buffer that nothing was read into. */
  giveBack(buffer: Slab, owner: Reading): void {
    try {
      this.own.give(buffer, owner)
    } catch (error) {
      this.broken(error)
    }
  }

  /** Notes that its bytes have been taken: the buffer comes back when the turn is over. */
  spend(buffer: Slab, owner: Reading): void {
    buffer.pass(owner, this)
    this.spent.push(buffer)
  }

  turnOver(): void {
    for (let i = 0; i < this.spent.length; i++) this.own.give(this.spent[i], this)
    this.spent.length = 0
  }
}

/** Receives the bytes that one socket reads. */
export interface Reader {
  /** @param whole the buffer that the chunk is in, if it came from a pool */
  bytesRead(chunk: Buffer, whole: Slab | null): void
}

/** The reading of one socket: the `onread` option with which the socket is made. */
export class Reading implements OnReadOpts {
  reader: Reader | null
  readonly buffer: () => Buffer
  readonly callback: (bytes: number) => boolean
  private readonly buffers: ReadBuffers
  /** The buffer of the next read; null: the shared one. */
  private next: Slab | null
  private lastRead: number
  /** The bytes that the next read may have: a long message ends with a short read. */
  private expected: number

  constructor(buffers: ReadBuffers) {
    this.buffers = buffers
    this.reader = null
    this.next = null
    this.lastRead = 0
    this.expected = 0
    this.buffer = () => {
      this.next = buffers.take(this.lastRead, this.expected, this)
      return this.next === null ? buffers.shared : this.next.bytes
    }
    this.callback = (bytes) => {
      this.read(bytes)
      return true
    }
  }

  private read(bytes: number): void {
    const { next, reader } = this
    this.lastRead = bytes
    this.expected = Math.max(bytes, this.expected >> 1)
    if (next !== null) {
      this.next = null
      reader?.bytesRead(next.bytes.subarray(0, bytes), next)
      return
    }
    const chunk = Buffer.allocUnsafe(bytes)
    this.buffers.shared.copy(chunk, 0, 0, bytes)
    reader?.bytesRead(chunk, null)
  }

  spend(whole: Slab): void {
    this.buffers.spend(whole, this)
  }

  /** Notes that the socket has closed and nothing more will be read. */
  over(): void {
    const { next } = this
    this.next = null
    if (next !== null) this.buffers.giveBack(next, this)
  }
}
