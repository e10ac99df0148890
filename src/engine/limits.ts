// The bounds of this room, in one place: names, defaults, units. Only server/ knows of files and options.

export interface EngineLimits {
  /** open sessions to the backend, those being opened included; as many again may wait for its end (E36) */
  readonly sessionsMax: number
  /** sessions being opened at once; until it is open, a session counts as room for one */
  readonly openingMax: number
  /** leases waiting in the queue */
  readonly queueMax: number
  /**
   * sessions of one backend that are a client connection's own (NTLM, Negotiate); one more is closed behind
   * its response
   */
  readonly boundSessionsMax: number
  /** ms before another opening is tried after one has failed, while other sessions serve */
  readonly reopenDelayMs: number
}

export const engineLimits: EngineLimits = {
  sessionsMax: 16,
  openingMax: 1,
  queueMax: 100_000,
  boundSessionsMax: 1_000,
  reopenDelayMs: 1_000,
}
