// The ages of an engine's sessions (spec/engine.md, E46): an old session takes no new lease, and closes when
// its last lease ends. It takes no place meanwhile, so that another can open.

import type { World } from '../continuation/index.js'
import { Deadline } from '../pollset/index.js'
import type { EngineLimits } from './limits.js'
import type { Session, SessionReports } from './session.js'

/** The part by which ages differ from the configured age, so that sessions do not all end together. */
const JITTER = 0.1

/** The part of the age until the next look, while the most old sessions allowed end their leases. */
const AGAIN = 0.1

class Age<S extends Session> extends Deadline {
  /** The time at which the session was opened, or the sessions began to age: ms of the pollset's clock. */
  readonly since: number
  /** Its part of the configured age. */
  readonly part: number
  private readonly session: S
  private readonly aged: (session: S, age: Age<S>) => void

  constructor(session: S, since: number, part: number, aged: (session: S, age: Age<S>) => void) {
    super()
    this.since = since
    this.part = part
    this.session = session
    this.aged = aged
  }

  expire(): void {
    this.aged(this.session, this)
  }
}

export class SessionAges<S extends Session> {
  private readonly world: World
  limits: EngineLimits
  private readonly reports: SessionReports<S>
  private readonly young = new Map<S, Age<S>>()
  /** Sessions that only end their last leases. */
  private readonly old = new Set<S>()
  private readonly drawn = new Uint32Array(1)

  constructor(world: World, limits: EngineLimits, reports: SessionReports<S>) {
    this.world = world
    this.limits = limits
    this.reports = reports
  }

  /**
   * Changes the age. It counts from the opening of a session, or from now if no session aged before. Sessions
   * that are already older retire one after the other.
   */
  configure(limits: EngineLimits, sessions: readonly S[]): void {
    const { sessionAgeMs } = limits
    this.limits = limits
    const { deadlines, now } = this.world.pollset
    for (const age of this.young.values()) deadlines.disarm(age)
    if (sessionAgeMs === 0) {
      this.young.clear()
      return
    }
    for (const age of this.young.values()) {
      const left = age.since + sessionAgeMs * age.part - now
      this.arm(age, Math.max(left, sessionAgeMs * AGAIN * this.chance()))
    }
    for (const each of sessions) if (each.state === 'open' && !this.young.has(each)) this.opened(each)
  }

  opened(session: S): void {
    const { sessionAgeMs } = this.limits
    if (sessionAgeMs === 0) return
    const part = 1 - JITTER + 2 * JITTER * this.chance()
    const age = new Age(session, this.world.pollset.now, part, this.aged)
    this.young.set(session, age)
    this.arm(age, sessionAgeMs * part)
  }

  private chance(): number {
    this.world.pollset.random(new Uint8Array(this.drawn.buffer))
    return this.drawn[0] / 2 ** 32
  }

  /** Forgets a session that has closed, or that belongs to another engine now. */
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
      // The session serves on, since no other could open in its place.
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

/**
 * Returns the ages of an engine's sessions after a change of its limits; null if none has ever aged.
 * @param before null for a new engine
 */
export function aged<S extends Session>(
  ages: SessionAges<S> | null,
  before: EngineLimits | null,
  limits: EngineLimits,
  world: World,
  engine: SessionReports<S> & { readonly sessions: readonly S[] },
): SessionAges<S> | null {
  if (ages === null && limits.sessionAgeMs === 0) return null
  const next = ages ?? new SessionAges(world, limits, engine)
  if (before?.sessionAgeMs !== limits.sessionAgeMs) next.configure(limits, engine.sessions)
  else next.limits = limits
  return next
}
