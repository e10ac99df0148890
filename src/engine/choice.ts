// Which session gets the next lease (spec/engine.md, E4). Requests that come in one turn leave in one write
// if they share a session, and their answers come back together. So a turn's leases go to one session in a
// row, of bounded length; each row begins at the session with the fewest leases, which keeps the sessions
// evenly loaded from turn to turn.

import type { Session } from './session.js'

/** leases that one session gets in a row, while others have room */
const ROW_MAX = 32

export class SessionChoice<S extends Session> {
  private readonly sessions: readonly S[]
  private row: S | null
  /** leases that the row still has */
  private left: number
  /** The turn of the row. */
  private turn: number

  /** @param sessions of the engine, as they change */
  constructor(sessions: readonly S[]) {
    this.sessions = sessions
    this.row = null
    this.left = 0
    this.turn = 0
  }

  /**
   * The session for one lease; null: none has room.
   * @param turn in which the lease is asked for
   * @param share leases that a session may have, whatever its capacity
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

  /** The session is no longer the engine's. */
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
