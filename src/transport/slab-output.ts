// How any connection writes, whatever it speaks: it asks to be flushed last in the turn, fills a slab with
// what waits, and hands it to the socket in one write. One write is in flight at most, and its slab goes back
// when it has drained, not before (design: Output). What waits, and how it looks on the wire, is the
// protocol's.

import { type Flushable, type Pollset, type Slab, type Socket, WRITABLE } from '../pollset/index.js'
import type { OutputSlabs } from './slabs.js'

/**
 * What a connection is to its output: what ends where a flush fails by a defect of ours. A continuation is
 * one.
 */
export interface OutputOwner {
  crashWith(error: unknown): void
}

export abstract class SlabOutput implements Flushable {
  /** Everything is written, and FIN behind it. */
  finished = false
  /** ms of the pollset's clock: when the last write began */
  wroteAt = 0
  /** FIN goes behind all that is pending. */
  protected finishing = false
  /** While a slab is being filled: how far it is. */
  protected end = 0
  protected readonly pollset: Pollset
  private socket: Socket | null = null
  private owner: OutputOwner | null = null
  /** In flight. */
  private slab: Slab | null = null
  private queued = false
  private readonly slabs: OutputSlabs

  constructor(pollset: Pollset, slabs: OutputSlabs) {
    this.pollset = pollset
    this.slabs = slabs
  }

  /** Something waits to be written. */
  protected abstract get hasOutput(): boolean
  /**
   * Owned by this output, and as large as what waits asks for: a slab stays in flight for as long as the peer
   * does not read.
   */
  protected abstract takeSlab(slabs: OutputSlabs): Slab
  /** Write what waits, as far as the slab takes it; moves {@link end}. */
  protected abstract fill(slab: Buffer): void

  attach(socket: Socket, owner: OutputOwner): void {
    this.socket = socket
    this.owner = owner
    socket.output = this
    if (this.hasOutput) this.flushSoon()
  }

  /** After all that is pending now: FIN. */
  finish(): void {
    if (this.finished) return
    this.finishing = true
    this.flushSoon()
  }

  /** The socket is gone: nothing will be written again. */
  abandon(): void {
    if (this.socket !== null) this.socket.output = null
    this.socket = null
    // The kernel may still read a slab in flight; it is not given back, only let go.
    if (this.slab !== null) this.slab.pool.lose(this.slab, this)
    this.slab = null
  }

  protected flushSoon(): void {
    if (this.queued || this.socket === null) return
    this.queued = true
    this.pollset.flushLater(this)
  }

  flush(): void {
    this.queued = false
    const socket = this.socket
    // One write in flight: the socket asks for the next flush when it has drained. After FIN there may still
    // be wishes.
    if (socket === null || this.finished || (socket.readiness & WRITABLE) === 0) return
    if (this.slab !== null) this.giveBack()
    if (!this.hasOutput) {
      this.finishNow(socket)
      return
    }
    const slab = this.takeSlab(this.slabs)
    this.slab = slab
    this.end = 0
    this.fill(slab.bytes)
    if (this.end === 0) {
      this.giveBack()
      this.finishNow(socket)
      return
    }
    this.wroteAt = this.pollset.now
    socket.write(slab.bytes.subarray(0, this.end))
    if ((socket.readiness & WRITABLE) === 0) return
    this.giveBack()
    if (this.hasOutput) this.flushSoon()
    else this.finishNow(socket)
  }

  /** A flush has failed, by a defect of ours: nothing further is written. */
  crashWith(error: unknown): void {
    this.owner?.crashWith(error)
  }

  private giveBack(): void {
    const slab = this.slab as Slab
    slab.pool.give(slab, this)
    this.slab = null
  }

  private finishNow(socket: Socket): void {
    if (!this.finishing) return
    this.finishing = false
    this.finished = true
    socket.end()
  }

  describe(): Readonly<Record<string, unknown>> {
    return { inFlight: this.slab !== null, finished: this.finished }
  }
}
