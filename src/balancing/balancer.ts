// The balancer of a backend. It knows which members may be chosen now, and chooses one (design: Balancing).
//
//   usable: up for the active checks, and not ejected
//     └─ fewer than the share `panic` ──► ejections are ignored ── all are down ──► all are tried
//
// It has no clock: callers pass `now`, in ms of the pollset's clock. Everything that depends on health and
// time is computed when something has changed, so a choice costs a few comparisons.

import { Affinity } from './affinity.js'
import type { BalanceEvent, Score } from './balance-event.js'
import type { BalancerOptions } from './balancer-options.js'
import { hashText } from './hash.js'
import type { Member } from './member.js'
import { type MemberState, stateOf } from './member-state.js'
import type { Overlay } from './overlay.js'
import { PassiveHealth } from './passive-health.js'
import { type Chance, hash, leastRequests, random, roundRobin, scoreOf } from './policies.js'
import { weigh } from './slow-start.js'
import { Unreachable } from './unreachable.js'

/** The members that are candidates: `up` includes the ejected ones. */
type Take = 'usable' | 'up' | 'unknown' | 'all'

const NONE: readonly Member[] = []

export class Balancer {
  members: readonly Member[] = NONE
  /** Is called after each event, with the member concerned. */
  onEvent: ((event: BalanceEvent, member: Member | null, now: number) => void) | null = null
  /** Is called when a member can be chosen, after a time in which none could. */
  onUsable: ((now: number) => void) | null = null
  private options: BalancerOptions
  private readonly passive: PassiveHealth
  private readonly chance: Chance
  /** Members that may be chosen now. */
  private readonly candidates: { members: Member[]; even: boolean } = { members: [], even: true }
  private readonly unreachable = new Unreachable()
  private panicking = false
  /** The end of the wait for first checks; 0 if none is awaited. */
  private awaitedUntil = 0
  /** True if something has changed since the candidates were found. */
  private stale = true
  /** The time at which time alone will change the candidates. */
  private changesAt = Number.POSITIVE_INFINITY
  /** True while time alone changes the shares: at each moment of a slow start. */
  private ramping = false
  private weighedAt = Number.NEGATIVE_INFINITY
  private readonly affinity: Affinity

  /** @param chance returns a number in [0, 1), from the pollset's randomness */
  constructor(options: BalancerOptions, now: number, chance: Chance) {
    this.options = options
    this.passive = new PassiveHealth(options.passive)
    this.affinity = new Affinity(options.hmac)
    this.chance = chance
    this.weighedAt = now
  }

  /** Changes the options, and keeps the members with their health. */
  configure(options: BalancerOptions): void {
    const before = this.options
    this.options = options
    this.stale = true
    for (const each of this.members) {
      if (options.checked === before.checked) continue
      // Members that have served stay up until checks fail.
      each.active = options.checked ? 'up' : 'unknown'
      each.passedChecks = 0
      each.failedChecks = 0
    }
    this.passive.configure(options.passive, this.members)
    this.affinity.configure(options.hmac, this.members)
  }

  /**
   * Takes this list of members. Members that stay keep their state; members of the first list
   * have no slow start.
   */
  replace(members: readonly Member[], now: number): void {
    const before = new Set(this.members)
    for (const each of members) {
      if (before.has(each)) continue
      each.usableSince = before.size === 0 ? Number.NEGATIVE_INFINITY : now
      each.credit = 0
      this.passive.watch(each, true)
    }
    this.members = [...members]
    this.unreachable.retain(members)
    this.affinity.forget()
    this.stale = true
    this.refresh(now)
  }

  /**
   * Returns the member for the next request, or null if none is usable.
   * @param key the key for the policy `hash`; null if the request has none: then `least-requests` chooses
   * @param tried members that are avoided while another is left
   */
  choose(now: number, key: string | null, tried: readonly Member[]): Member | null {
    this.refresh(now)
    const { members } = this.candidates
    if (members.length === 1) return members[0]
    if (members.length === 0) return null
    const member = this.chosen(key, this.unreachable.avoided(members, tried, now))
    this.unreachable.tries(member, now)
    return member
  }

  /** Returns true if there is a candidate outside this list. An unreachable one counts (B39). */
  hasOther(now: number, tried: readonly Member[]): boolean {
    this.refresh(now)
    return this.candidates.members.some((each) => !tried.includes(each))
  }

  private chosen(key: string | null, avoid: readonly Member[]): Member {
    const { policy, bound } = this.options.balance
    if (policy === 'round-robin') return roundRobin(this.candidates, avoid)
    if (policy === 'random') return random(this.candidates, avoid, this.chance)
    if (policy === 'hash' && key !== null) return hash(this.candidates, avoid, key, bound)
    return leastRequests(this.candidates, avoid, this.chance)
  }

  began(member: Member): void {
    member.load++
  }

  ended(member: Member): void {
    member.load--
  }

  /** Lays this over the configuration of a member, in place of an earlier overlay; null removes that. */
  overlay(member: Member, overlay: Overlay | null, now: number): void {
    const served = isServing(member)
    member.lay(overlay)
    if (!served && isServing(member)) member.usableSince = now
    this.stale = true
    this.refresh(now)
  }

  /** Counts a request that the member answered. */
  succeeded(member: Member, now: number): void {
    // The member's ejection may have ended.
    this.refresh(now)
    member.failures = 0
    member.outcomes?.add(false, now)
  }

  /**
   * Counts a request that the member failed. Failures caused by the client must not be reported.
   * @param session the lost connection, or the fault of a connection that could not be opened: it counts once
   *   a second, however many requests report it. Null for a failure of this request alone.
   */
  failed(member: Member, now: number, session: object | null): void {
    this.refresh(now)
    if (!this.passive.failed(member, now, session) || !this.mayEject(member)) return
    this.passive.eject(member, now)
    this.stale = true
    this.onEvent?.('ejected', member, now)
  }

  /**
   * Counts a failed connection to this member, which is avoided until one succeeds.
   * @param why the fault, as in {@link failed}
   */
  unreached(member: Member, now: number, why: object): void {
    this.unreachable.add(member, now)
    this.failed(member, now, why)
  }

  /** Notes that a connection to this member is open. */
  reached(member: Member, now: number): void {
    if (!this.unreachable.remove(member)) return
    member.usableSince = now
    this.stale = true
    this.onEvent?.('reached', member, now)
  }

  /** Counts an active check of a member. */
  checked(member: Member, passed: boolean, now: number): void {
    const { checked, initial, healthy, unhealthy } = this.options
    if (!checked) return
    this.refresh(now)
    if (passed) {
      member.failedChecks = 0
      member.passedChecks++
      this.reached(member, now)
      if (member.ejectedUntil > 0) this.returned(member, now)
      if (member.active === 'down' && member.passedChecks < healthy) return
      if (member.active !== 'up') this.turn(member, 'up', now)
    } else {
      member.passedChecks = 0
      member.failedChecks++
      const decides = member.active === 'unknown' && initial === 'check'
      if (member.active !== 'down' && (decides || member.failedChecks >= unhealthy))
        this.turn(member, 'down', now)
    }
    this.refresh(now)
  }

  /** Returns true if requests go to members that would otherwise get none, since too few are usable. */
  isPanicking(now: number): boolean {
    this.refresh(now)
    return this.panicking
  }

  /**
   * Returns the time until which first checks may make a member usable: until then a request may wait for
   * {@link onUsable}. 0 if none is awaited.
   */
  awaitsChecksUntil(now: number): number {
    this.refresh(now)
    return this.awaitedUntil
  }

  /** Returns the value of this member's affinity cookie; '' without affinity. */
  affinityOf(member: Member): string {
    return this.affinity.valueOf(member)
  }

  /** Returns the member that a cookie names, even a draining one; null if it is unknown or not usable. */
  byAffinity(value: string, now: number): Member | null {
    const member = this.affinity.find(value, this.members)
    if (member === null) return null
    this.refresh(now)
    const drains = member.draining && !member.blocked && this.isUsable(member, now)
    if (!member.candidate && !drains) return null
    if (this.unreachable.avoided(this.candidates.members, NONE, now).includes(member)) return null
    this.unreachable.tries(member, now)
    return member
  }

  /** Returns the scores of all members for a key of the policy `hash`, best first. */
  scores(key: string, now: number): readonly Score[] {
    this.refresh(now)
    const keyHash = hashText(key)
    return this.members
      .map((each) => ({ member: each.name, score: scoreOf(keyHash, each), candidate: each.candidate }))
      .sort((a, b) => b.score - a.score)
  }

  describe(now: number): Readonly<Record<string, unknown>> {
    this.refresh(now)
    return {
      policy: this.options.balance.policy,
      panicking: this.panicking,
      members: this.states(now),
    }
  }

  /** Returns the state of each member. */
  states(now: number): MemberState[] {
    this.refresh(now)
    return this.members.map((each) => stateOf(each, now, this.options.checked))
  }

  // Health

  private get pending(): boolean {
    return this.options.checked && this.options.initial === 'check'
  }

  /** Returns true if the active checks keep the member in. */
  private isUp(member: Member): boolean {
    return member.active === 'up' || (member.active === 'unknown' && !this.pending)
  }

  private isUsable(member: Member, now: number): boolean {
    return member.ejectedUntil <= now && this.isUp(member)
  }

  private turn(member: Member, active: 'up' | 'down', now: number): void {
    const { usableSince } = member
    const wasDown = member.active === 'down'
    member.active = active
    if (active === 'up' && (wasDown || (this.pending && usableSince !== Number.NEGATIVE_INFINITY)))
      member.usableSince = now
    this.stale = true
    this.onEvent?.(active, member, now)
  }

  /** Returns true if a member may be ejected: one that is still a member, and not the only usable one. */
  private mayEject(member: Member): boolean {
    let all = 0
    let others = 0
    let ejected = 0
    let isOne = false
    for (const each of this.members) {
      if (each === member) isOne = true
      if (!isServing(each)) continue
      all++
      if (each.ejectedUntil > 0) ejected++
      if (each !== member && this.isUp(each)) others++
    }
    return isOne && others > 0 && this.passive.mayEject(ejected, all)
  }

  private returned(member: Member, now: number): void {
    this.passive.returned(member, now)
    member.usableSince = now
    this.stale = true
    this.onEvent?.('returned', member, now)
  }

  // Candidates

  private refresh(now: number): void {
    if (this.stale || now >= this.changesAt) this.findCandidates(now)
    else if (this.ramping && now !== this.weighedAt) this.weigh(now)
  }

  private findCandidates(now: number): void {
    let all = 0
    let usable = 0
    let up = 0
    let unknown = 0
    let oldest = Number.POSITIVE_INFINITY
    this.changesAt = Number.POSITIVE_INFINITY
    for (const each of this.members) {
      this.expire(each, now)
      if (each.ejectedUntil > 0) {
        if (each.ejectedUntil <= now) this.returned(each, each.ejectedUntil)
        else this.changesAt = Math.min(this.changesAt, each.ejectedUntil)
      }
      if (!isServing(each)) continue
      all++
      if (this.isUp(each)) {
        up++
        if (each.ejectedUntil === 0) usable++
      } else if (each.active === 'unknown') {
        unknown++
        oldest = Math.min(oldest, each.addedAt)
      }
    }
    let take: Take = 'usable'
    this.awaitedUntil = 0
    if (up === 0 && unknown > 0) {
      const decided = oldest + this.options.timeoutMs
      if (now >= decided) take = 'unknown'
      else {
        this.awaitedUntil = decided
        this.changesAt = Math.min(this.changesAt, decided)
      }
    } else if (usable < this.options.panic * all) take = up > 0 ? 'up' : 'all'
    const had = this.candidates.members.length
    this.gather(take)
    this.weigh(now)
    this.stale = false
    this.panics(take === 'all' || (take === 'up' && up > usable), now)
    if (had === 0 && this.candidates.members.length > 0) this.onUsable?.(now)
  }

  /** Removes an overlay whose time is over. */
  private expire(member: Member, now: number): void {
    const until = member.overlay?.until ?? Number.POSITIVE_INFINITY
    if (until > now) {
      this.changesAt = Math.min(this.changesAt, until)
      return
    }
    const served = isServing(member)
    member.lay(null)
    if (!served) member.usableSince = until
    this.onEvent?.('overlay-over', member, until)
  }

  private panics(panicking: boolean, now: number): void {
    if (panicking === this.panicking) return
    this.panicking = panicking
    this.onEvent?.(panicking ? 'panic' : 'calm', null, now)
  }

  private gather(take: Take): void {
    const { members } = this.candidates
    members.length = 0
    let credit = 0
    for (const each of this.members) {
      const was = each.candidate
      each.candidate = isServing(each) && this.takes(each, take)
      if (!each.candidate) continue
      if (!was) each.credit = 0
      credit += each.credit
      members.push(each)
    }
    // The credits of round-robin sum to 0. Otherwise a newcomer would be owed the requests that
    // others had before it.
    for (const each of members) each.credit -= credit / members.length
  }

  private takes(member: Member, take: Take): boolean {
    if (take === 'all') return true
    if (take === 'unknown') return member.active === 'unknown'
    return this.isUp(member) && (take === 'up' || member.ejectedUntil === 0)
  }

  private weigh(now: number): void {
    this.ramping = weigh(this.candidates, now, this.options.balance.slowStartMs)
    this.weighedAt = now
  }
}

const isServing = ({ draining, blocked, weight }: Member): boolean => !draining && !blocked && weight > 0
