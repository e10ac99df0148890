// The sink of SETTINGS (RFC 9113 §6.5): checks the peer's values, and applies them.

import { DEFAULT_WINDOW, ErrorCode, Setting, WINDOW_MAX } from './codes.js'
import type { FieldSections } from './field-sections.js'
import type { SettingsSink } from './frame-sink.js'
import type { Handshake } from './handshake.js'
import type { HpackEncoder } from './hpack/encoder.js'
import type { Output } from './output.js'
import type { Role } from './stream-states.js'
import type { StreamTable } from './stream-table.js'

/** A wrong value, which is a connection error. */
export interface SettingFault {
  readonly code: number
  readonly message: string
}

const wrong = (code: number, message: string): SettingFault => ({ code, message })

/** The connection of these SETTINGS. */
export interface SettingsHost {
  connectionError(code: number, message: string): void
  /** Counts an idle frame that no work explains. It costs `weight` times as much as an ordinary one. */
  idleFrame(weight?: number): void
  /** Takes a valid parameter. Role-specific parameters are handled by the role. */
  roleSetting(id: number, value: number): void
  /** The peer's SETTINGS are applied. */
  settingsCame(first: boolean): void
  /** The peer has acknowledged our SETTINGS. */
  settingsAcknowledged(): void
}

/**
 * The number of streams that the price of one frame covers when all windows change, and the highest price.
 */
const STREAMS_A_FRAME = 8
const WINDOW_WEIGHT_MAX = 20

export class PeerSettings implements SettingsSink {
  /** The peer's SETTINGS_INITIAL_WINDOW_SIZE. */
  window = DEFAULT_WINDOW
  /** True if the peer supports extended CONNECT (RFC 8441 §3). */
  connectProtocol = false
  /** The last initial window in the current frame. */
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
    if (!first) this.connection.idleFrame(before === this.window ? 1 : this.windowWeight)
    this.connection.settingsCame(first)
  }

  settingsAck(): void {
    this.sections.settingsAck()
    this.handshake.acknowledged = true
    this.connection.idleFrame()
    this.connection.settingsAcknowledged()
  }

  /** The price of changing every stream's window. */
  private get windowWeight(): number {
    return Math.min(1 + Math.floor(this.streams.count / STREAMS_A_FRAME), WINDOW_WEIGHT_MAX)
  }

  /** Applies one parameter. Returns its fault; null if it is valid. */
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
        // We never send frames above 16,384 octets, which every peer must take.
        if (value >= 16_384 && value <= 16_777_215) return null
        return wrong(ErrorCode.PROTOCOL_ERROR, `MAX_FRAME_SIZE ${value} (RFC 9113 §6.5.2)`)
      case Setting.ENABLE_CONNECT_PROTOCOL: {
        // It does not concern a server. A server must not withdraw it (RFC 8441 §3).
        const bad = this.role === 'client' && (value > 1 || (value === 0 && this.connectProtocol))
        this.connectProtocol = value === 1
        return bad ? wrong(ErrorCode.PROTOCOL_ERROR, `ENABLE_CONNECT_PROTOCOL ${value} (RFC 8441 §3)`) : null
      }
      default:
        return null
    }
  }

  /**
   * Applies the frame. A changed initial window changes every stream's window, even below zero (RFC
   * 9113 §6.9.2). That visits all streams, so it is done once a frame, even if the frame names the
   * window several times.
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
