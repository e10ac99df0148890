// The handshake of an HTTP/2 connection (RFC 9113 §3.4, §6.5.3): the peer owes its first SETTINGS and the
// acknowledgement of ours within prefaceMs.

import { ErrorCode } from './codes.js'

/** The connection error for a part that the peer has not sent in time. */
export interface Overdue {
  readonly code: number
  readonly message: string
  /** True if the current frame is to blame. */
  readonly blamesFrame: boolean
}

const NO_SETTINGS: Overdue = {
  code: ErrorCode.PROTOCOL_ERROR,
  message: 'no SETTINGS came in time (RFC 9113 §3.4)',
  blamesFrame: true,
}
const NO_ACK: Overdue = {
  code: ErrorCode.SETTINGS_TIMEOUT,
  message: 'our SETTINGS were not acknowledged in time (RFC 9113 §6.5.3)',
  blamesFrame: false,
}

export class Handshake {
  /** True once the peer's first SETTINGS have come. */
  settled: boolean
  /** True once our SETTINGS have been acknowledged. */
  acknowledged: boolean
  /** The time at which the handshake is late: ms of the pollset's clock. */
  by: number

  constructor(by: number) {
    this.settled = false
    this.acknowledged = false
    this.by = by
  }

  get isDone(): boolean {
    return this.settled && this.acknowledged
  }

  overdue(now: number): Overdue | null {
    if (this.isDone || now < this.by) return null
    return this.settled ? NO_ACK : NO_SETTINGS
  }
}
