// The balancer of a backend: which of its members may be chosen now, and which one is (design: Balancing).
//
//   usable: up for the active checks, and not ejected ── below the share `panic` ──► ejections are ignored
//                                                         └─ all down for the checks ──► all are tried
//
// It has no clock: `now` is ms of the pollset's clock, and is told. What depends on health and time is computed
// when something has changed, so that a choice costs a few comparisons.

import type { BalancerOptions } from './balancer-options.js'
import { hashText } from './hash.js'
import type { Member } from './member.js'
import { OutcomeWindow } from './outcome-window.js'
import { type Chance, hash, leastRequests, random, roundRobin, scoreOf } from './policies.js'

/** What can happen to a member, or to the backend (`member` null). */
export type BalanceEvent = 'up' | 'down' | 'ejected' | 'returned' | 'panic' | 'calm'

/** A member's score for a key: the highest is chosen, if it is a candidate with room under the bound. */
export interface Score {
  readonly member: string
  readonly score: number
  readonly candidate: boolean
}

const NONE: readonly Member[] = []

/** The least part of its weight that a member has in its slow start. */
const SLOW_START_LEAST = 0.1

export class Balancer {
  members: readonly Member[] = NONE
  /** Is called after each event, with the member that it happened to. */
  onEvent: ((event: BalanceEvent, member: Member | null, now: number) => void) | null = null
  private options: BalancerOptions
  private readonly chance: Chance
  /** Members that may be chosen now. */
  private readonly candidates: { members: Member[]; even: boolean } = { members: [], even: true }
  private panicking = false
  /** Something has changed since the candidates were found. */
  private stale = true
  /** When time alone will change the candidates. */
  private changesAt = Number.POSITIVE_INFINITY
  /** When time alone changes the shares: at each moment of a slow start. */
  private ramping = false
  private weighedAt = Number.NEGATIVE_INFINITY
  /** Connections that were lost, each of which has counted. */
  private readonly lost = new WeakSet<object>()
  private readonly byCookie = new Map<string, Member>()

  /** @param chance returns a number in [0, 1), of the pollset's randomness */
  constructor(options: BalancerOptions, now: number, chance: Chance) {
    this.options = options
    this.chance = chance
    this.weighedAt = now
  }

  /** Changes the options, and keeps the members with their health. */
  configure(options: BalancerOptions): void {
    const before = this.options
    this.options = options
    this.stale = true
    for (const each of this.members) {
      if (options.hmac !== before.hmac) each.affinity = null
      // Those that have served go on until a check fails.
      if (!before.checked && options.checked) each.active = 'up'
      if (!options.checked) each.active = 'unknown'
      this.watchOutcomes(each, before.passive?.rateMs !== options.passive?.rateMs)
    }
    if (options.hmac !== before.hmac) this.byCookie.clear()
  }

  /** Takes this list of members. Those that stay keep their state; the first list has no slow start. */
  replace(members: readonly Member[], now: number): void {
    const before = new Set(this.members)
    for (const each of members) {
      if (before.has(each)) continue
      each.usableSince = before.size === 0 ? Number.NEGATIVE_INFINITY : now
      each.credit = 0
      this.watchOutcomes(each, true)
    }
    this.members = [...members]
    this.byCookie.clear()
    this.stale = true
  }

  /**
   * Returns the member for the next request, or null if none is usable.
   * @param key what the policy `hash` hashes; null if the request has none: then as `least-requests`
   * @param tried members that are avoided while another is left
   */
  choose(now: number, key: string | null, tried: readonly Member[]): Member | null {
    this.refresh(now)
    const { members } = this.candidates
    if (members.length === 1) return members[0]
    if (members.length === 0) return null
    const avoid = tried.length > 0 && members.every((each) => tried.includes(each)) ? NONE : tried
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

  /** Counts a request that the member answered. */
  succeeded(member: Member, now: number): void {
    member.failures = 0
    member.outcomes?.add(false, now)
  }

  /**
   * Counts a request that the member failed. What the client caused must not be told.
   * @param session the lost connection, or the fault of one that could not be opened: it counts once, however
   *   many requests it carried. Null for a failure of this request alone.
   */
  failed(member: Member, now: number, session: object | null): void {
    if (session !== null) {
      if (this.lost.has(session)) return
      this.lost.add(session)
    }
    const { passive } = this.options
    if (passive === null) return
    this.refresh(now)
    if (member.ejectedUntil > 0) return
    member.failures++
    member.outcomes?.add(true, now)
    if (this.hasFailed(member) && this.mayEject(member)) this.eject(member, now)
  }

  /** Counts an active check of a member. */
  checked(member: Member, passed: boolean, now: number): void {
    const { checked, initial, healthy, unhealthy } = this.options
    if (!checked) return
    if (passed) {
      member.failedChecks = 0
      member.passedChecks++
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
  }

  /** Whether requests go to members that would not get any, as too few are usable. */
  isPanicking(now: number): boolean {
    this.refresh(now)
    return this.panicking
  }

  /** Returns the time until which first checks may still make a member usable; 0 if none is awaited. */
  awaitsChecksUntil(now: number): number {
    this.refresh(now)
    return this.candidates.members.length === 0 && this.changesAt > now && this.pending ? this.changesAt : 0
  }

  /** Returns the value of this member's affinity cookie; '' without affinity. */
  affinityOf(member: Member): string {
    member.affinity ??= this.options.hmac?.(member.name) ?? ''
    return member.affinity
  }

  /** Returns the member that a cookie names, a draining one too; null if it is unknown or not usable. */
  byAffinity(value: string, now: number): Member | null {
    if (this.options.hmac === null) return null
    if (this.byCookie.size === 0)
      for (const each of this.members) this.byCookie.set(this.affinityOf(each), each)
    const member = this.byCookie.get(value)
    if (member === undefined) return null
    this.refresh(now)
    return member.candidate || (member.draining && this.isUsable(member, now)) ? member : null
  }

  /** Returns the scores of all members for a key of the policy `hash`, the best first. */
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
      members: this.members.map((each) => ({
        name: each.name,
        weight: each.weight,
        share: each.share,
        load: each.load,
        active: this.options.checked ? each.active : null,
        ejectedMs: each.ejectedUntil > 0 ? each.ejectedUntil - now : 0,
        draining: each.draining,
        chosen: each.candidate,
      })),
    }
  }

  // Health

  private get pending(): boolean {
    return this.options.checked && this.options.initial === 'check'
  }

  /** Whether the active checks leave it in. */
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

  private watchOutcomes(member: Member, always: boolean): void {
    const { passive } = this.options
    if (passive === null || passive.rate === 0) member.outcomes = null
    else if (always || member.outcomes === null) member.outcomes = new OutcomeWindow(passive.rateMs)
  }

  private hasFailed({ failures, outcomes }: Member): boolean {
    const { passive } = this.options
    if (passive === null) return false
    if (passive.consecutive > 0 && failures >= passive.consecutive) return true
    return (
      outcomes !== null &&
      outcomes.total >= passive.rateLeast &&
      outcomes.failed >= passive.rate * outcomes.total
    )
  }

  /** A member that is alone, or that checks have left alone, is never ejected. */
  private mayEject(member: Member): boolean {
    const most = this.options.passive?.ejectedMax ?? 0
    let all = 0
    let others = 0
    let ejected = 0
    for (const each of this.members) {
      if (!isServing(each)) continue
      all++
      if (each.ejectedUntil > 0) ejected++
      if (each !== member && this.isUp(each)) others++
    }
    return others > 0 && most > 0 && ejected < Math.max(1, Math.floor(most * all))
  }

  private eject(member: Member, now: number): void {
    const { passive } = this.options
    if (passive === null) return
    const served = Math.floor((now - member.returnedAt) / passive.ejectionMs)
    member.ejections = Math.max(0, member.ejections - served) + 1
    member.ejectedUntil = now + Math.min(passive.ejectionMostMs, passive.ejectionMs * member.ejections)
    member.failures = 0
    member.outcomes?.clear()
    this.stale = true
    this.onEvent?.('ejected', member, now)
  }

  private returned(member: Member, now: number): void {
    member.ejectedUntil = 0
    member.returnedAt = now
    member.usableSince = now
    member.failures = 0
    member.outcomes?.clear()
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
      if (each.ejectedUntil > 0) {
        if (each.ejectedUntil <= now) this.returned(each, each.ejectedUntil)
        else this.changesAt = Math.min(this.changesAt, each.ejectedUntil)
      }
      if (!isServing(each)) continue
      all++
      if (each.active === 'unknown') unknown++
      oldest = Math.min(oldest, each.addedAt)
      if (!this.isUp(each)) continue
      up++
      if (each.ejectedUntil === 0) usable++
    }
    let panicking = false
    let takes: 'usable' | 'up' | 'all' = 'usable'
    if (this.pending && unknown === all) {
      // No check has ended yet. Checks that take longer than their timeout keep nobody waiting.
      const decided = oldest + this.options.timeoutMs
      if (now >= decided) takes = 'all'
      else this.changesAt = Math.min(this.changesAt, decided)
    } else if (usable < this.options.panic * all) {
      takes = up > 0 ? 'up' : 'all'
      panicking = takes === 'all' || up > usable
    }
    this.gather(takes)
    this.weigh(now)
    this.stale = false
    if (panicking !== this.panicking) {
      this.panicking = panicking
      this.onEvent?.(panicking ? 'panic' : 'calm', null, now)
    }
  }

  private gather(takes: 'usable' | 'up' | 'all'): void {
    const { members } = this.candidates
    members.length = 0
    let credit = 0
    for (const each of this.members) {
      const was = each.candidate
      each.candidate =
        isServing(each) &&
        (takes === 'all' || (this.isUp(each) && (takes === 'up' || each.ejectedUntil === 0)))
      if (!each.candidate) continue
      if (!was) each.credit = 0
      credit += each.credit
      members.push(each)
    }
    // Round-robin's credits sum to 0, or a newcomer would be owed what others had before it.
    for (const each of members) each.credit -= credit / members.length
  }

  private weigh(now: number): void {
    const { members } = this.candidates
    const window = this.options.balance.slowStartMs
    let oldest = Number.POSITIVE_INFINITY
    for (const each of members) oldest = Math.min(oldest, each.usableSince)
    this.ramping = false
    this.candidates.even = true
    for (const each of members) {
      const age = now - each.usableSince
      const slow = age < window && each.usableSince > oldest
      each.share = slow ? each.weight * Math.max(SLOW_START_LEAST, age / window) : each.weight
      if (slow) this.ramping = true
      if (each.share !== members[0].share) this.candidates.even = false
    }
    this.weighedAt = now
  }
}

const isServing = (member: Member): boolean => !member.draining && member.weight > 0
