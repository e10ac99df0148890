// The engine: shares sessions to one backend among all who ask (design: Engine). It knows leases and
// capacities, and no protocol: HTTP/1.1 with capacity 1, HTTP/2 with what SETTINGS allow and a pipelined
// line protocol are the same to it.
//
//   lease ── a session has room ──────────────► granted
//     └──── none has ──► queued, in order ──── room appears ──► granted
//                          │                └─ nothing can open ──► UNLEASED with the fault
//                          └─ queue full ──► refused at once
//
// Capacity is granted, not signalled: a waiter has its lease before it wakes, so a newcomer cannot
// take it from under it; a newcomer queues behind those who wait.

import { type Fault, fault, type World } from '../continuation/index.js'
import { invariant, List, Pollable } from '../pollset/index.js'
import { SessionChoice } from './choice.js'
import { LEASED, type Lease, type LeaseAnswer, LeaseRefusal, UNLEASED } from './lease.js'
import { type EngineLimits, engineLimits } from './limits.js'
import type { Opening } from './opening.js'
import { ReopenBackoff } from './reopen-backoff.js'
import type { Session, SessionFactory, SessionReports } from './session.js'

const REFUSED_CLOSING = new LeaseRefusal(
  'engine-closed',
  fault('engine-closed', 'internal', 'connection', 'never', 'the engine is shutting down'),
)
const REFUSED_FULL = new LeaseRefusal(
  'queue-full',
  fault('queue-full', 'internal', 'stream', 'never', 'too many requests wait for this backend'),
)

export class Engine<S extends Session> implements SessionReports<S> {
  readonly id: string
  /** What it serves, for a person: `h2c://127.0.0.1:9000`. */
  readonly name: string
  readonly sessions: S[] = []
  private readonly choice = new SessionChoice(this.sessions)
  /** Sessions opened since the beginning. */
  opens = 0
  /** Told when a session could not be opened. */
  onUnopened: ((why: Fault) => void) | null = null
  /**
   * Asked whose engine a session moves to that has become this owner's; null: none has it. Without: all are
   * one owner's.
   */
  onReserved: ((owner: object) => Engine<S> | null) | null = null
  private readonly backoff = new ReopenBackoff(() => {
    this.backingOff = false
    this.openMore()
  })
  private closing = false
  /** What is being opened: it takes a place, and counts as room for one lease. */
  private readonly openings = new Set<Opening>()
  /** Openings whose session was given up before it was open, and is not gone yet. */
  private readonly abandonedOpenings = new Set<Opening>()
  /** Sessions of which no lease was given yet. */
  private readonly neverLeased = new Set<S>()
  /** Sessions that wait for their backend's end. */
  private readonly awaitingPeerClose = new Set<S>()
  /** Leases of which it is doubtful whether anybody waits, the oldest first. */
  private readonly doubtful = new Set<Lease<S>>()
  /** The pause is for a session that went without having been of use: a backend that opens only to close. */
  private backingOff = false
  /** Leases that a session may have at once, whatever it says: what a backend has shown to serve (E34). */
  private share = Number.POSITIVE_INFINITY
  /** Leases that were served since the share was set. */
  private servedOfShare = 0
  /** Leases that wait, the first to be granted first. */
  private readonly queue = new List<Lease<S>>()
  private readonly world: World
  private readonly open: SessionFactory<S>
  private readonly limits: EngineLimits

  constructor(world: World, name: string, open: SessionFactory<S>, limits: EngineLimits = engineLimits) {
    this.world = world
    this.id = world.nextId('e')
    this.name = name
    this.open = open
    this.limits = limits
  }

  /** Leases that wait. */
  get queued(): number {
    return this.queue.size
  }

  /** Asks for this lease, which is neither queued nor granted. */
  lease(lease: Lease<S>): LeaseAnswer {
    lease.engine = this
    lease.readiness = 0
    lease.fault = null
    if (this.closing) return REFUSED_CLOSING
    if (this.queue.size === 0) {
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

  /** {@link Lease.doubt} of a lease that waits here, or was granted. @internal */
  doubted(lease: Lease<S>): void {
    this.doubtful.add(lease)
    this.endDoubtful()
  }

  /** @internal */
  trusted(lease: Lease<S>): void {
    this.doubtful.delete(lease)
  }

  /** A session leaves the engine with all that is on it: a tunnel has taken it over. */
  surrendered(session: S): void {
    this.forget(session)
    this.openMore()
  }

  /** It moves to its owner's engine with all that is on it, or closes when that is over. */
  reserved(session: S, owner: object): void {
    if (this.onReserved === null || session.state !== 'open') return
    const engine = session.reportTo === undefined ? null : this.onReserved(owner)
    if (engine === null) {
      this.retired(session)
      return
    }
    this.sessions.splice(this.sessions.indexOf(session), 1)
    this.choice.forget(session)
    engine.sessions.push(session)
    session.reportTo?.(engine as SessionReports<Session>)
    this.openMore()
  }

  /** Take no more leases; sessions close as their work ends. */
  close(): void {
    this.closing = true
    this.world.pollset.deadlines.disarm(this.backoff)
    this.failQueue(REFUSED_CLOSING.fault)
    for (const each of [...this.openings]) each.close()
    for (const session of [...this.sessions]) {
      if (session.leased === 0) session.close()
      else this.retired(session)
    }
  }

  opened(session: S): void {
    if (!this.openings.delete(session.openedBy ?? session)) return
    session.state = 'open'
    session.leased = 0
    this.sessions.push(session)
    this.neverLeased.add(session)
    if (this.closing) this.retired(session)
    else this.grant()
  }

  changed(_session: S): void {
    this.grant()
  }

  freed(session: S): void {
    if (this.share !== Number.POSITIVE_INFINITY) this.widenShare(session)
    this.givenBack(session)
  }

  declined(session: S): void {
    // Those that are left on it are what it bears.
    if (session.state !== 'retired') this.narrowShare(session.leased - 1)
    this.givenBack(session)
  }

  private givenBack(session: S): void {
    session.leased--
    invariant(session.leased >= 0, 'a lease is given back once')
    if (session.state === 'retired') {
      if (session.leased === 0) session.close()
      // Its place is still taken until it has closed.
      return
    }
    this.grant()
  }

  retired(session: S, served?: number): void {
    if (served !== undefined) this.declinedLeases(served)
    if (session.state === 'closed' || session.state === 'retired') return
    const opening = session.openedBy ?? session
    if (this.openings.delete(opening)) {
      this.abandonedOpenings.add(opening)
      this.openedInVain()
    } else this.noteUse(session)
    session.state = 'retired'
    if (session.leased === 0) session.close()
    this.openMore()
  }

  /** Its place is free for another; as many may wait for their backend's end so as there are places. */
  leaving(session: S): void {
    if (session.state === 'closed') return
    this.awaitingPeerClose.add(session)
    this.openMore()
  }

  closed(session: S, why: Fault | null): void {
    this.awaitingPeerClose.delete(session)
    const opening = session.openedBy ?? session
    const neverOpened = this.openings.delete(opening) || this.abandonedOpenings.delete(opening)
    this.forget(session)
    if (neverOpened) this.notOpened(why)
    this.openMore()
  }

  unopened(opening: Opening, why: Fault): void {
    if (this.openings.delete(opening)) this.notOpened(why)
    this.openMore()
  }

  private notOpened(why: Fault | null): void {
    if (this.closing) return
    if (why !== null) this.onUnopened?.(why)
    // Others still serve: those who wait, wait on. None does: tell them now rather than late.
    if (this.serves) this.pauseOpening()
    else {
      this.failQueue(
        why ?? fault('session-not-opened', 'backend', 'connection', 'safe', 'closed while opening'),
      )
    }
  }

  /** Sessions that are being opened. */
  get opening(): number {
    return this.openings.size
  }

  /** The sessions that are pollables too, for wait-for graphs. */
  sessionPollables(): readonly Pollable[] {
    return this.sessions.filter((each): each is S & Pollable => each instanceof Pollable)
  }

  describe(): Readonly<Record<string, unknown>> {
    return {
      id: this.id,
      name: this.name,
      queued: this.queued,
      opening: this.opening,
      share: this.share === Number.POSITIVE_INFINITY ? null : this.share,
      sessions: this.sessions.map((s) => ({
        id: s.id,
        state: s.state,
        leased: s.leased,
        capacity: s.capacity,
      })),
    }
  }

  /** The session for the next lease; null: none has room. */
  private choose(): S | null {
    return this.choice.next(this.world.pollset.turns, this.share)
  }

  private give(session: S, lease: Lease<S>): void {
    session.leased++
    lease.session = session
    if (this.neverLeased.size > 0) this.neverLeased.delete(session)
  }

  /**
   * Past half of the room the oldest doubtful leases are ended: the other half is for those who certainly
   * wait.
   */
  private endDoubtful(): void {
    if (this.doubtful.size * 2 <= this.limits.sessionsMax) return
    let capacity = 0
    for (const each of this.sessions) capacity = Math.max(capacity, each.capacity)
    // Before a session is open nobody knows how much room there is; nor does anyone take any.
    if (capacity === 0) return
    const most = Math.max(1, (this.limits.sessionsMax * capacity) >> 1)
    for (const lease of this.doubtful) {
      if (this.doubtful.size <= most) return
      this.doubtful.delete(lease)
      lease.of.cancel?.()
    }
  }

  private grant(): void {
    this.endDoubtful()
    while (this.queue.first !== null) {
      const session = this.choose()
      if (session === null) break
      const lease = this.queue.first
      this.queue.remove(lease)
      this.give(session, lease)
      lease.raise(LEASED)
    }
    this.openMore()
  }

  private narrowShare(served: number): void {
    this.share = Math.max(1, served)
    this.servedOfShare = 0
  }

  /** A session that has gone says nothing of how many the next one bears. */
  private widenShare(session: S): void {
    if (session.state === 'retired' || ++this.servedOfShare < this.share) return
    this.servedOfShare = 0
    this.share *= 2
    if (this.share >= session.capacity) this.share = Number.POSITIVE_INFINITY
  }

  /**
   * A session went and had not begun all of its leases; the next is not tried at once where it had begun
   * none.
   */
  private declinedLeases(served: number): void {
    this.narrowShare(served)
    if (served > 0 || this.closing) return
    this.backingOff = true
    this.pauseOpening()
  }

  /** A session is there that grants leases, or will. */
  private get serves(): boolean {
    return this.openings.size > 0 || this.sessions.some((each) => each.state === 'open')
  }

  /** Gone before anything was sent on it: the next one is not tried at once, or there were no end to it. */
  private noteUse(session: S): void {
    if (this.neverLeased.delete(session)) this.openedInVain()
  }

  private openedInVain(): void {
    if (this.closing || this.queued === 0) return
    this.backingOff = true
    this.pauseOpening()
  }

  private pauseOpening(): void {
    const { deadlines } = this.world.pollset
    deadlines.disarm(this.backoff)
    deadlines.every(this.limits.reopenDelayMs).arm(this.backoff)
  }

  private openMore(): void {
    if (this.closing || this.queued === 0) return
    if (this.backoff.deadlineArmed) {
      if (this.serves || this.backingOff) return
      // The last one that served has gone meanwhile: nothing else would ever wake those who wait.
      this.world.pollset.deadlines.disarm(this.backoff)
    }
    // One that is being opened counts as room for one: more waiters than that may open another.
    while (
      this.queued > this.openings.size &&
      this.openings.size < this.limits.openingMax &&
      this.taken - Math.min(this.awaitingPeerClose.size, this.limits.sessionsMax) < this.limits.sessionsMax
    ) {
      this.opens++
      this.openings.add(this.open(this))
    }
  }

  /** Places that sessions and openings take. */
  private get taken(): number {
    return this.sessions.length + this.openings.size + this.abandonedOpenings.size
  }

  private forget(session: S): void {
    this.noteUse(session)
    session.state = 'closed'
    this.choice.forget(session)
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
