// The output of an HTTP/2 connection. Control frames wait in a small bounded reserve, credit is only counted,
// and heads and bodies stay with their streams. The turn's flush gathers everything into one slab and one
// write (design: Output): control frames, credit, then streams in turns, one frame each, as windows and slab
// allow.

import type { Field } from '../http/index.js'
import { invariant, List, type Pollset, type Slab } from '../pollset/index.js'
import type { OutputSlabs } from '../transport/index.js'
import {
  DEFAULT_FRAME_SIZE,
  DEFAULT_WINDOW,
  Flag,
  FRAME_HEADER_SIZE,
  FrameType,
  WINDOW_MAX,
} from './codes.js'
import { ControlFrames, WINDOW_UPDATE_SIZE } from './control-frames.js'
import type { FrameBudget } from './frame-budget.js'
import { blockOverhead, frameFieldBlock, writeFrameHeader, writeWindowUpdate } from './frame-writer.js'
import { type HpackEncoder, SIZE_UPDATES_OCTETS_MAX } from './hpack/encoder.js'
import type { Http2Stream } from './stream.js'
import { afterLocalEnd } from './stream-states.js'

/** The octets of a slab below which its rest is not worth a frame. */
const ROOM_MIN = 512

export class Output extends ControlFrames {
  /** The octets that all streams may send together. */
  sendWindow = DEFAULT_WINDOW
  /** The frame size that we use: every peer must take it. */
  readonly frameSizeMax = DEFAULT_FRAME_SIZE
  /** The connection credit that the next flush sends. */
  private credit = 0
  private creditStreams: Http2Stream[] = []
  private readonly ready = new List<Http2Stream>()
  /** Streams with pending output that wait for the connection window. */
  private readonly starved = new List<Http2Stream>()
  private readonly encoder: HpackEncoder
  private readonly frameBudget: FrameBudget

  constructor(
    pollset: Pollset,
    encoder: HpackEncoder,
    slabs: OutputSlabs,
    controlMax: number,
    frameBudget: FrameBudget,
  ) {
    super(pollset, slabs, controlMax)
    this.encoder = encoder
    this.frameBudget = frameBudget
  }

  override goaway(lastStreamId: number, code: number, debug: string): void {
    super.goaway(lastStreamId, code, debug)
    if (!this.goawaySent) return
    this.credit = 0
    this.creditStreams.length = 0
  }

  // Credit

  creditConnection(bytes: number): void {
    if (this.goawaySent) return
    this.credit += bytes
    this.flushSoon()
  }

  creditStream(stream: Http2Stream): void {
    if (stream.creditDue || this.goawaySent) return
    stream.creditDue = true
    this.creditStreams.push(stream)
    this.flushSoon()
  }

  // Streams

  /** Queues a stream with pending output, unless it is queued. */
  pending(stream: Http2Stream): void {
    if (stream.list !== null || this.goawaySent) return
    this.ready.push(stream)
    this.flushSoon()
  }

  leave(stream: Http2Stream): void {
    stream.list?.remove(stream)
    stream.dropPending()
  }

  /** Opens the connection window. Returns false if it overflows. */
  openWindow(increment: number): boolean {
    this.sendWindow += increment
    if (this.sendWindow > WINDOW_MAX) return false
    if (this.starved.first === null) return true
    this.ready.takeAll(this.starved)
    this.flushSoon()
    return true
  }

  /** Returns the queued streams whose head is not written. */
  unopened(): Http2Stream[] {
    const found: Http2Stream[] = []
    for (let each = this.ready.first; each !== null; each = each.listNext)
      if (each.streamId === 0) found.push(each)
    return found
  }

  protected override get hasOutput(): boolean {
    return (
      this.ready.first !== null ||
      this.controlBytes > 0 ||
      this.resetsWaiting > 0 ||
      this.credit > 0 ||
      this.creditStreams.length > 0
    )
  }

  protected override takeSlab(slabs: OutputSlabs): Slab {
    const first = this.ready.first
    const fixed = this.controlBytes + WINDOW_UPDATE_SIZE + ROOM_MIN
    let wanted = fixed + WINDOW_UPDATE_SIZE * (this.creditStreams.length + this.resetsWaiting)
    for (let each = first; each !== null && wanted <= slabs.smallSize; each = each.listNext)
      wanted += each.wantedBytes
    return slabs.take(wanted, fixed + (first === null ? 0 : first.headBytes), this)
  }

  protected override fill(slab: Buffer): void {
    this.gather(slab)
    this.pullStreams(slab)
  }

  private gather(slab: Buffer): void {
    let at = this.moveControl(slab, slab.length - WINDOW_UPDATE_SIZE)
    if (this.credit > 0) {
      at = writeWindowUpdate(slab, at, 0, this.credit)
      this.credit = 0
    }
    const streams = this.creditStreams
    let done = 0
    for (; done < streams.length && at + WINDOW_UPDATE_SIZE <= slab.length; done++) {
      const stream = streams[done]
      stream.creditDue = false
      const bytes = stream.uncredited
      stream.uncredited = 0
      if (bytes === 0 || stream.closed || stream.remoteEnded || stream.streamId === 0) continue
      stream.recvWindow += bytes
      invariant(stream.recvWindow <= stream.windowSize, 'a stream gets no more credit than it has used')
      at = writeWindowUpdate(slab, at, stream.streamId, bytes)
    }
    if (done === streams.length) streams.length = 0
    else this.creditStreams = streams.slice(done)
    this.end = at
  }

  private pullStreams(slab: Buffer): void {
    if (this.goawaySent) return
    const ready = this.ready
    for (let stream = ready.first; stream !== null; stream = ready.first) {
      if (slab.length - this.end < ROOM_MIN || !this.pull(stream, slab)) return
      // The end of another stream may have taken it out of the queue.
      if (stream.list !== ready) continue
      ready.remove(stream)
      if (!stream.hasWork) continue
      if (stream.granted === 0) ready.push(stream)
      else if (stream.sendWindow > 0) (this.sendWindow > 0 ? ready : this.starved).push(stream)
      // Otherwise its own window is closed, and WINDOW_UPDATE will queue it again.
    }
  }

  /**
   * Pulls a stream's heads, one DATA frame and its end. Returns false if the slab has no room
   * for the next part.
   */
  private pull(stream: Http2Stream, slab: Buffer): boolean {
    while (stream.pendingInterims !== null) {
      const interim = stream.pendingInterims[0]
      if (!this.fits(interim.size, slab)) return false
      stream.pendingInterims.shift()
      if (stream.pendingInterims.length === 0) stream.pendingInterims = null
      this.writeHead(stream, interim.fields, slab, false)
    }
    const head = stream.pendingHead
    if (head !== null) {
      if (!this.fits(head.size, slab)) return false
      if (stream.streamId === 0) stream.connection.opening(stream)
      stream.pendingHead = null
      this.writeHead(stream, head.fields, slab, stream.pendingEnded)
      if (head.status > 0) this.frameBudget.answered()
      if (stream.pendingEnded) {
        this.endStream(stream)
        return true
      }
    }
    if (stream.granted > 0) this.pullBody(stream, slab)
    return stream.granted > 0 || !stream.endGranted || stream.localEnded || this.pullEnd(stream, slab)
  }

  private pullBody(stream: Http2Stream, slab: Buffer): void {
    const at = this.end
    const available = stream.available
    if (available === 0) {
      // The source was reset after the grant. The exchange will end this stream too.
      stream.granted = 0
      stream.endGranted = false
      return
    }
    const size = Math.min(
      available,
      stream.sendWindow,
      this.sendWindow,
      this.frameSizeMax,
      slab.length - at - FRAME_HEADER_SIZE,
    )
    if (size <= 0) return
    stream.pullInto(slab, at + FRAME_HEADER_SIZE, size, this.pollset.now)
    stream.sendWindow -= size
    this.sendWindow -= size
    invariant(stream.sendWindow >= 0 && this.sendWindow >= 0, 'DATA stays within both windows (F17)')
    this.frameBudget.sent(size, size === available)
    const last = stream.granted === 0 && stream.endGranted && stream.endingTrailers === null
    writeFrameHeader(slab, at, size, FrameType.DATA, last ? Flag.END_STREAM : 0, stream.streamId)
    this.end = at + FRAME_HEADER_SIZE + size
    if (last) this.endStream(stream)
  }

  /** Writes the end of a body that has left: trailers, or an empty DATA frame. */
  private pullEnd(stream: Http2Stream, slab: Buffer): boolean {
    const trailers = stream.endingTrailers
    if (trailers !== null) {
      let bytes = 0
      for (const field of trailers) bytes += field.size
      if (!this.fits(bytes, slab)) return false
      this.writeHead(stream, trailers, slab, true)
    } else {
      if (slab.length - this.end < FRAME_HEADER_SIZE) return false
      this.end = writeFrameHeader(slab, this.end, 0, FrameType.DATA, Flag.END_STREAM, stream.streamId)
    }
    this.endStream(stream)
    return true
  }

  private endStream(stream: Http2Stream): void {
    stream.localEnded = true
    stream.sentAt = this.pollset.now
    stream.state = afterLocalEnd(stream.state)
    stream.connection.ended(stream)
  }

  /** Returns true if the field block of a list of this size fits the rest of the slab. */
  private fits(bytes: number, slab: Buffer): boolean {
    return slab.length - this.end >= bytes + SIZE_UPDATES_OCTETS_MAX + blockOverhead(bytes, this.frameSizeMax)
  }

  private writeHead(stream: Http2Stream, fields: readonly Field[], slab: Buffer, endStream: boolean): void {
    const encoder = this.encoder
    const at = this.end
    let end = encoder.begin(slab, at + FRAME_HEADER_SIZE)
    for (let i = 0; i < fields.length; i++) end = encoder.encode(fields[i], slab, end)
    this.end = frameFieldBlock(slab, at, end, stream.streamId, endStream, this.frameSizeMax)
  }

  override describe(): Readonly<Record<string, unknown>> {
    return { ...super.describe(), sendWindow: this.sendWindow, controlBytes: this.controlBytes }
  }
}
