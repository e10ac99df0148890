// Explains why a continuation waits: for what, since when, until when, and what keeps that from happening,
// down the chain. The answer is data, for a debugger to show. Each subject appears in it once.

import { namesOf, Pollable, type Pollset, type Subject } from '../pollset/index.js'
import { Continuation } from './continuation.js'

/** The most links of a chain. */
const DEPTH_MAX = 8
/** The most holders of one wait that are shown. The rest are counted. */
const HOLDERS_MAX = 5

export interface Why {
  readonly id: string
  /** The life and its step: `exchange.lease`. */
  readonly step: string
  readonly state: 'running' | 'waiting' | 'held'
  /** The ms for which it has waited, or has been held. */
  readonly sinceMs: number
  /** ms until its deadline; negative: overdue; null without one. */
  readonly lateInMs: number | null
  readonly waits: readonly WhyWait[]
}

export interface WhyWait {
  /** The pollable it waits on, and the bits. */
  readonly on: string
  readonly kind: string
  readonly bits: readonly string[]
  readonly holders: readonly WhyHolder[]
  /** The number of holders that are not shown. */
  readonly more: number
}

export interface WhyHolder {
  readonly id: string
  readonly kind: string
  readonly reason: string
  /**
   * `elsewhere`: it appears elsewhere in this answer. `cycle`: it appears above, so nothing of
   * the chain can move.
   */
  readonly seen: 'no' | 'elsewhere' | 'cycle'
  /** Its own wait, if it is a continuation. */
  readonly why: Why | null
  readonly holders: readonly WhyHolder[]
  readonly more: number
}

/**
 * Returns the reason why this continuation waits. It visits all subjects that it names, and allocates:
 * for debuggers only.
 */
export function why(continuation: Continuation, pollset: Pollset): Why {
  return new Chain(pollset).of(continuation, 0)
}

/** Returns the state of a continuation, in one word. */
export const stateOf = (c: Continuation): Why['state'] =>
  c.hold !== null ? 'held' : c.suspended !== null && !c.queued ? 'waiting' : 'running'

/** Returns the life and the step, as in `exchange.lease`. */
export const stepOf = (c: Continuation): string =>
  `${c.program.name}.${c.stepName}${c.stepDetail(c.step, false)}`

class Chain {
  private readonly pollset: Pollset
  private readonly seen = new Set<string>()
  private readonly path: string[] = []

  constructor(pollset: Pollset) {
    this.pollset = pollset
  }

  of(c: Continuation, depth: number): Why {
    this.seen.add(c.id)
    this.path.push(c.id)
    const { hold } = c
    const now = this.pollset.now
    const left =
      hold !== null ? (hold.left < 0 ? null : hold.left) : c.deadlineArmed ? c.deadlineAt - now : null
    const waits = [
      this.wait(c.slot0, c.bits0, depth),
      this.wait(c.slot1, c.bits1, depth),
      this.wait(c.slot2, c.bits2, depth),
    ].filter((each) => each !== null)
    this.path.pop()
    return {
      id: c.id,
      step: stepOf(c),
      state: stateOf(c),
      sinceMs: hold !== null ? now - hold.since : c.suspended === null ? 0 : now - c.since,
      lateInMs: left,
      waits,
    }
  }

  private wait(pollable: Pollable | null, bits: number, depth: number): WhyWait | null {
    if (pollable === null) return null
    const { id, kind, bitNames } = pollable
    this.seen.add(id)
    return { on: id, kind, bits: namesOf(bits, bitNames), ...this.holders(pollable, bits, depth + 1) }
  }

  private holders(subject: Subject, bits: number, depth: number) {
    if (depth > DEPTH_MAX) return { holders: [], more: 0 }
    this.path.push(subject.id)
    const all = subject.holders?.(bits) ?? []
    const holders = all.slice(0, HOLDERS_MAX).map((each): WhyHolder => {
      const { id, kind } = each.subject
      const seen = this.path.includes(id) ? 'cycle' : this.seen.has(id) ? 'elsewhere' : 'no'
      const first = { id, kind, reason: each.reason, seen } as const
      if (seen !== 'no') return { ...first, why: null, holders: [], more: 0 }
      this.seen.add(id)
      return { ...first, ...this.beyond(each.subject, bits, depth + 1) }
    })
    this.path.pop()
    return { holders, more: all.length - holders.length }
  }

  /** A continuation shows its own wait. A connection or a pollable shows its holders. */
  private beyond(subject: Subject, bits: number, depth: number) {
    if (depth > DEPTH_MAX) return { why: null, holders: [], more: 0 }
    if (subject instanceof Continuation && subject.holdable)
      return { why: this.of(subject, depth), holders: [], more: 0 }
    return {
      why: null,
      ...this.holders(subject, subject instanceof Pollable ? subject.interest : bits, depth),
    }
  }
}

/** Returns the answer as text: one line for the continuation, then the chain, indented. */
export function whyText(answer: Why): string {
  return [headline(answer), ...waitLines(answer, '  ')].join('\n')
}

/** Returns ms as seconds, for a person: `8.2 s`. */
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

function headline({ id, step, state, sinceMs, lateInMs, waits }: Why): string {
  const since =
    state === 'running'
      ? 'runs'
      : state === 'held'
        ? `held for ${seconds(sinceMs)}`
        : `waits for ${seconds(sinceMs)}`
  const until =
    lateInMs === null
      ? 'without a deadline'
      : lateInMs < 0
        ? `overdue by ${seconds(-lateInMs)}`
        : `late in ${seconds(lateInMs)}`
  return `${id} at ${step}: ${since}${waits.length > 0 || lateInMs !== null ? `, ${until}` : ''}`
}

function waitLines({ waits }: Why, indent: string): string[] {
  return waits.flatMap(({ on, bits, holders, more }) => [
    `${indent}on ${on} (${bits.join('|')})`,
    ...holderLines(holders, more, `${indent}  `),
  ])
}

function holderLines(holders: readonly WhyHolder[], more: number, indent: string): string[] {
  const lines = holders.flatMap((each) => [
    `${indent}${each.id}: ${each.reason}${each.seen === 'cycle' ? ' (a cycle: nothing here can move)' : each.seen === 'elsewhere' ? ' (see elsewhere)' : ''}`,
    ...(each.why === null
      ? []
      : [`${indent}  ${headline(each.why)}`, ...waitLines(each.why, `${indent}    `)]),
    ...holderLines(each.holders, each.more, `${indent}  `),
  ])
  if (more > 0) lines.push(`${indent}and ${more} more`)
  return lines
}
