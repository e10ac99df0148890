// The idle sessions of an engine (spec/engine.md, E49): one that carries no lease is retired at the time that
// it says. One deadline serves all of them, so a session that is leased and freed again and again arms none.

import type { World } from '../continuation/index.js'
import { Deadline } from '../pollset/index.js'
import type { Session } from './session.js'

export class IdleSessions<S extends Session> extends Deadline {
  private readonly world: World
  private readonly sessions: readonly S[]
  private readonly retire: (session: S) => void

  /**
   * @param sessions the engine's own array, which the engine changes
   * @param retire retires an idle session
   */
  constructor(world: World, sessions: readonly S[], retire: (session: S) => void) {
    super()
    this.world = world
    this.sessions = sessions
    this.retire = retire
  }

  /** Notes that this session carries no lease from now on. */
  noted({ idleBy }: S): void {
    if (idleBy === undefined || idleBy === Number.POSITIVE_INFINITY) return
    if (this.deadlineArmed) {
      if (idleBy >= this.deadlineAt) return
      this.close()
    }
    this.world.pollset.deadlines.at(this, idleBy)
  }

  /** Retires the sessions whose time has passed, and waits for the next. */
  expire(): void {
    const { now } = this.world.pollset
    for (const session of [...this.sessions]) {
      if (session.leased > 0 || session.state !== 'open') continue
      if (now >= (session.idleBy ?? Number.POSITIVE_INFINITY)) this.retire(session)
      else this.noted(session)
    }
  }

  /** Waits no longer. */
  close(): void {
    this.world.pollset.deadlines.disarm(this)
  }
}
