// The limits of this room: names, defaults, units. Only server/ knows files and options.

export interface EngineLimits {
  /**
   * The number of sessions to the backend, including those being opened. The same number again may wait for
   * the peer's close (E36). Each worker counts its own.
   */
  readonly sessionsMax: number
  /**
   * The number of sessions that an engine keeps open once it has been used, so that a request finds one. A
   * backend that refuses is tried again after `reopenDelayMs`. Each worker counts its own.
   */
  readonly sessionsMin: number
  /**
   * The number of sessions that serve one user each to its end, such as a tunnel, beside `sessionsMax`. One
   * more is refused. Each worker counts its own.
   */
  readonly surrenderedMax: number
  /**
   * The number of sessions that are being opened at once. Each counts as room for one lease until it is open.
   * Each worker counts its own.
   */
  readonly openingMax: number
  /** The number of leases that wait in the queue. One more is refused. Each worker counts its own. */
  readonly queueMax: number
  /**
   * The number of sessions of one backend that each belong to a client connection (NTLM, Negotiate). One more
   * is closed after its response. Each worker counts its own.
   */
  readonly boundSessionsMax: number
  /** The time after a failed opening before the next one, while other sessions serve, in ms. */
  readonly reopenDelayMs: number
  /**
   * The age at which a session takes no new lease, in ms, more or less by up to a tenth. It closes when its
   * last lease ends. 0: never.
   */
  readonly sessionAgeMs: number
  /** The number of leases on a session at once, whatever the backend allows. 0: what the backend allows. */
  readonly streamsPerSessionMax: number
}

export const engineLimits: EngineLimits = {
  sessionsMax: 16,
  sessionsMin: 0,
  surrenderedMax: 100_000,
  openingMax: 1,
  queueMax: 100_000,
  boundSessionsMax: 1_000,
  reopenDelayMs: 1_000,
  sessionAgeMs: 0,
  streamsPerSessionMax: 0,
}
