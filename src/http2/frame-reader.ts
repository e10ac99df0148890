// Reads frames (RFC 9113 §4, §6): takes bytes and calls a sink. Sans-IO: it has no socket and no clock,
// buffers only a split frame, and allocates no object for a frame.
//
// DATA is passed on in pieces as it comes, so bodies are not buffered here. Other frames are passed whole: in
// place if the chunk holds all of them, else gathered in `carry`. Field blocks are passed whole
// (field-block.ts), or in pieces if they are too large.
//
// This file checks the form of each frame (stream id, length, padding). The sink decides what it means.

import { DEFAULT_FRAME_SIZE, ErrorCode, Flag, FRAME_HEADER_SIZE, FrameType } from './codes.js'
import { FieldBlock, type FieldBlockLimits } from './field-block.js'
import type { DataSink, FieldBlockSink, FrameSink, FrameSinks, SettingsSink } from './frame-sink.js'

export interface FrameReaderLimits extends FieldBlockLimits {
  /** The number of parameters of one SETTINGS frame (CVE-2020-11080). */
  readonly settingsMax: number
}

const READ_HEADER: number = 0
const READ_PAYLOAD: number = 1
const READ_PAD_LENGTH: number = 2
const READ_DATA: number = 3
const READ_PADDING: number = 4
const STOPPED: number = 5

/** The octets of GOAWAY debug data that are kept, for people. */
const DEBUG_BYTES_MAX = 256

export class FrameReader {
  private readonly sink: FrameSink
  private readonly data: DataSink
  private readonly blocks: FieldBlockSink
  private readonly settings: SettingsSink
  private readonly limits: FrameReaderLimits
  /** The number of frames so far. */
  frames = 0
  private state = READ_HEADER
  private length = 0
  private type = 0
  private flags = 0
  private streamId = 0
  /** The octets of the current payload that have not been read. */
  private left = 0
  private padding = 0
  private carry: Buffer | null = null
  private carried = 0
  private readonly header = Buffer.alloc(FRAME_HEADER_SIZE)
  private headerRead = 0
  /** The field block that is being gathered; null between blocks. */
  private block: FieldBlock | null = null
  private started = false

  constructor({ frames, data, blocks, settings }: FrameSinks, limits: FrameReaderLimits) {
    this.sink = frames
    this.data = data
    this.blocks = blocks
    this.settings = settings
    this.limits = limits
  }

  get stopped(): boolean {
    return this.state === STOPPED
  }

  /** The octets buffered for a split frame and a field block. Both are bounded. */
  get bufferedBytes(): number {
    return (this.carry?.length ?? 0) + (this.block?.bytes.length ?? 0)
  }

  /**
   * The number of the frame that has begun and not ended; for a field block, of its first frame. 0 between
   * frames and within DATA, whose progress the exchange checks.
   */
  get unfinished(): number {
    if (this.block !== null) return this.block.frame
    if (this.state === READ_HEADER) return this.headerRead === 0 ? 0 : this.frames + 1
    return this.state === READ_PAYLOAD ? this.frames : 0
  }

  /** The stream of the current frame or field block; 0 between frames, and for frames of the connection. */
  get stream(): number {
    return this.block === null ? this.streamId : this.block.streamId
  }

  /**
   * The first octets of the connection, until a frame was valid. They show which other
   * protocol a peer speaks.
   */
  get beginning(): Buffer {
    return this.header.subarray(0, this.started ? 0 : this.headerRead)
  }

  /** Stops reading: the connection is failing. */
  stop(): void {
    this.state = STOPPED
    this.carry = null
    this.block = null
  }

  feed(chunk: Buffer): void {
    let at = 0
    const end = chunk.length
    while (at < end) {
      switch (this.state) {
        case READ_HEADER: {
          if (this.headerRead === 0 && end - at >= FRAME_HEADER_SIZE) {
            this.frameHeader(chunk, at)
            at += FRAME_HEADER_SIZE
          } else {
            const size = Math.min(FRAME_HEADER_SIZE - this.headerRead, end - at)
            chunk.copy(this.header, this.headerRead, at, at + size)
            at += size
            this.headerRead += size
            if (this.headerRead < FRAME_HEADER_SIZE) return
            this.headerRead = 0
            this.frameHeader(this.header, 0)
          }
          if (this.state === READ_PAYLOAD && this.length === 0) this.payload(chunk, at, at)
          break
        }
        case READ_PAYLOAD: {
          if (this.carry === null && end - at >= this.length) {
            const start = at
            at += this.length
            this.payload(chunk, start, at)
          } else at = this.gather(chunk, at, end)
          break
        }
        case READ_PAD_LENGTH: {
          this.padding = chunk[at++]
          this.left--
          this.padded()
          break
        }
        case READ_DATA: {
          const size = Math.min(this.left - this.padding, end - at)
          this.left -= size
          this.data.dataBytes(this.streamId, chunk, at, at + size)
          at += size
          if (this.state === READ_DATA && this.left === this.padding) this.dataRead()
          break
        }
        case READ_PADDING: {
          const size = Math.min(this.left, end - at)
          this.left -= size
          at += size
          if (this.left === 0) this.frameEnd()
          break
        }
        default:
          return
      }
    }
  }

  private gather(chunk: Buffer, at: number, end: number): number {
    // The buffer has the length of the frame: a peer that stops after a frame header costs at most one frame.
    this.carry ??= Buffer.allocUnsafeSlow(this.length)
    const size = Math.min(this.length - this.carried, end - at)
    chunk.copy(this.carry, this.carried, at, at + size)
    this.carried += size
    if (this.carried === this.length) {
      const carry = this.carry
      this.carry = null
      this.carried = 0
      this.payload(carry, 0, carry.length)
    }
    return at + size
  }

  private frameHeader(b: Buffer, at: number): void {
    this.frames++
    this.length = (b[at] << 16) | (b[at + 1] << 8) | b[at + 2]
    const type = b[at + 3]
    this.type = type
    this.flags = b[at + 4]
    this.streamId = ((b[at + 5] & 0x7f) << 24) | (b[at + 6] << 16) | (b[at + 7] << 8) | b[at + 8]
    // The preface ends with a SETTINGS frame, before which no other may come (§3.4).
    if (!this.started && (type !== FrameType.SETTINGS || (this.flags & Flag.ACK) !== 0)) {
      this.headerRead = b.copy(this.header, 0, at, at + FRAME_HEADER_SIZE)
      this.fail(ErrorCode.PROTOCOL_ERROR, 'the first frame is not SETTINGS (RFC 9113 §3.4)')
      return
    }
    const { block } = this
    if (block !== null && (type !== FrameType.CONTINUATION || this.streamId !== block.streamId)) {
      this.fail(ErrorCode.PROTOCOL_ERROR, 'a field block was interrupted (RFC 9113 §6.10)')
      return
    }
    // We never raise SETTINGS_MAX_FRAME_SIZE above its initial value (§6.5.2).
    if (this.length > DEFAULT_FRAME_SIZE) {
      this.fail(ErrorCode.FRAME_SIZE_ERROR, `a frame of ${this.length} octets (RFC 9113 §4.2)`)
      return
    }
    this.state = READ_PAYLOAD
    if (type === FrameType.DATA) this.dataHeader()
  }

  private dataHeader(): void {
    if (this.streamId === 0) {
      this.fail(ErrorCode.PROTOCOL_ERROR, 'DATA on stream 0 (RFC 9113 §6.1)')
      return
    }
    this.left = this.length
    this.padding = 0
    const padded = (this.flags & Flag.PADDED) !== 0
    const endStream = (this.flags & Flag.END_STREAM) !== 0
    if (padded && this.length === 0) {
      this.fail(ErrorCode.FRAME_SIZE_ERROR, 'a padded frame without a pad length (RFC 9113 §6.1)')
      return
    }
    this.state = padded ? READ_PAD_LENGTH : READ_DATA
    if (this.length === 0 && !endStream) {
      this.sink.idleFrame()
      if (this.stopped) return
    }
    this.data.data(this.streamId, this.length, endStream)
    if (this.state === READ_DATA && this.length === 0) this.dataRead()
  }

  private padded(): void {
    if (this.padding > this.left) {
      this.fail(ErrorCode.PROTOCOL_ERROR, 'padding as long as the payload or longer (RFC 9113 §6.1)')
    } else if (this.left === this.padding) {
      if ((this.flags & Flag.END_STREAM) === 0) this.sink.idleFrame()
      if (!this.stopped) this.dataRead()
    } else this.state = READ_DATA
  }

  /** Ends the data of a frame. Padding may follow. */
  private dataRead(): void {
    this.state = READ_PADDING
    if (this.left === 0) this.frameEnd()
  }

  private frameEnd(): void {
    this.state = READ_HEADER
    this.data.dataEnd(this.streamId, (this.flags & Flag.END_STREAM) !== 0)
    this.streamId = 0
  }

  private fail(code: number, message: string): void {
    this.streamId = this.stream
    this.stop()
    this.sink.connectionError(code, message)
  }

  /** Reads a whole payload of any frame but DATA. */
  private payload(b: Buffer, start: number, end: number): void {
    this.state = READ_HEADER
    this.started = true
    this.frameRead(b, start, end)
    this.streamId = 0
  }

  private frameRead(b: Buffer, start: number, end: number): void {
    const id = this.streamId
    const size = end - start
    const sink = this.sink
    switch (this.type) {
      case FrameType.HEADERS:
        this.headersFrame(b, start, end)
        return
      case FrameType.CONTINUATION:
        if (this.block !== null) this.fragment(this.block, b, start, end)
        else this.fail(ErrorCode.PROTOCOL_ERROR, 'CONTINUATION without HEADERS (RFC 9113 §6.10)')
        return
      case FrameType.PRIORITY:
        if (id === 0) this.fail(ErrorCode.PROTOCOL_ERROR, 'PRIORITY on stream 0 (RFC 9113 §6.3)')
        else if (size !== 5) sink.streamError(id, ErrorCode.FRAME_SIZE_ERROR, 'PRIORITY is 5 octets long')
        else sink.priority(id)
        return
      case FrameType.RST_STREAM:
        if (id === 0) this.fail(ErrorCode.PROTOCOL_ERROR, 'RST_STREAM on stream 0 (RFC 9113 §6.4)')
        else if (size !== 4)
          this.fail(ErrorCode.FRAME_SIZE_ERROR, 'RST_STREAM is 4 octets long (RFC 9113 §6.4)')
        else sink.rstStream(id, b.readUInt32BE(start))
        return
      case FrameType.SETTINGS:
        this.settingsFrame(b, start, end)
        return
      case FrameType.PUSH_PROMISE:
        if (id === 0) this.fail(ErrorCode.PROTOCOL_ERROR, 'PUSH_PROMISE on stream 0 (RFC 9113 §6.6)')
        else sink.pushPromise(id)
        return
      case FrameType.PING:
        if (id !== 0) this.fail(ErrorCode.PROTOCOL_ERROR, 'PING on a stream (RFC 9113 §6.7)')
        else if (size !== 8) this.fail(ErrorCode.FRAME_SIZE_ERROR, 'PING is 8 octets long (RFC 9113 §6.7)')
        else sink.ping(b, start, (this.flags & Flag.ACK) !== 0)
        return
      case FrameType.GOAWAY:
        if (id !== 0) this.fail(ErrorCode.PROTOCOL_ERROR, 'GOAWAY on a stream (RFC 9113 §6.8)')
        else if (size < 8)
          this.fail(ErrorCode.FRAME_SIZE_ERROR, 'GOAWAY is 8 octets long at least (RFC 9113 §6.8)')
        else {
          const debug = b.toString('latin1', start + 8, Math.min(end, start + 8 + DEBUG_BYTES_MAX))
          sink.goaway(b.readUInt32BE(start) & 0x7fffffff, b.readUInt32BE(start + 4), debug)
        }
        return
      case FrameType.WINDOW_UPDATE:
        if (size !== 4)
          this.fail(ErrorCode.FRAME_SIZE_ERROR, 'WINDOW_UPDATE is 4 octets long (RFC 9113 §6.9)')
        else this.windowUpdate(id, b.readUInt32BE(start) & 0x7fffffff)
        return
      default:
        // Frames of unknown type are ignored (§4.1), but counted: they may be a flood.
        sink.idleFrame()
    }
  }

  private windowUpdate(id: number, increment: number): void {
    if (increment !== 0) this.sink.windowUpdate(id, increment)
    else if (id === 0) this.fail(ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE by 0 (RFC 9113 §6.9)')
    else this.sink.streamError(id, ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE by 0 (RFC 9113 §6.9)')
  }

  private settingsFrame(b: Buffer, start: number, end: number): void {
    const size = end - start
    if (this.streamId !== 0) this.fail(ErrorCode.PROTOCOL_ERROR, 'SETTINGS on a stream (RFC 9113 §6.5)')
    else if ((this.flags & Flag.ACK) !== 0) {
      if (size !== 0) this.fail(ErrorCode.FRAME_SIZE_ERROR, 'SETTINGS ACK with a payload (RFC 9113 §6.5)')
      else this.settings.settingsAck()
    } else if (size % 6 !== 0)
      this.fail(ErrorCode.FRAME_SIZE_ERROR, 'SETTINGS not a multiple of 6 octets (RFC 9113 §6.5)')
    else if (size > this.limits.settingsMax * 6)
      this.fail(ErrorCode.ENHANCE_YOUR_CALM, `more than ${this.limits.settingsMax} settings in a frame`)
    else {
      for (let at = start; at < end && !this.stopped; at += 6) {
        this.settings.setting((b[at] << 8) | b[at + 1], b.readUInt32BE(at + 2))
      }
      if (!this.stopped) this.settings.settingsEnd()
    }
  }

  private headersFrame(b: Buffer, start: number, end: number): void {
    if (this.streamId === 0) {
      this.fail(ErrorCode.PROTOCOL_ERROR, 'HEADERS on stream 0 (RFC 9113 §6.2)')
      return
    }
    let from = start
    let padding = 0
    const flags = this.flags
    const fixed = ((flags & Flag.PADDED) !== 0 ? 1 : 0) + ((flags & Flag.PRIORITY) !== 0 ? 5 : 0)
    if (end - start < fixed) {
      this.fail(ErrorCode.FRAME_SIZE_ERROR, 'HEADERS shorter than its own fields (RFC 9113 §6.2)')
      return
    }
    if ((flags & Flag.PADDED) !== 0) padding = b[from++]
    if ((flags & Flag.PRIORITY) !== 0) from += 5
    if (padding > end - from) {
      this.fail(ErrorCode.PROTOCOL_ERROR, 'padding as long as the payload or longer (RFC 9113 §6.2)')
      return
    }
    const endStream = (flags & Flag.END_STREAM) !== 0
    if ((flags & Flag.END_HEADERS) !== 0) {
      this.blocks.headers(this.streamId, b, from, end - padding, endStream)
      return
    }
    this.block = new FieldBlock(this.streamId, this.frames, endStream, this.limits)
    this.fragment(this.block, b, from, end - padding)
  }

  private fragment(block: FieldBlock, b: Buffer, start: number, end: number): void {
    const { blocks } = this
    const wrong = block.count(end - start)
    if (wrong !== null) {
      this.fail(ErrorCode.ENHANCE_YOUR_CALM, wrong)
      return
    }
    if (!block.discarded) block.keep(b, start, end)
    else {
      if (block.length > 0) {
        blocks.headersPiece(block.bytes, 0, block.length)
        block.drop()
      }
      if (!this.stopped) blocks.headersPiece(b, start, end)
      if (this.stopped) return
    }
    if ((this.flags & Flag.END_HEADERS) === 0) return
    this.block = null
    if (block.discarded) blocks.headersTooLarge(block.streamId, block.endStream)
    else blocks.headers(block.streamId, block.bytes, 0, block.length, block.endStream)
  }
}
