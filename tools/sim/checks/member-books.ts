// The health of endpoints as the simulator keeps it, from the rules of spec/balancing.md (B15 to B27), so
// that the balancer is not its own judge. It is told the results of checks, what each endpoint has answered
// or failed, and when the balancer has ejected one.

import type { Member } from '../../../src/balancing/index.js'
import type { Endpoint } from '../../../src/proxy/index.js'
import { EJECTION_TIMES_MAX, RATE_LEAST, RATE_MS } from '../endpoints.js'
import type { Plan } from '../plan.js'
import { fail } from './check.js'

/** Within this time a lost connection counts once (B20), in ms. */
const SAME_LOSS_MS = 1000
/** An endpoint that could not be reached gets one request in this time (B39), in ms. */
const TRIAL_MS = 1000
/** The outcomes of the last time are counted by slices (B19), in ms. */
const SLICE_MS = RATE_MS / 10

/** The state of an endpoint, as the checkers count it. */
export class Known {
  readonly endpoint: Endpoint
  readonly addedAt: number
  active: 'unknown' | 'up' | 'down' = 'unknown'
  /** Checks in a row. */
  checksPassed = 0
  checksFailed = 0
  ejectedUntil = 0
  ejections = 0
  returnedAt = 0
  removed = false
  /** When the next request may try it, which could not be reached; 0 if it could. */
  trialAt = 0
  /** Failures since the last success, and all outcomes since the last ejection. */
  inRow = 0
  outcomes: { readonly at: number; readonly failed: boolean }[] = []
  private readonly losses = new Map<object, number>()

  constructor(endpoint: Endpoint, addedAt: number) {
    this.endpoint = endpoint
    this.addedAt = addedAt
  }

  get name(): string {
    return this.endpoint.name
  }

  /** Notes that this object has failed a request; returns whether it had within a second before. */
  hasLost(lost: object, now: number): boolean {
    const at = this.losses.get(lost)
    if (at !== undefined && now - at < SAME_LOSS_MS) return true
    this.losses.set(lost, now)
    return false
  }

  isEjected(now: number): boolean {
    if (this.ejectedUntil > 0 && this.ejectedUntil <= now) this.returns(this.ejectedUntil)
    return this.ejectedUntil > 0
  }

  returns(at: number): void {
    this.ejectedUntil = 0
    this.returnedAt = at
    this.inRow = 0
    this.outcomes = []
  }
}

export class MemberBooks {
  readonly all = new Map<Member, Known>()
  /** Those of the configuration. */
  current: Known[] = []
  private readonly plan: Plan
  /** The endpoint that the balancer has ejected in this step, by name. */
  private told: string | null = null

  constructor(plan: Plan) {
    this.plan = plan
  }

  replaced(endpoints: readonly Endpoint[], now: number): void {
    const before = this.current
    for (const each of before) each.removed = true
    this.current = endpoints.map((each) => {
      const stays = before.find(({ name }) => name === each.name)
      if (stays !== undefined && stays.endpoint.member !== each.member)
        fail('A7', `${each.name} stays in the configuration, and is made anew`)
      const known = this.all.get(each.member) ?? new Known(each, now)
      this.all.set(each.member, known)
      known.removed = false
      return known
    })
    for (const each of before) if (each.removed) each.trialAt = 0
  }

  checked(name: string, passed: boolean, now: number): void {
    const known = this.current.find((each) => each.name === name)
    if (known === undefined) fail('A7', `${name} is checked, and is no endpoint any more`)
    const { checksFirst, checksHealthy, checksUnhealthy } = this.plan
    if (passed) {
      known.checksFailed = 0
      known.checksPassed++
      known.trialAt = 0
      if (known.isEjected(now)) known.returns(now)
      if (known.active !== 'down' || known.checksPassed >= checksHealthy) known.active = 'up'
    } else {
      known.checksPassed = 0
      known.checksFailed++
      const decides = known.active === 'unknown' && checksFirst === 1
      if (decides || known.checksFailed >= checksUnhealthy) known.active = 'down'
    }
  }

  /** The balancer has ejected it. */
  ejected(name: string): void {
    this.told = name
  }

  succeeded(known: Known, now: number): void {
    known.isEjected(now)
    known.inRow = 0
    known.outcomes.push({ at: now, failed: false })
    this.nothingTold()
  }

  /**
   * Counts a failure. The balancer must have ejected the endpoint if it has failed too often, and only then.
   * @param lost the lost connection or the fault of one that could not be made; null for this request alone
   */
  failed(known: Known, lost: object | null, now: number): void {
    const counted = lost !== null && known.hasLost(lost, now)
    if (counted || known.isEjected(now)) {
      this.nothingTold()
      return
    }
    known.inRow++
    known.outcomes.push({ at: now, failed: true })
    const { told } = this
    this.told = null
    if (told !== null && told !== known.name) fail('A5', `${told} is ejected, and ${known.name} has failed`)
    const often = this.hasFailedOften(known, now)
    if (told !== null && !often)
      fail(
        'A5',
        `${known.name} is ejected after ${known.inRow} failures in a row, of ${known.outcomes.length}`,
      )
    const obstacle = this.mayNotEject(known, now)
    if (told !== null && obstacle !== null) fail('A6', `${known.name} is ejected, and ${obstacle}`)
    if (told !== null) this.eject(known, now)
    else if (often && obstacle === null)
      fail('A6', `${known.name} is not ejected after ${known.inRow} failures`)
  }

  /** No connection to it could be made, or a request tries one. */
  tries(known: Known, now: number): void {
    if (!known.removed) known.trialAt = now + TRIAL_MS
  }

  /** Nothing has failed, so nothing may have been ejected. */
  nothingTold(): void {
    if (this.told !== null) fail('A5', `${this.told} is ejected, and nothing has failed that counts`)
  }

  /**
   * Returns true if as many of its requests have failed in a row, or such a part of recent ones, as
   * configured (B18, B19).
   */
  private hasFailedOften(known: Known, now: number): boolean {
    const { passiveConsecutive, passiveRatePercent } = this.plan
    if (passiveConsecutive > 0 && known.inRow >= passiveConsecutive) return true
    if (passiveRatePercent === 0) return false
    const first = Math.floor(now / SLICE_MS) - 9
    const recent = known.outcomes.filter(({ at }) => Math.floor(at / SLICE_MS) >= first)
    const failed = recent.filter((each) => each.failed).length
    return recent.length >= RATE_LEAST && failed * 100 >= passiveRatePercent * recent.length
  }

  /** Returns the reason why it may not be ejected (B22, B23); null if it may. */
  private mayNotEject(known: Known, now: number): string | null {
    const { current, plan } = this
    if (known.removed) return 'is no endpoint any more'
    if (!current.some((each) => each !== known && this.isUp(each))) return 'no other is left'
    const ejected = current.filter((each) => each.isEjected(now)).length
    const most = plan.ejectedMaxPercent / 100
    if (most === 0 || ejected >= Math.max(1, Math.floor(most * current.length)))
      return `${ejected} of ${current.length} are ejected`
    return null
  }

  /** Ejects it for its time (B21). */
  private eject(known: Known, now: number): void {
    const { ejectionMs } = this.plan
    const forgiven = Math.floor((now - known.returnedAt) / ejectionMs)
    known.ejections = Math.max(0, known.ejections - forgiven) + 1
    known.ejectedUntil = now + ejectionMs * Math.min(EJECTION_TIMES_MAX, known.ejections)
    this.agrees(known, now)
  }

  /** Checks that the balancer has ejected it until the same time. */
  agrees(known: Known, now: number): void {
    const until = known.isEjected(now) ? known.ejectedUntil : 0
    const { ejectedUntil } = known.endpoint.member
    // The balancer looks at it when it is asked.
    const theirs = ejectedUntil <= now ? 0 : ejectedUntil
    if (theirs !== until)
      fail('A6', `${known.name} is ejected until ${theirs}, not ${until}, and it is ${now}`)
    const { failures } = known.endpoint.member
    if (this.isPassive && ejectedUntil === 0 && failures !== known.inRow)
      fail('A5', `${known.name} has ${failures} failures in a row for the balancer, not ${known.inRow}`)
  }

  /** The failures of requests count. */
  private get isPassive(): boolean {
    return this.plan.passiveConsecutive + this.plan.passiveRatePercent > 0
  }

  /** The endpoints that may get a request now. */
  candidates(now: number): readonly Known[] {
    const { current } = this
    const { panicPercent, checkTimeoutMs } = this.plan
    const up = current.filter((each) => this.isUp(each))
    const usable = up.filter((each) => !each.isEjected(now))
    const unknown = current.filter((each) => each.active === 'unknown' && !this.isUp(each))
    if (up.length === 0 && unknown.length > 0) {
      const oldest = Math.min(...unknown.map((each) => each.addedAt))
      return now >= oldest + checkTimeoutMs ? unknown : []
    }
    if (usable.length >= (panicPercent / 100) * current.length) return usable
    return up.length > 0 ? up : current
  }

  private isUp({ active }: Known): boolean {
    const { activeChecks, checksFirst } = this.plan
    return active === 'up' || (active === 'unknown' && !(activeChecks > 0 && checksFirst === 1))
  }
}
