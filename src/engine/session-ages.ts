// The ages of an engine's sessions (spec/engine.md, E46): an old session takes no new lease, and closes when
// its last lease ends. It takes no place meanwhile, so that another can open.

import type { World } from '../continuation/index.js'
import { Deadline } from '../pollset/index.js'
import type { EngineLimits } from './limits.js'
import type { Session, SessionReports } from './session.js'

/** Ages differ from the configured one by up to this part, so that sessions do not all end together. */
const JITTER = 0.1

/** While as many old sessions as there may be end their leases: the next look, as a part of the age. */
const AGAIN = 0.1

class Age<S extends Session> extends Deadline {
  private readonly session: S
  private readonly aged: (session: S, age: Age<S>) => void

  constructor(session: S, aged: (session: S, age: Age<S>) => void) {
    super()
    this.session = session
    this.aged = aged
  }

  expire(): void {
    this.aged(this.session, this)
  }
}

export class SessionAges<S extends Session> {
  private readonly world: World
  private readonly limits: EngineLimits
  private readonly reports: SessionReports<S>
  private readonly young = new Map<S, Age<S>>()
  /** Sessions that end their last leases. */
  private readonly old = new Set<S>()
  private readonly drawn = new Uint32Array(1)

  constructor(world: World, limits: EngineLimits, reports: SessionReports<S>) {
    this.world = world
    this.limits = limits
    this.reports = reports
  }

  opened(session: S): void {
    const age = new Age(session, this.aged)
    this.young.set(session, age)
    this.world.pollset.random(new Uint8Array(this.drawn.buffer))
    const chance = this.drawn[0] / 2 ** 32
    this.arm(age, this.limits.sessionAgeMs * (1 - JITTER + 2 * JITTER * chance))
  }

  /** The session has closed, or belongs to the engine no longer. */
  forget(session: S): void {
    this.old.delete(session)
    const age = this.young.get(session)
    if (age === undefined) return
    this.young.delete(session)
    this.world.pollset.deadlines.disarm(age)
  }

  private arm(age: Age<S>, ms: number): void {
    const { deadlines, now } = this.world.pollset
    deadlines.at(age, now + ms)
  }

  private readonly aged = (session: S, age: Age<S>): void => {
    if (session.state === 'open' && this.old.size >= this.limits.sessionsMax) {
      // It serves on: no other could open in its place.
      this.arm(age, this.limits.sessionAgeMs * AGAIN)
      return
    }
    this.young.delete(session)
    if (session.state !== 'open') return
    this.old.add(session)
    this.reports.leaving(session)
    this.reports.retired(session)
  }
}
