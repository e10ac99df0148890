// The output of an HTTP/1.1 connection: the flush of a turn pulls the current message into a slab, for one
// write (design: Output). A refusal of our own goes before it.

import type { Field, Head } from '../http/index.js'
import type { Pollset, Slab } from '../pollset/index.js'
import { type OutputSlabs, SlabOutput } from '../transport/index.js'
import { CHUNKED, NONE, TUNNEL } from './framing.js'
import type { Http1Stream } from './stream.js'
import {
  CHUNK_OVERHEAD,
  headBytesMax,
  trailersBytesMax,
  writeChunkEnd,
  writeChunkSize,
  writeLastChunk,
} from './writer.js'

/** the most bytes of framing around a head or the trailers */
const HEAD_FRAMING = 256

/** The differences between the roles. */
export interface MessageWriter {
  /** Writes a head, final or interim, and notes the framing on the stream. Returns the offset after it. */
  writeHead(stream: Http1Stream, head: Head, ended: boolean, slab: Buffer, at: number): number
  /** The end of the message has been written. */
  sent(stream: Http1Stream): void
  /** More or less came than Content-Length promised: the message cannot end as it began. */
  lengthMismatch(stream: Http1Stream): void
}

export class Output extends SlabOutput {
  private stream: Http1Stream | null = null
  private own: Buffer | null = null
  private readonly writer: MessageWriter

  constructor(pollset: Pollset, slabs: OutputSlabs, writer: MessageWriter) {
    super(pollset, slabs)
    this.writer = writer
  }

  /** Sends a whole message of our own, which fits a slab. */
  message(bytes: Buffer): void {
    this.own = bytes
    this.flushSoon()
  }

  pending(stream: Http1Stream): void {
    this.stream = stream
    this.flushSoon()
  }

  leave(stream: Http1Stream): void {
    if (this.stream === stream) this.stream = null
    stream.dropPending()
  }

  protected override get hasOutput(): boolean {
    return this.own !== null || this.stream?.hasWork === true
  }

  protected override takeSlab(slabs: OutputSlabs): Slab {
    const { own, stream } = this
    const fixed = HEAD_FRAMING + (own === null ? 0 : own.length)
    return slabs.take(
      fixed + (stream === null ? 0 : stream.wantedBytes),
      fixed + (stream === null ? 0 : stream.headBytes),
      this,
    )
  }

  protected override fill(slab: Buffer): void {
    if (this.own !== null) {
      this.end = this.own.copy(slab, 0)
      this.own = null
    }
    if (this.stream !== null) this.pull(this.stream, slab)
  }

  /** Pulls as much of the message as the slab takes: heads, body, end. */
  private pull(stream: Http1Stream, slab: Buffer): void {
    while (stream.pendingInterims !== null) {
      const interim = stream.pendingInterims[0]
      if (slab.length - this.end < headBytesMax(interim)) return
      stream.pendingInterims.shift()
      if (stream.pendingInterims.length === 0) stream.pendingInterims = null
      this.end = this.writer.writeHead(stream, interim, false, slab, this.end)
    }
    const head = stream.pendingHead
    if (head !== null) {
      if (slab.length - this.end < headBytesMax(head)) return
      stream.pendingHead = null
      this.end = this.writer.writeHead(stream, head, stream.pendingEnded, slab, this.end)
      stream.headWritten = true
      if (stream.pendingEnded) {
        this.endMessage(stream)
        return
      }
    }
    if (stream.granted > 0) this.pullBody(stream, slab)
    if (stream.granted === 0 && stream.endGranted && !stream.localEnded) this.pullEnd(stream, slab)
  }

  private pullBody(stream: Http1Stream, slab: Buffer): void {
    const available = stream.available
    if (available === 0) {
      // The source was reset after the grant. The exchange will end this stream too.
      stream.granted = 0
      stream.endGranted = false
      return
    }
    const { framing } = stream
    const chunked = framing === CHUNKED
    const room = slab.length - this.end - (chunked ? CHUNK_OVERHEAD : 0)
    const size = Math.min(available, room)
    if (size <= 0) return
    if (framing === NONE || (framing >= 0 && stream.sentBytes + size > framing)) {
      this.writer.lengthMismatch(stream)
      return
    }
    let at = chunked ? writeChunkSize(slab, this.end, size) : this.end
    stream.pullInto(slab, at, size, this.pollset.now)
    at += size
    this.end = chunked ? writeChunkEnd(slab, at) : at
  }

  private pullEnd(stream: Http1Stream, slab: Buffer): void {
    if (stream.framing === CHUNKED) {
      const trailers: readonly Field[] | null = stream.endingTrailers
      if (slab.length - this.end < trailersBytesMax(trailers)) return
      this.end = writeLastChunk(slab, this.end, trailers)
    } else if (stream.framing >= 0 && stream.sentBytes !== stream.framing) {
      this.writer.lengthMismatch(stream)
      return
    }
    this.endMessage(stream)
  }

  private endMessage(stream: Http1Stream): void {
    stream.localEnded = true
    stream.sentAt = this.pollset.now
    this.stream = null
    // FIN ends our half of a tunnel.
    if (stream.framing === TUNNEL) this.finishing = true
    this.writer.sent(stream)
  }
}
