// The Session contract: one connection to a backend, as the engine sees it. The session says how many leases
// it can carry; the engine counts them.

import type { Fault } from '../continuation/index.js'
import type { Subject } from '../pollset/index.js'
import type { Opening } from './opening.js'

export type SessionState = 'opening' | 'open' | 'retired' | 'closed'

/** One connection to a backend. It reports to its engine through {@link SessionReports}. */
export interface Session extends Subject {
  readonly id: string
  /** The opening that made it, if it is not its own opening. Written by that opening. */
  openedBy?: Opening
  /** Written by the engine only. */
  state: SessionState
  /** Leases granted on it and not yet freed. Written by the engine only. */
  leased: number
  /** The number of leases that it can carry at once: what the peer allows now. */
  readonly capacity: number
  /** Feature bits of the protocol; opaque to the engine. */
  readonly features: number
  /**
   * The time of the pollset's clock at which its engine retires it if it carries no lease. Is read when its
   * last lease has ended, and again at that time. Undefined: it stays.
   */
  readonly idleBy?: number
  /** Closes it in the protocol's way. It reports `closed` when done. */
  close(): void
  /** Moves it to another engine. A session without this method cannot be {@link SessionReports.reserved}. */
  reportTo?(reports: SessionReports<Session>): void
}

/**
 * Begins to open a session. It must not report before it has returned: until then the engine does not know
 * the opening, and would count it twice or never. A session may be its own opening.
 */
export type SessionFactory<S extends Session> = (reports: SessionReports<S>) => Opening

/** The reports of a session to its engine. */
export interface SessionReports<S extends Session> {
  /** It can carry leases now. */
  opened(session: S): void
  /** An opening failed: no session was made. */
  unopened(opening: Opening, why: Fault): void
  /** Its capacity has changed. */
  changed(session: S): void
  /** One of its leases has ended. */
  freed(session: S): void
  /** The backend refused one of its leases, as more than it serves at once. The lease has ended. */
  declined(session: S): void
  /**
   * It takes no new leases, and closes when its last lease ends.
   * @param served the number of leases that the backend has served or still serves, if it said that it did
   *   not begin the others
   */
  retired(session: S, served?: number): void
  /**
   * All its leases have ended and its FIN is sent: it only waits for the backend to close. `closed` follows.
   */
  leaving(session: S): void
  /**
   * It serves one user from now on, such as a tunnel, and takes no place among the sessions. If
   * `surrenderedMax` such sessions are open, it is retired instead, and keeps its place. `closed` follows.
   */
  surrendered(session: S): void
  /** True while another session may be surrendered. */
  readonly maySurrender: boolean
  /** It now belongs to this owner alone: no other may lease it. */
  reserved(session: S, owner: object): void
  /** It has closed, with or without a fault. */
  closed(session: S, fault: Fault | null): void
}
