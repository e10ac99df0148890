// The peer's SETTINGS (RFC 9113 §6.5): which values are not allowed, and what the good ones change. It is the
// sink of these frames.

import { DEFAULT_WINDOW, ErrorCode, Setting, WINDOW_MAX } from './codes.js'
import type { FieldSections } from './field-sections.js'
import type { SettingsSink } from './frame-sink.js'
import type { Handshake } from './handshake.js'
import type { HpackEncoder } from './hpack/encoder.js'
import type { Output } from './output.js'
import type { Role } from './stream-states.js'
import type { StreamTable } from './stream-table.js'

/** What a wrong value is: an error of the connection. */
export interface SettingFault {
  readonly code: number
  readonly message: string
}

const wrong = (code: number, message: string): SettingFault => ({ code, message })

/** The connection that they come on. */
export interface SettingsHost {
  connectionError(code: number, message: string): void
  /**
   * Counts a frame that carries nothing and goes with no work. `weight`: the number of ordinary frames it
   * costs us.
   */
  emptyFrame(weight?: number): void
  /** A good parameter: those of one role only are the role's. */
  roleSetting(id: number, value: number): void
  /** The peer's SETTINGS have come, the first or others. */
  settingsCame(first: boolean): void
  /** The peer has acknowledged ours. */
  settingsAcknowledged(): void
}

/**
 * Streams gone through for the price of a frame that carries nothing; and the price at most, whatever a
 * backend carries.
 */
const STREAMS_A_FRAME = 8
const WINDOW_WEIGHT_MAX = 20

export class PeerSettings implements SettingsSink {
  /** SETTINGS_INITIAL_WINDOW_SIZE: octets each new stream may send. */
  window = DEFAULT_WINDOW
  /** The peer has said that it takes extended CONNECT (RFC 8441 §3). */
  connectProtocol = false
  /** The initial window that the frame being read has told last. */
  private windowNext = DEFAULT_WINDOW
  private readonly role: Role
  private readonly encoder: HpackEncoder
  private readonly output: Output
  private readonly streams: StreamTable
  private readonly handshake: Handshake
  private readonly sections: FieldSections
  private readonly connection: SettingsHost

  constructor(
    role: Role,
    encoder: HpackEncoder,
    output: Output,
    streams: StreamTable,
    handshake: Handshake,
    sections: FieldSections,
    connection: SettingsHost,
  ) {
    this.role = role
    this.encoder = encoder
    this.output = output
    this.streams = streams
    this.handshake = handshake
    this.sections = sections
    this.connection = connection
  }

  setting(id: number, value: number): void {
    const wrong = this.take(id, value)
    if (wrong !== null) this.connection.connectionError(wrong.code, wrong.message)
    else this.connection.roleSetting(id, value)
  }

  settingsEnd(): void {
    const before = this.window
    const wrong = this.apply()
    if (wrong !== null) {
      this.connection.connectionError(wrong.code, wrong.message)
      return
    }
    const first = !this.handshake.settled
    this.handshake.settled = true
    this.output.settingsAck()
    if (!first) this.connection.emptyFrame(before === this.window ? 1 : this.windowWeight)
    this.connection.settingsCame(first)
  }

  settingsAck(): void {
    this.sections.settingsAck()
    this.handshake.acknowledged = true
    this.connection.emptyFrame()
    this.connection.settingsAcknowledged()
  }

  /** Another initial window changes each stream's. */
  private get windowWeight(): number {
    return Math.min(1 + Math.floor(this.streams.count / STREAMS_A_FRAME), WINDOW_WEIGHT_MAX)
  }

  /** Applies one parameter; null if it is valid. */
  private take(id: number, value: number): SettingFault | null {
    switch (id) {
      case Setting.HEADER_TABLE_SIZE:
        this.encoder.setPeerTableSizeMax(value)
        return null
      case Setting.ENABLE_PUSH:
        if (value === 0 || (value === 1 && this.role === 'server')) return null
        return wrong(ErrorCode.PROTOCOL_ERROR, `ENABLE_PUSH ${value} (RFC 9113 §6.5.2)`)
      case Setting.INITIAL_WINDOW_SIZE:
        if (value > WINDOW_MAX) return wrong(ErrorCode.FLOW_CONTROL_ERROR, `INITIAL_WINDOW_SIZE ${value}`)
        this.windowNext = value
        return null
      case Setting.MAX_FRAME_SIZE:
        // We never send more than 16,384 octets in a frame, which every peer must take.
        if (value >= 16_384 && value <= 16_777_215) return null
        return wrong(ErrorCode.PROTOCOL_ERROR, `MAX_FRAME_SIZE ${value} (RFC 9113 §6.5.2)`)
      case Setting.ENABLE_CONNECT_PROTOCOL: {
        // A server is not concerned; a client may not be promised it and then refused.
        const bad = this.role === 'client' && (value > 1 || (value === 0 && this.connectProtocol))
        this.connectProtocol = value === 1
        return bad ? wrong(ErrorCode.PROTOCOL_ERROR, `ENABLE_CONNECT_PROTOCOL ${value} (RFC 8441 §3)`) : null
      }
      default:
        return null
    }
  }

  /**
   * The frame has ended. RFC 9113 §6.9.2: a changed initial window changes every stream's, below zero if need
   * be. All streams are gone through, so that is done once a frame, however often it names the window.
   */
  private apply(): SettingFault | null {
    const by = this.windowNext - this.window
    if (by === 0) return null
    this.window = this.windowNext
    for (const stream of this.streams.all()) {
      stream.sendWindow += by
      if (stream.sendWindow > WINDOW_MAX) {
        return wrong(ErrorCode.FLOW_CONTROL_ERROR, 'INITIAL_WINDOW_SIZE overflows a window (RFC 9113 §6.9.2)')
      }
      if (by > 0 && stream.hasWork) this.output.pending(stream)
    }
    return null
  }
}
