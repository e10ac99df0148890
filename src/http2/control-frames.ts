// Control frames: SETTINGS, PING, RST_STREAM, GOAWAY. They are written into a small bounded reserve, which
// the flush sends first (design: Output). A peer that makes us answer and does not read fills the reserve,
// and the connection closes.
//
// RST_STREAM of a stream that we end of our own accord is not an answer to the peer, so it waits outside the
// reserve. The number of waiting resets is bounded by the number of streams that the peer believes to be
// open: sessions write no new heads before the resets, and frontends refuse new streams.

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
/** The octets of the reserve when it is empty. */
const FIRST = 256

export abstract class ControlFrames extends SlabOutput {
  /** True once the reserve was full and frames were lost. */
  overflowed = false
  /** True once GOAWAY with an error was written. Only FIN follows it (RFC 9113 §5.4.1). */
  protected goawaySent = false
  /** The octets in the reserve. */
  protected controlBytes = 0
  private control: Buffer | null = null
  /** The error codes of streams that wait to be reset, in order. */
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

  /** Widens the connection window, which begins at 65,535 whatever SETTINGS say (RFC 9113 §6.9.2). */
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

  /** Resets a stream for a fault of the peer. */
  rstStream(streamId: number, code: number): void {
    const at = this.reserve(RST_STREAM_SIZE)
    if (at >= 0) this.controlBytes = writeRstStream(this.control as Buffer, at, streamId, code)
  }

  /** Resets a stream of our own accord, which must not count against the peer. */
  endStreamEarly(streamId: number, code: number): void {
    if (this.goawaySent) return
    this.waitingResets ??= new Map()
    this.waitingResets.set(streamId, code)
    this.flushSoon()
  }

  /** Drops a waiting reset, since the peer has reset the stream itself. */
  forgetReset(streamId: number): void {
    this.waitingResets?.delete(streamId)
  }

  /** The number of streams whose RST_STREAM has not left. The peer believes them to be open. */
  get resetsWaiting(): number {
    return this.waitingResets === null ? 0 : this.waitingResets.size
  }

  /** Writes GOAWAY. It must find room, so it replaces waiting frames: nothing is answered after it. */
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
   * Moves the reserve, and as many resets as fit, to the first `bytes` of a slab. Returns the offset after
   * them.
   */
  protected moveControl(slab: Buffer, bytes: number): number {
    // Resets follow the reserve, since SETTINGS must be the first frame (RFC 9113 §3.4). But nothing follows
    // a GOAWAY with an error.
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

  /** Makes room in the reserve. Returns its offset; -1 and {@link overflowed} if the reserve is full. */
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
