// The choice of the session for the next lease (spec/engine.md, E4). Requests of one turn that share a
// session leave in one write, and their responses come back together. So the leases of one turn go to one
// session, up to a bound; they are called a row. Each row begins at the session with the fewest leases, which
// keeps the load even from turn to turn.

import type { Session } from './session.js'

const NONE: readonly never[] = []

/** The most leases of one row. */
const ROW_MAX = 32

export class SessionChoice<S extends Session> {
  private readonly sessions: readonly S[]
  private row: S | null
  /** The number of leases that the row may still get. */
  private left: number
  /** The turn in which the row began. */
  private turn: number

  /** @param sessions the engine's own array, which the engine changes */
  constructor(sessions: readonly S[]) {
    this.sessions = sessions
    this.row = null
    this.left = 0
    this.turn = 0
  }

  /**
   * Returns the session for one lease, or null if no session has room.
   * @param turn the turn in which the lease is asked for
   * @param share the most leases that a session may have, whatever its capacity
   */
  next(turn: number, share: number): S | null {
    const { row } = this
    if (row !== null && this.left > 0 && this.turn === turn && hasRoom(row, share)) {
      this.left--
      return row
    }
    const first = this.leastLoaded(share)
    this.row = first
    this.left = ROW_MAX - 1
    this.turn = turn
    return first
  }

  /** Returns the open sessions past this number: those with the fewest leases. */
  surplus(sessionsMax: number): readonly S[] {
    const open = this.sessions.filter((each) => each.state === 'open')
    if (open.length <= sessionsMax) return NONE
    return open.sort((a, b) => a.leased - b.leased).slice(0, open.length - Math.max(0, sessionsMax))
  }

  /** Ends the row of a session that leaves the engine. */
  forget(session: S): void {
    if (this.row === session) this.row = null
  }

  private leastLoaded(share: number): S | null {
    const { sessions } = this
    let best: S | null = null
    for (let i = 0; i < sessions.length; i++) {
      const each = sessions[i]
      if (!hasRoom(each, share)) continue
      // An idle session cannot be beaten, so stop at the first: this also keeps load on the oldest sessions.
      if (each.leased === 0) return each
      if (best === null || each.leased < best.leased) best = each
    }
    return best
  }
}

const hasRoom = (session: Session, share: number): boolean =>
  session.state === 'open' && session.leased < session.capacity && session.leased < share
