// The Session contract: one connection to a backend, as the engine sees it. The protocol above it tells
// how many leases it can carry; the engine counts them.

import type { Fault } from '../continuation/index.js'
import type { Opening } from './opening.js'

export type SessionState = 'opening' | 'open' | 'retired' | 'closed'

/**
 * What a protocol's backend gives an {@link Engine}. The session reports to its engine with
 * `opened`, `changed`, `freed`, `retired` and `closed`; state and leased are the engine's to write.
 */
export interface Session {
  readonly id: string
  /** What it came of, by which its engine knows it until it is open; without: itself. Written by that. */
  openedBy?: Opening
  /** Written by the engine only. */
  state: SessionState
  /** Leases granted on it and not yet freed. Written by the engine only. */
  leased: number
  /** The leases it can carry at once, once open: what the peer allows now. */
  readonly capacity: number
  /** Feature bits of the protocol; opaque to the engine. */
  readonly features: number
  /** No work of ours is left on it, or none shall be: say goodbye and close. Reports `closed` when done. */
  close(): void
  /** Another engine has it from here on. Without this it cannot be {@link SessionReports.reserved}. */
  reportTo?(reports: SessionReports<Session>): void
}

/**
 * Begins to open a session of its protocol. Nothing may be reported before it has returned: until then the
 * engine does not know the opening, and would count it twice or never. A session may be its own opening.
 */
export type SessionFactory<S extends Session> = (reports: SessionReports<S>) => Opening

/** What a session tells its engine. */
export interface SessionReports<S extends Session> {
  /** It can carry leases now. */
  opened(session: S): void
  /** No session came of this. */
  unopened(opening: Opening, why: Fault): void
  /** Its capacity has changed. */
  changed(session: S): void
  /** One of its leases has ended. */
  freed(session: S): void
  /** One of its leases has ended: the backend refused it, as more than it can serve at once. */
  declined(session: S): void
  /**
   * It takes no new leases, and closes when those it has are done. `served`, where the backend goes before
   * its time: the leases that it has served or still serves, it having told that it did not begin the others.
   */
  retired(session: S, served?: number): void
  /**
   * All its leases are over and its last word is said: it waits for the backend's end only, and `closed`
   * follows.
   */
  leaving(session: S): void
  /** What it carries has taken it over (a tunnel, say): it is counted no more, and ends with it. */
  surrendered(session: S): void
  /** What it carries has made it this owner's: nobody else may have it. */
  reserved(session: S, owner: object): void
  /** It is gone, with or without a fault. */
  closed(session: S, fault: Fault | null): void
}
