// Takes the bodies that a connection receives. They wait in receive buffers until the other side takes them.
// Past a bound for each body, the connection is not read.

import { invariant, type Settleable } from '../pollset/index.js'
import { ConnectionBudget, ReceiveBuffer } from '../transport/index.js'
import type { Http1Context } from './context.js'
import type { Http1Stream } from './stream.js'

/** The connection of an intake. */
export interface BodyIntakeHost {
  crashWith(error: unknown): void
}

export class BodyIntake implements Settleable {
  /** bytes of a body that may be buffered before reading stops */
  readonly aheadMax: number
  private readonly context: Http1Context
  private readonly host: BodyIntakeHost
  private readonly budget: ConnectionBudget
  private readonly unsettled: ReceiveBuffer[]

  constructor(context: Http1Context, host: BodyIntakeHost) {
    this.aheadMax = context.limits.bodyAheadBytesMax
    this.context = context
    this.host = host
    this.budget = new ConnectionBudget()
    this.unsettled = []
  }

  get heldBytes(): number {
    return this.budget.bytes
  }

  newReceiveBuffer(stream: Http1Stream): ReceiveBuffer {
    return new ReceiveBuffer(this.context.world.memory, this.budget, stream)
  }

  /** Takes bytes of a read buffer, which is valid in this turn only. Settling copies the rest of them. */
  push(stream: Http1Stream, buffer: Buffer, start: number, end: number): void {
    stream.outstanding += end - start
    stream.receivedBytes += end - start
    stream.receiveBuffer ??= this.newReceiveBuffer(stream)
    if (stream.receiveBuffer.push(buffer, start, end) && this.unsettled.push(stream.receiveBuffer) === 1)
      this.context.world.pollset.settleLater(this)
  }

  isFull(stream: Http1Stream): boolean {
    return stream.outstanding >= this.aheadMax
  }

  /** Counts bytes that have left. Returns true if the stream was full and no longer is. */
  release(stream: Http1Stream, bytes: number): boolean {
    const wasFull = this.isFull(stream)
    stream.outstanding -= bytes
    invariant(stream.outstanding >= 0, 'a byte leaves once')
    return wasFull && !this.isFull(stream)
  }

  settle(): void {
    const { memory, pollset } = this.context.world
    for (const each of this.unsettled) each.settle(pollset.now)
    this.unsettled.length = 0
    memory.enforce(pollset.now, this.budget)
  }

  crashWith(error: unknown): void {
    this.host.crashWith(error)
  }
}
