// What a connection sends. Control frames are written when they arise, into a small bounded reserve; window
// updates are only counted; heads and bodies stay with their streams. The turn's flush gathers all of it
// into one slab and one write (design: Output): control, credit, then the streams in turns, one frame
// each, as the windows and the slab allow.

import type { Field } from '../http/index.js'
import { invariant, type Pollset, type Slab } from '../pollset/index.js'
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
import { blockOverhead, frameHeaderBlock, writeFrameHeader, writeWindowUpdate } from './frame-writer.js'
import { type HpackEncoder, SIZE_UPDATES_OCTETS_MAX } from './hpack/encoder.js'
import { SendQueue } from './send-queue.js'
import type { Http2Stream } from './stream.js'
import { afterLocalEnd } from './stream-states.js'

/** What a flush may leave unused at the end of a slab: less than this is not worth a frame. */
const ROOM_MIN = 512

export class Output extends ControlFrames {
  /** octets the peer lets all streams send together */
  sendWindow = DEFAULT_WINDOW
  /** The peer's SETTINGS_MAX_FRAME_SIZE, as far as we use it. */
  readonly frameSizeMax = DEFAULT_FRAME_SIZE
  /** octets of connection credit to be given at the next flush */
  private credit = 0
  private creditStreams: Http2Stream[] = []
  private readonly ready = new SendQueue()
  /** Streams with something to send and no connection window. */
  private readonly starved = new SendQueue()
  private readonly encoder: HpackEncoder
  private readonly frameBudget: FrameBudget

  constructor(
    pollset: Pollset,
    encoder: HpackEncoder,
    slabs: OutputSlabs,
    controlMax: number,
    purse: FrameBudget,
  ) {
    super(pollset, slabs, controlMax)
    this.encoder = encoder
    this.frameBudget = purse
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

  /** A stream has something to send: it joins the line, unless it stands in it. */
  pending(stream: Http2Stream): void {
    if (stream.queue !== null || this.goawaySent) return
    this.ready.push(stream)
    this.flushSoon()
  }

  leave(stream: Http2Stream): void {
    stream.queue?.remove(stream)
    stream.dropPending()
  }

  /** The peer lets all streams send more; false: the window overflows. */
  openWindow(increment: number): boolean {
    this.sendWindow += increment
    if (this.sendWindow > WINDOW_MAX) return false
    if (this.starved.first === null) return true
    this.ready.takeAll(this.starved)
    this.flushSoon()
    return true
  }

  /** Streams in line whose head has not been written. */
  unopened(): Http2Stream[] {
    const found: Http2Stream[] = []
    for (let each = this.ready.first; each !== null; each = each.queueNext)
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
    for (let each = first; each !== null && wanted <= slabs.smallSize; each = each.queueNext)
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
      // It may have left the line by what its end has set off.
      if (stream.queue !== ready) continue
      ready.remove(stream)
      if (!stream.hasWork) continue
      if (stream.granted === 0) ready.push(stream)
      else if (stream.sendWindow > 0) (this.sendWindow > 0 ? ready : this.starved).push(stream)
      // else its own window is shut: its WINDOW_UPDATE brings it back.
    }
  }

  /**
   * One turn of one stream: its heads, one DATA frame, its end. False when the slab has no room for what
   * comes next.
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
      // Its source was reset after the grant; the exchange will hear of it and end this stream too.
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

  /** The end of a body that has left already: trailers, or an empty DATA frame. */
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

  /** Whether a header block of fields of this size fits what is left of the slab. */
  private fits(bytes: number, slab: Buffer): boolean {
    return slab.length - this.end >= bytes + SIZE_UPDATES_OCTETS_MAX + blockOverhead(bytes, this.frameSizeMax)
  }

  private writeHead(stream: Http2Stream, fields: readonly Field[], slab: Buffer, endStream: boolean): void {
    const encoder = this.encoder
    const at = this.end
    let end = encoder.begin(slab, at + FRAME_HEADER_SIZE)
    for (let i = 0; i < fields.length; i++) end = encoder.encode(fields[i], slab, end)
    this.end = frameHeaderBlock(slab, at, end, stream.streamId, endStream, this.frameSizeMax)
  }

  override describe(): Readonly<Record<string, unknown>> {
    return { ...super.describe(), sendWindow: this.sendWindow, controlBytes: this.controlBytes }
  }
}
