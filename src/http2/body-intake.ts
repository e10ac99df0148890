// The sink of DATA: windows, credit and the receive buffers of streams (design: Flow control; RFC 9113 §6.1,
// §6.9). Stream credit is returned when the bytes have left for the other side. Bytes that no exchange will
// pull are credited at once, so that no path loses credit (property S3).

import { BODY } from '../http/index.js'
import { invariant, type Settleable } from '../pollset/index.js'
import { ConnectionBudget, ReceiveBuffer } from '../transport/index.js'
import { ErrorCode } from './codes.js'
import type { Http2Context } from './context.js'
import type { FrameBudget } from './frame-budget.js'
import type { DataSink } from './frame-sink.js'
import type { Liveness } from './liveness.js'
import type { Output } from './output.js'
import { ReceiveWindow } from './receive-window.js'
import type { Http2Stream } from './stream.js'
import { StreamEvent } from './stream-states.js'

/** The connection of an intake. */
export interface BodyIntakeHost {
  /** Returns the stream for this event; null if the event has been handled. */
  streamFor(id: number, event: number): Http2Stream | null
  remoteEnd(stream: Http2Stream): void
  streamError(id: number, code: number, message: string): void
  connectionError(code: number, message: string): void
  /**
   * Counts an idle frame that comes with ordinary work: PING, and late frames of a closed stream.
   */
  idleFrameWithWork(): void
  crashWith(error: unknown): void
  /** Takes credit for a stream whose DATA is discarded. Returns false if it gets none. */
  takeDiscardCredit(bytes: number): boolean
}

/** DATA for a closed stream counts as an idle frame below this many octets: it may end an answered upload. */
const CRUMB = 256

export class BodyIntake implements DataSink, Settleable {
  private readonly context: Http2Context
  private readonly output: Output
  private readonly connection: BodyIntakeHost
  private readonly frameBudget: FrameBudget
  private readonly liveness: Liveness
  private readonly received: ReceiveWindow
  private readonly budget = new ConnectionBudget()
  private readonly unsettled: ReceiveBuffer[] = []
  private stream: Http2Stream | null = null
  /** Octets of the current frame that are not known to be body. */
  private padding = 0

  constructor(
    context: Http2Context,
    output: Output,
    connection: BodyIntakeHost,
    frameBudget: FrameBudget,
    liveness: Liveness,
  ) {
    this.context = context
    this.output = output
    this.connection = connection
    this.frameBudget = frameBudget
    this.liveness = liveness
    this.received = new ReceiveWindow(context.limits.connectionWindow)
  }

  get window(): number {
    return this.received.window
  }
  get heldBytes(): number {
    return this.budget.bytes
  }

  data(id: number, size: number, endStream: boolean): void {
    const { connection } = this
    this.liveness.message()
    if (!this.received.received(size, !this.context.world.memory.aboveSoft)) {
      const message = 'DATA beyond the connection window (RFC 9113 §6.9.1)'
      connection.connectionError(ErrorCode.FLOW_CONTROL_ERROR, message)
      return
    }
    this.giveCredit()
    const stream = connection.streamFor(id, endStream ? StreamEvent.DATA_ES : StreamEvent.DATA)
    this.padding = size
    this.stream = stream
    if (stream === null) {
      if (size < CRUMB) connection.idleFrameWithWork()
      return
    }
    stream.recvWindow -= size
    // An empty frame is within any window, even a negative one (RFC 9113 §6.9.1).
    if (stream.recvWindow < 0 && size > 0) {
      const message = 'DATA beyond the stream window (RFC 9113 §6.9.1)'
      connection.streamError(id, ErrorCode.FLOW_CONTROL_ERROR, message)
    } else if (stream.head === null && !stream.discarding) {
      connection.streamError(id, ErrorCode.PROTOCOL_ERROR, 'DATA before the head (RFC 9113 §8.1)')
    }
    if (stream.closed) this.stream = null
  }

  dataBytes(_id: number, buffer: Buffer, start: number, end: number): void {
    const size = end - start
    if (size === 0) return
    this.padding -= size
    invariant(this.padding >= 0, 'a DATA frame has the bytes that it announced')
    const stream = this.stream
    if (stream === null || stream.discarding || stream.closed) {
      this.drop(stream, size)
      return
    }
    if (stream.promised >= 0) {
      stream.promised -= size
      if (stream.promised < 0) {
        this.drop(null, size)
        const message = 'more DATA than content-length (RFC 9113 §8.1.1)'
        this.connection.streamError(stream.streamId, ErrorCode.PROTOCOL_ERROR, message)
        return
      }
    }
    this.frameBudget.received(size)
    stream.receivedBytes += size
    stream.receiveBuffer ??= this.newReceiveBuffer(stream)
    if (stream.receiveBuffer.push(buffer, start, end)) this.settleSoon(stream.receiveBuffer)
    stream.raise(BODY)
  }

  dataEnd(_id: number, endStream: boolean): void {
    const stream = this.stream
    this.stream = null
    if (this.padding > 0) this.drop(stream, this.padding)
    if (stream !== null && endStream && !stream.closed) this.connection.remoteEnd(stream)
  }

  newReceiveBuffer(stream: Http2Stream): ReceiveBuffer {
    return new ReceiveBuffer(this.context.world.memory, this.budget, stream)
  }

  /** Returns credit for body bytes of a stream that have left for the other side. */
  consumed(stream: Http2Stream, bytes: number): void {
    this.dropped(bytes)
    if (stream.remoteEnded || stream.closed) return
    stream.uncredited += bytes
    if (stream.uncredited * 2 < stream.windowSize) return
    if (!stream.discarding) this.widen(stream)
    else if (!this.connection.takeDiscardCredit(stream.creditDue ? bytes : stream.uncredited)) return
    this.output.creditStream(stream)
  }

  /** Drops what a stream has buffered. */
  clear(stream: Http2Stream): void {
    if (stream.receiveBuffer !== null) this.dropped(stream.receiveBuffer.clear())
  }

  /**
   * Discards a stream's DATA from now on: drops its buffer, and lets the sender continue (design: Resets).
   */
  discard(stream: Http2Stream): void {
    if (stream.receiveBuffer !== null) this.consumed(stream, stream.receiveBuffer.clear())
  }

  private drop(stream: Http2Stream | null, bytes: number): void {
    if (stream !== null && !stream.closed) this.consumed(stream, bytes)
    else this.dropped(bytes)
  }

  private dropped(bytes: number): void {
    this.received.consumed(bytes)
    this.giveCredit()
  }

  /** Widens the window of a stream that flows, out of unused budget. */
  private widen(stream: Http2Stream): void {
    const { memory } = this.context.world
    const max = this.context.limits.streamWindowMax
    if (stream.windowSize >= max || stream.waitingBytes > 0) return
    if (memory.bytes * 2 > memory.limits.heldBytesSoft) return
    const by = Math.min(stream.windowSize, max - stream.windowSize)
    stream.windowSize += by
    stream.uncredited += by
  }

  private giveCredit(): void {
    const credit = this.received.takeCredit()
    if (credit > 0) this.output.creditConnection(credit)
  }

  private settleSoon(receiveBuffer: ReceiveBuffer): void {
    this.unsettled.push(receiveBuffer)
    if (this.unsettled.length === 1) this.context.world.pollset.settleLater(this)
  }

  crashWith(error: unknown): void {
    this.connection.crashWith(error)
  }

  settle(): void {
    const { memory, pollset } = this.context.world
    const receiveBuffers = this.unsettled
    for (let i = 0; i < receiveBuffers.length; i++) receiveBuffers[i].settle(pollset.now)
    receiveBuffers.length = 0
    memory.enforce(pollset.now, this.budget)
  }
}
