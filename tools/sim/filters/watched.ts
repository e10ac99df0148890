// X1 to X6 (spec/filters.md) of a run: the waits of filters, from the tracer; what filters have begun and
// released; what they hold; the fills of caches.

import { type Continuation, type Outcome, SUSPEND } from '../../../src/continuation/index.js'
import type { Fill } from '../../../src/filters/cache/fill.js'
import type { ExchangeView } from '../../../src/filters/filter.js'
import type { Prng, SimPollset } from '../../../src/pollset/index.js'
import { type Checker, fail, type RunView } from '../checks/check.js'
import { Violation } from '../ledger.js'
import type { Watch } from './kinds.js'

/** The longest wait of a filter, by the contract. */
const WAIT_MS_MAX = 86_400_000
/** More than what all outputs of transforms of a run take (proxy/filter/body-path.ts). */
const PATHS_BYTES_MAX = 64 * 1024 * 1024

/** The fill of a cache. */
interface FillInside {
  readonly listedAs: Fill['listedAs']
  readonly identified: Fill['identified']
  readonly isOutdated: Fill['isOutdated']
}

export class WatchedFilters implements Watch, Checker {
  readonly pollset: SimPollset
  readonly chance: Prng
  declared = 0
  /** When a tag was purged last. */
  tagPurgedAt = Number.NEGATIVE_INFINITY
  /** When each fill was first seen. */
  private readonly fills = new WeakMap<Continuation, number>()
  private readonly waits: (how: string) => void
  private readonly madeLate: (id: string) => boolean
  private readonly waiting = new Map<Continuation, string>()
  private readonly late = new Map<string, number>()
  private readonly versions = new Map<string, number>()
  private broken: Violation | null = null
  private begun = 0
  private releases = 0

  /**
   * @param waits is told how each wait has ended
   * @param madeLate whether a hand has made the exchange of this id late
   */
  constructor(
    pollset: SimPollset,
    chance: Prng,
    waits: (how: string) => void,
    madeLate: (id: string) => boolean,
  ) {
    this.pollset = pollset
    this.chance = chance
    this.waits = waits
    this.madeLate = madeLate
  }

  // The filters

  met({ id }: ExchangeView, version: number): void {
    const known = this.versions.get(id) ?? version
    this.versions.set(id, known)
    if (known !== version)
      this.breaks('X5', `${id} meets filters of the configurations ${known} and ${version}`)
  }
  breaks(property: string, message: string): void {
    this.broken ??= new Violation(property, message)
  }
  began(): void {
    this.begun++
  }
  released(): void {
    this.releases++
  }
  lateSince(id: string): number {
    return this.madeLate(id) ? Number.NEGATIVE_INFINITY : (this.late.get(id) ?? this.pollset.now)
  }

  // The tracer

  stepped(c: Continuation, step: string, out: Outcome<string>): void {
    if (c.kind !== 'exchange') return
    this.endWait(c, 'ready')
    if (out.kind === SUSPEND && step.startsWith('filter')) this.waiting.set(c, step)
  }
  diverted(c: Continuation, cause: 'late' | 'cancelled'): void {
    if (cause === 'late') this.late.set(c.id, this.pollset.now)
    this.endWait(c, cause)
  }
  private endWait(c: Continuation, how: string): void {
    if (this.waiting.delete(c)) this.waits(`a filter's wait ${how}`)
  }

  // The checker

  turn({ world, pollset }: RunView): void {
    const { declared, broken } = this
    if (broken !== null) throw broken
    for (const [c] of this.waiting) {
      if (c.suspended === null || c.queued || c.held) continue
      if (!c.deadlineArmed || c.deadlineAt - pollset.now > WAIT_MS_MAX)
        fail('X1', `${c.id} waits at ${c.stepName} without its deadline`)
      if (c.slot0 !== null && (c.slot0.waiter !== c || (c.slot0.readiness & c.bits0) !== 0))
        fail('X1', `${c.id} waits at ${c.stepName} for ${c.slot0.id}, and is not woken`)
    }
    if (world.memory.charged < declared || world.memory.charged > PATHS_BYTES_MAX)
      fail('X4', `${world.memory.charged} bytes are charged, and ${declared} declared`)
    const fills: string[] = []
    for (const each of world.scheduler.alive()) {
      if (each.kind !== 'fill') continue
      const { listedAs, identified, isOutdated } = each as unknown as FillInside
      const seenAt = this.fills.get(each) ?? pollset.now
      this.fills.set(each, seenAt)
      // An invalidated response is fetched again for later readers, and so is one whose tags may be purged.
      if (!identified && !isOutdated && seenAt > this.tagPurgedAt) fills.push(listedAs)
    }
    if (new Set(fills).size < fills.length) fail('X6', `two fills run for one of ${fills.join(', ')}`)
  }

  end({ world }: RunView): void {
    for (const [c, step] of this.waiting) fail('X1', `the wait of ${c.id} in ${step} has not ended`)
    if (this.begun !== this.releases)
      fail('X2', `${this.begun} states have begun, and ${this.releases} are released`)
    if (world.memory.charged !== 0) fail('X4', `${world.memory.charged} bytes of filters are held at the end`)
    if (this.declared !== 0) fail('X2', `transforms that hold ${this.declared} bytes have not ended`)
  }
}
