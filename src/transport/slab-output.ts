// The output of any connection. It asks for a flush at the end of the turn, fills a slab with pending output,
// and gives it to the socket in one write. At most one write is in flight, and its slab returns when it has
// drained (design: Output). The protocol chooses what is written, and how.

import { type Flushable, type Pollset, type Slab, type Socket, WRITABLE } from '../pollset/index.js'
import type { OutputSlabs } from './slabs.js'

/** The connection, which ends if a flush fails by a defect of ours. A continuation is an owner. */
export interface OutputOwner {
  crashWith(error: unknown): void
}

export abstract class SlabOutput implements Flushable {
  /** True once everything is written, and FIN after it. */
  finished = false
  /** The time at which the last write began, in ms of the pollset's clock. */
  wroteAt = 0
  /** True if FIN follows all pending output. */
  protected finishing = false
  /** The offset after the last byte, while a slab is filled. */
  protected end = 0
  protected readonly pollset: Pollset
  private socket: Socket | null = null
  private owner: OutputOwner | null = null
  /** The slab of the write in flight. */
  private slab: Slab | null = null
  /** A flush was asked for, and has not come. */
  protected flushAsked = false
  private readonly slabs: OutputSlabs

  constructor(pollset: Pollset, slabs: OutputSlabs) {
    this.pollset = pollset
    this.slabs = slabs
  }

  /** True while there is pending output. */
  protected abstract get hasOutput(): boolean
  /** Takes a slab that fits the pending output, and no larger: it stays in flight until the peer reads. */
  protected abstract takeSlab(slabs: OutputSlabs): Slab
  /** Writes pending output into the slab, as much as fits, and moves {@link end}. */
  protected abstract fill(slab: Buffer): void

  attach(socket: Socket, owner: OutputOwner): void {
    this.socket = socket
    this.owner = owner
    socket.output = this
    if (this.hasOutput) this.flushSoon()
  }

  /** Sends FIN after all pending output. */
  finish(): void {
    if (this.finished) return
    this.finishing = true
    this.flushSoon()
  }

  /** Drops pending output, since the socket has closed. */
  abandon(): void {
    if (this.socket !== null) this.socket.output = null
    this.socket = null
    // The kernel may still read a slab in flight, so it is not reused.
    if (this.slab !== null) this.slab.pool.lose(this.slab, this)
    this.slab = null
  }

  protected flushSoon(): void {
    if (this.flushAsked || this.socket === null) return
    this.flushAsked = true
    this.pollset.flushLater(this)
  }

  flush(): void {
    this.flushAsked = false
    const socket = this.socket
    // One write is in flight: the socket asks for the next flush when it has drained. Flushes may be asked
    // for even after FIN.
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

  /** Ends the output after a defect of ours: nothing more is written. */
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
