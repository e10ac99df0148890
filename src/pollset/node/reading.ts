// Reading into buffers that come back. Node gives each read of a socket 64 KiB of its own, which are garbage
// a turn later. A socket can be given ours in its place (`onread`).
//
// All sockets on which little comes share one buffer. A read is handed on before the next begins, so what is
// in it is copied out at once, and a socket that is silent holds no buffer. One on which much comes has a
// buffer of its own for each read. What was read belongs to its taker until the turn ends (P21): that is when
// a buffer whose bytes were taken comes back.

import type { OnReadOpts } from 'node:net'
import { type Slab, SlabPool } from '../slabs.js'

/** bytes of a buffer */
const SIZE = 64 * 1024
/** bytes of a read from which on the next one gets a buffer of its own: below, copying is cheaper */
const MUCH = 4 * 1024
/** unused buffers kept */
const IDLE_MAX = 64

/** The read buffers of one pollset. */
export class ReadBuffers {
  readonly shared = Buffer.allocUnsafeSlow(SIZE)
  private readonly own = new SlabPool(SIZE, IDLE_MAX)
  private readonly spent: Slab[] = []
  private readonly broken: (error: unknown) => void

  /** @param broken gets what is thrown in a callback of Node: a broken invariant must not stay there */
  constructor(broken: (error: unknown) => void) {
    this.broken = broken
  }

  /** Returns a buffer for a socket whose last read had so many bytes; null: the shared one. */
  take(lastRead: number, owner: Reading): Slab | null {
    if (lastRead < MUCH) return null
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

  /** Its bytes have been taken: it comes back when the turn is over. */
  spend(buffer: Slab, owner: Reading): void {
    buffer.pass(owner, this)
    this.spent.push(buffer)
  }

  turnOver(): void {
    for (let i = 0; i < this.spent.length; i++) this.own.give(this.spent[i], this)
    this.spent.length = 0
  }
}

/** Gets what one socket reads. */
export interface Reader {
  /** @param whole the buffer that the chunk is in, where it has come from a pool */
  bytesRead(chunk: Buffer, whole: Slab | null): void
}

/** One socket's reading; it is the `onread` of its making. */
export class Reading implements OnReadOpts {
  reader: Reader | null
  readonly buffer: () => Buffer
  readonly callback: (bytes: number) => boolean
  private readonly buffers: ReadBuffers
  /** Where the next read goes; null: into the shared buffer. */
  private next: Slab | null
  private lastRead: number

  constructor(buffers: ReadBuffers) {
    this.buffers = buffers
    this.reader = null
    this.next = null
    this.lastRead = 0
    this.buffer = () => {
      this.next = buffers.take(this.lastRead, this)
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

  /** The socket has closed: nothing will be read any more. */
  over(): void {
    const { next } = this
    this.next = null
    if (next !== null) this.buffers.giveBack(next, this)
  }
}
