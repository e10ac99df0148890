// Control frames, written as they arise into a small bounded reserve, until the turn's flush takes them
// before all else (design: Output): SETTINGS, PING, RST_STREAM, GOAWAY. A peer that makes us answer and does
// not read runs it full.
//
// A stream that we end of our own accord is no answer to anything: its RST_STREAM waits beside the reserve,
// by its id, and fills nothing that the peer is judged by. What waits so is bounded by the streams that the
// peer takes for open: a backend's get no id, and a client's are refused, while as many wait.

import type { Pollset } from '../pollset/index.js'
import { type OutputSlabs, SlabOutput } from '../transport/index.js'
import { DEFAULT_WINDOW, ErrorCode, FRAME_HEADER_SIZE } from './codes.js'
import {
  writeGoaway,
  writePing,
  writeRstStream,
  writeSettings,
  writeSettingsAck,
  writeWindowUpdate,
} from './frame-writer.js'

export const WINDOW_UPDATE_SIZE = 13
const RST_STREAM_SIZE = FRAME_HEADER_SIZE + 4
/** octets of the reserve at first, and again whenever it is empty */
const FIRST = 256

export abstract class ControlFrames extends SlabOutput {
  /** Control frames were lost for want of room. */
  overflowed = false
  /** GOAWAY with an error is the last frame (RFC 9113 §5.4.1): nothing follows it but FIN. */
  protected goawaySent = false
  /** octets that wait */
  protected controlBytes = 0
  private control: Buffer | null = null
  /** Error codes by the streams that wait to be reset, the first first. */
  private waitingResets: Map<number, number> | null = null
  private readonly controlMax: number

  constructor(pollset: Pollset, slabs: OutputSlabs, controlMax: number) {
    super(pollset, slabs)
    this.controlMax = controlMax
  }

  bytes(data: Uint8Array): void {
    const at = this.reserve(data.length)
    if (at < 0) return
    ;(this.control as Buffer).set(data, at)
    this.controlBytes = at + data.length
  }

  /** A connection's window begins at 65,535 whatever SETTINGS say (RFC 9113 §6.9.2). */
  widenConnection(window: number): void {
    const at = window > DEFAULT_WINDOW ? this.reserve(WINDOW_UPDATE_SIZE) : -1
    if (at >= 0) this.controlBytes = writeWindowUpdate(this.control as Buffer, at, 0, window - DEFAULT_WINDOW)
  }

  settings(settings: readonly (readonly [number, number])[]): void {
    const at = this.reserve(FRAME_HEADER_SIZE + settings.length * 6)
    if (at >= 0) this.controlBytes = writeSettings(this.control as Buffer, at, settings)
  }

  settingsAck(): void {
    const at = this.reserve(FRAME_HEADER_SIZE)
    if (at >= 0) this.controlBytes = writeSettingsAck(this.control as Buffer, at)
  }

  ping(payload: Uint8Array, from: number, ack: boolean): void {
    const at = this.reserve(FRAME_HEADER_SIZE + 8)
    if (at >= 0) this.controlBytes = writePing(this.control as Buffer, at, payload, from, ack)
  }

  /** For a fault of the peer's. */
  rstStream(streamId: number, code: number): void {
    const at = this.reserve(RST_STREAM_SIZE)
    if (at >= 0) this.controlBytes = writeRstStream(this.control as Buffer, at, streamId, code)
  }

  /** Of our own accord: the peer has done nothing that it should pay for. */
  endStreamEarly(streamId: number, code: number): void {
    if (this.goawaySent) return
    this.waitingResets ??= new Map()
    this.waitingResets.set(streamId, code)
    this.flushSoon()
  }

  /** The peer has reset it as well: it need not hear of ours. */
  forgetReset(streamId: number): void {
    this.waitingResets?.delete(streamId)
  }

  /** Streams that the peer takes for open, as our RST_STREAM has not left. */
  get resetsWaiting(): number {
    return this.waitingResets === null ? 0 : this.waitingResets.size
  }

  /** The last word must find room: what is in its way is dropped, as nothing after it would be answered. */
  goaway(lastStreamId: number, code: number, debug: string): void {
    let at = this.reserve(FRAME_HEADER_SIZE + 8 + debug.length)
    if (at < 0) {
      this.controlBytes = 0
      at = this.reserve(FRAME_HEADER_SIZE + 8 + debug.length)
    }
    if (at >= 0) this.controlBytes = writeGoaway(this.control as Buffer, at, lastStreamId, code, debug)
    if (code !== ErrorCode.NO_ERROR) this.goawaySent = true
  }

  /**
   * Move what waits to the first `bytes` of a slab: all of the reserve, and resets as far as they fit;
   * returns the offset behind it.
   */
  protected moveControl(slab: Buffer, bytes: number): number {
    // Resets come behind what has waited: SETTINGS is the first of all frames (RFC 9113 §3.4). But nothing
    // comes behind the last word.
    let at = this.goawaySent ? this.moveResets(slab, 0, bytes - this.controlBytes) : 0
    const { control, controlBytes } = this
    if (control !== null && controlBytes > 0) {
      control.copy(slab, at, 0, controlBytes)
      at += controlBytes
      this.controlBytes = 0
      if (control.length > FIRST) this.control = null
    }
    if (this.goawaySent) this.waitingResets = null
    return this.moveResets(slab, at, bytes)
  }

  private moveResets(slab: Buffer, from: number, bytes: number): number {
    const waiting = this.waitingResets
    if (waiting === null) return from
    let at = from
    for (const [streamId, code] of waiting) {
      if (at + RST_STREAM_SIZE > bytes) return at
      at = writeRstStream(slab, at, streamId, code)
      waiting.delete(streamId)
    }
    this.waitingResets = null
    return at
  }

  override abandon(): void {
    super.abandon()
    this.control = null
    this.controlBytes = 0
    this.waitingResets = null
  }

  /** Room for control frames; -1 (and {@link overflowed}) when there is none. */
  private reserve(bytes: number): number {
    if (this.goawaySent) return -1
    const needed = this.controlBytes + bytes
    if (needed > this.controlMax) {
      this.overflowed = true
      return -1
    }
    if (this.control === null || this.control.length < needed) {
      const larger = Buffer.allocUnsafeSlow(Math.min(this.controlMax, Math.max(FIRST, needed * 2)))
      this.control?.copy(larger, 0, 0, this.controlBytes)
      this.control = larger
    }
    this.flushSoon()
    return this.controlBytes
  }
}
