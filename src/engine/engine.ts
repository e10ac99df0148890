// The engine: shares sessions to one backend among all exchanges that ask (design: Engine). It knows leases
// and capacities, but no protocol: HTTP/1.1 has capacity 1, HTTP/2 has what SETTINGS allow.
//
//   lease ── a session has room ──────────────► granted
//     └──── none has ──► queued, in order ──── room appears ──► granted
//                          │                └─ nothing can open ──► UNLEASED with the fault
//                          └─ queue full ──► refused at once
//
// Capacity is granted, not signalled: a waiter has its lease before it wakes, so no newcomer can take it in
// between. A newcomer queues behind the waiters. Waiters that a debugger holds are passed over.

import { type Fault, fault, type World } from '../continuation/index.js'
import { type Holder, invariant, List, type Subject } from '../pollset/index.js'
import { SessionChoice } from './choice.js'
import { DoubtfulLeases } from './doubtful-leases.js'
import { IdleSessions } from './idle-sessions.js'
import { LEASED, type Lease, type LeaseAnswer, REFUSED_CLOSING, REFUSED_FULL, UNLEASED } from './lease.js'
import { LeaseShare } from './lease-share.js'
import { type EngineLimits, engineLimits } from './limits.js'
import type { Opening } from './opening.js'
import { Openings } from './openings.js'
import type { Session, SessionFactory, SessionReports } from './session.js'
import { aged, type SessionAges } from './session-ages.js'
import { takersOf } from './takers.js'

export class Engine<S extends Session> implements SessionReports<S>, Subject {
  readonly id: string
  readonly kind = 'engine'
  /** The backend's name for a person: `h2c://127.0.0.1:9000`. */
  readonly name: string
  readonly sessions: S[] = []
  private readonly choice = new SessionChoice(this.sessions)
  /** Is called when a session could not be opened. */
  onUnopened: ((why: Fault) => void) | null = null
  /**
   * Returns the engine of this owner, to which a reserved session moves; null if it moves nowhere. Without
   * this function, all sessions have one owner already.
   */
  onReserved: ((owner: object) => Engine<S> | null) | null = null
  private closing = false
  private readonly openings: Openings<S>
  private readonly idle: IdleSessions<S>
  /** Sessions that serve one user each, and take no place. */
  private readonly surrenderedSessions = new Set<S>()
  /** Sessions that have never carried a lease. */
  private readonly neverLeased = new Set<S>()
  /**
   * Sessions that take no place: they only wait for their backend to close, or end their last leases (E46).
   */
  private readonly awaitingPeerClose = new Set<S>()
  /** Doubtful leases (E33), the oldest first. */
  private readonly doubtful = new DoubtfulLeases<S>()
  private readonly share: LeaseShare
  /** The ages of its sessions; null as long as none has aged. */
  private ages: SessionAges<S> | null
  /** Leases that wait, in the order in which they will be granted. */
  private readonly queue = new List<Lease<S>>()
  private readonly world: World
  limits: EngineLimits

  constructor(world: World, name: string, open: SessionFactory<S>, limits: EngineLimits = engineLimits) {
    this.world = world
    this.id = world.nextId('e')
    this.name = name
    this.limits = limits
    this.openings = new Openings(world, open, () => this.openMore())
    this.idle = new IdleSessions(world, this.sessions, (each) => this.dismiss(each))
    this.share = new LeaseShare(limits.streamsPerSessionMax)
    this.ages = aged(null, null, limits, world, this)
  }

  /** Changes its limits, and those of its sessions (E47). */
  configure(limits: EngineLimits): void {
    this.ages = aged(this.ages, this.limits, limits, this.world, this)
    this.limits = limits
    this.share.configure(limits.streamsPerSessionMax)
    if (this.closing) return
    for (const session of this.choice.surplus(limits.sessionsMax - this.openings.size)) this.dismiss(session)
    this.grant()
  }

  /** The number of sessions that it has begun to open. */
  get opens(): number {
    return this.openings.begun
  }

  /** The number of leases that wait. */
  get queued(): number {
    return this.queue.size
  }

  /** Grants this lease, queues it, or refuses it. It must be neither queued nor granted. */
  lease(lease: Lease<S>): LeaseAnswer {
    lease.engine = this
    lease.readiness = 0
    lease.fault = null
    if (this.closing) return REFUSED_CLOSING
    if (this.nextWaiting() === null) {
      const session = this.choose()
      if (session !== null) {
        this.give(session, lease)
        if (lease.doubtful) this.doubted(lease)
        return 'granted'
      }
    }
    if (this.queued >= this.limits.queueMax) return REFUSED_FULL
    this.queue.push(lease)
    if (lease.doubtful) this.doubted(lease)
    this.openMore()
    return 'queued'
  }

  release(lease: Lease<S>): void {
    if (lease.list !== null) this.queue.remove(lease)
    else if (lease.session !== null) this.givenBack(lease.take())
    if (this.doubtful.size > 0) this.doubtful.delete(lease)
    lease.readiness = 0
  }

  /** Grants leases that waited behind a hold. @internal */
  heldNoMore(): void {
    this.grant()
  }

  /** Returns the first lease that may be granted: leases of held holders keep their places (E8). */
  private nextWaiting(): Lease<S> | null {
    let lease = this.queue.first
    while (lease !== null && lease.of.held === true) lease = lease.listNext
    return lease
  }

  /** Notes that a lease, queued or granted, is doubtful. @internal */
  doubted(lease: Lease<S>): void {
    this.doubtful.add(lease)
    this.doubtful.endOldest(this.sessions, this.limits.sessionsMax, this.share.bound)
  }

  /** Notes that a lease is no longer doubtful. @internal */
  trusted(lease: Lease<S>): void {
    this.doubtful.delete(lease)
  }

  /** True while another session may be surrendered. */
  get maySurrender(): boolean {
    return this.surrenderedSessions.size < this.limits.surrenderedMax
  }

  surrendered(session: S): void {
    if (this.maySurrender) {
      this.surrenderedSessions.add(session)
      this.forget(session)
      this.openMore()
    } else this.retired(session)
  }

  /** Moves a session and its lease to its owner's engine; without such an engine, retires it. */
  reserved(session: S, owner: object): void {
    if (this.onReserved === null || session.state !== 'open') return
    const engine = session.reportTo === undefined ? null : this.onReserved(owner)
    if (engine === null || engine.closing) {
      this.retired(session)
      return
    }
    this.sessions.splice(this.sessions.indexOf(session), 1)
    this.choice.forget(session)
    this.ages?.forget(session)
    engine.sessions.push(session)
    session.reportTo?.(engine as SessionReports<Session>)
    this.openMore()
  }

  /** Refuses further leases, and closes each session when its last lease ends. */
  close(): void {
    this.closing = true
    this.idle.close()
    this.failQueue(REFUSED_CLOSING.fault)
    this.openings.close()
    for (const session of [...this.sessions]) {
      if (session.leased === 0) session.close()
      else this.retired(session)
    }
  }

  opened(session: S): void {
    if (!this.openings.ended(session.openedBy ?? session)) return
    session.state = 'open'
    session.leased = 0
    this.sessions.push(session)
    this.neverLeased.add(session)
    this.ages?.opened(session)
    if (this.closing) this.retired(session)
    else {
      this.grant()
      if (session.leased === 0) this.idle.noted(session)
    }
  }

  changed(_session: S): void {
    this.grant()
  }

  freed(session: S): void {
    this.share.widen(session)
    this.givenBack(session)
  }

  declined(session: S): void {
    // The backend serves the remaining leases of the session.
    if (session.state !== 'retired') this.share.narrow(session.leased - 1)
    this.givenBack(session)
  }

  private givenBack(session: S): void {
    session.leased--
    invariant(session.leased >= 0, 'a lease is given back once')
    if (session.state === 'retired') {
      if (session.leased === 0) session.close()
      // The session keeps its place until it has closed.
      return
    }
    this.grant()
    if (session.leased === 0 && !this.closing) this.idle.noted(session)
  }

  retired(session: S, served?: number): void {
    if (served !== undefined) this.declinedLeases(served)
    if (session.state !== 'closed' && session.state !== 'retired') this.retire(session)
    // Its share may be larger than before.
    if (served !== undefined) this.grant()
  }

  /** Retires a session that would have been of use. */
  private dismiss(session: S): void {
    this.neverLeased.delete(session)
    this.retire(session)
  }

  private retire(session: S): void {
    if (this.openings.abandon(session.openedBy ?? session)) this.openedInVain()
    else this.noteUse(session)
    session.state = 'retired'
    if (session.leased === 0) session.close()
    this.openMore()
  }

  /**
   * Frees its place for another session (E36). At most `sessionsMax` sessions free their places in this way.
   */
  leaving(session: S): void {
    if (session.state === 'closed') return
    this.awaitingPeerClose.add(session)
    this.openMore()
  }

  closed(session: S, why: Fault | null): void {
    this.awaitingPeerClose.delete(session)
    this.surrenderedSessions.delete(session)
    const neverOpened = this.openings.closed(session.openedBy ?? session)
    this.forget(session)
    if (neverOpened) this.notOpened(why)
    this.openMore()
  }

  unopened(opening: Opening, why: Fault): void {
    if (this.openings.ended(opening)) this.notOpened(why)
    this.openMore()
  }

  private notOpened(why: Fault | null): void {
    if (this.closing) return
    if (why !== null) this.onUnopened?.(why)
    // While another session serves, waiters keep waiting. Otherwise, fail them now rather than at their
    // deadline.
    const { serves } = this
    if (serves || this.limits.sessionsMin > 0) this.rest(false)
    if (!serves) {
      this.failQueue(
        why ?? fault('session-not-opened', 'backend', 'connection', 'safe', 'closed while opening'),
      )
    }
  }

  /** The number of sessions that are being opened. */
  get opening(): number {
    return this.openings.size
  }

  /** Returns the place of a queued lease, from 1, and the number of waiting leases. It visits the queue. */
  placeOf(lease: Lease<S>): { readonly place: number; readonly queued: number } {
    let place = 1
    for (let each = this.queue.first; each !== null && each !== lease; each = each.listNext) place++
    return { place, queued: this.queued }
  }

  /** The subjects that keep places from becoming free: its sessions, and those that are being opened. */
  holders(): readonly Holder[] {
    const { sessions, openings, world } = this
    return takersOf(this.id, sessions, this.share.most, openings, openings.pause, world.pollset.now)
  }

  describe(): Readonly<Record<string, unknown>> {
    return {
      id: this.id,
      name: this.name,
      queued: this.queued,
      opening: this.opening,
      surrendered: this.surrenderedSessions.size,
      share: this.share.learnt,
      sessions: this.sessions.map(({ id, state, leased, capacity }) => ({ id, state, leased, capacity })),
    }
  }

  /** Returns the session for the next lease, or null if no session has room. */
  private choose(): S | null {
    return this.choice.next(this.world.pollset.turns, this.share.most)
  }

  private give(session: S, lease: Lease<S>): void {
    session.leased++
    lease.session = session
    lease.reused = this.neverLeased.size === 0 || !this.neverLeased.delete(session)
  }

  private grant(): void {
    if (this.queue.size === 0 && this.doubtful.size === 0 && this.limits.sessionsMin === 0) return
    this.doubtful.endOldest(this.sessions, this.limits.sessionsMax, this.share.bound)
    for (let lease = this.nextWaiting(); lease !== null; lease = this.nextWaiting()) {
      const session = this.choose()
      if (session === null) break
      this.queue.remove(lease)
      this.give(session, lease)
      lease.raise(LEASED)
    }
    this.openMore()
  }

  /** Handles a session that ended before it began all its leases. If it began none, reopening waits (E35). */
  private declinedLeases(served: number): void {
    this.share.narrow(served)
    if (served === 0 && !this.closing) this.rest(true)
  }

  /** True if a session is open or being opened. */
  private get serves(): boolean {
    return this.openings.size > 0 || this.sessions.some((each) => each.state === 'open')
  }

  /** Backs off if this session closed before it was ever leased; otherwise we would loop. */
  private noteUse(session: S): void {
    if (this.neverLeased.delete(session)) this.openedInVain()
  }

  private openedInVain(): void {
    if (!this.closing && (this.nextWaiting() !== null || this.limits.sessionsMin > 0)) this.rest(true)
  }

  private rest(strict: boolean): void {
    this.openings.rest(this.limits.reopenDelayMs, strict)
  }

  private openMore(): void {
    const waits = this.nextWaiting() !== null
    if (this.closing || (!waits && this.limits.sessionsMin === 0)) return
    // When the last open session has closed, nothing else would wake the waiters.
    if (this.openings.isResting && (!waits || this.serves || !this.openings.endRest())) return
    while (this.wantsMore && this.openings.size < this.limits.openingMax && this.hasPlace)
      this.openings.begin(this)
  }

  /** Each opening counts as room for one lease (E3), and as one of the sessions that are kept (E50). */
  private get wantsMore(): boolean {
    const { openings, sessions, limits } = this
    if (this.nextWaiting() !== null && this.queued > openings.size) return true
    if (limits.sessionsMin === 0 || openings.begun === 0) return false
    return sessions.filter((each) => each.state === 'open').length + openings.size < limits.sessionsMin
  }

  /** False if sessions and openings take all places. */
  private get hasPlace(): boolean {
    const { sessionsMax } = this.limits
    const free = Math.min(this.awaitingPeerClose.size, sessionsMax)
    return this.sessions.length + this.openings.taken - free < sessionsMax
  }

  private forget(session: S): void {
    this.noteUse(session)
    session.state = 'closed'
    this.choice.forget(session)
    this.ages?.forget(session)
    const at = this.sessions.indexOf(session)
    if (at >= 0) this.sessions.splice(at, 1)
  }

  private failQueue(why: Fault): void {
    for (let lease = this.queue.shift(); lease !== null; lease = this.queue.shift()) {
      lease.fault = why
      lease.raise(UNLEASED)
    }
  }
}
