// Watches continuations: the edges that they took, and how each of their waits ended. Both are compared with
// the declaration: no dead edge, no undeclared one, every wait late and cancelled (design: Tests).

import type { Outcome as AnyOutcome, Continuation, Tracer } from '../../src/continuation/index.js'
import { DONE, SUSPEND } from '../../src/continuation/steps.js'

type Outcome = AnyOutcome<string>

/** A life as it was declared: {@link defineLife}'s edges. */
type Edges = Readonly<Record<string, readonly string[]>>

interface Last {
  readonly step: string
  /** The wait it is in, as `STEP WAIT`, or null. */
  readonly wait: string | null
}

export class Seen implements Tracer {
  private readonly edges = new Map<Edges, Set<string>>()
  /** By edges: each wait, with the ends it declares and those it had. */
  private readonly waits = new Map<Edges, Map<string, { declared: string[]; had: Set<string> }>>()
  private readonly last = new WeakMap<Continuation, Last>()
  /** The continuations that ended with a wait noted, by the names of their steps. */
  readonly endedWaiting: string[] = []

  transition(c: Continuation, at: number, out: Outcome): void {
    const { names, edges } = c.program
    const step = names[at]
    this.arrived(c, step)
    if (out.kind === DONE) this.edgesOf(edges).add(`${step} → done`)
    let wait: string | null = null
    if (out.kind === SUSPEND) {
      const time = out.within >= 0 ? c.program.waits[out.within] : c.until === 0 ? 'for ever' : 'until'
      wait = `${step} ${time}`
      const declared = ['ready']
      if (out.late >= 0 && time !== 'for ever') declared.push('late')
      if (out.cancelled >= 0) declared.push('cancelled')
      const known = this.waitsOf(edges)
      if (!known.has(wait)) known.set(wait, { declared, had: new Set() })
    }
    this.last.set(c, { step, wait })
  }

  ended(c: Continuation): void {
    if (c.slot0 !== null || c.slot1 !== null || c.slot2 !== null) this.endedWaiting.push(c.stepName)
  }

  diverted(c: Continuation, at: number, cause: 'late' | 'cancelled'): void {
    const wait = this.last.get(c)?.wait
    if (wait) this.waitsOf(c.program.edges).get(wait)?.had.add(cause)
    this.last.set(c, { step: c.program.names[at], wait: null })
  }

  redirected(c: Continuation, from: number): void {
    this.last.set(c, { step: c.program.names[from], wait: null })
  }

  private arrived(c: Continuation, step: string): void {
    const last = this.last.get(c)
    if (last === undefined) return
    this.edgesOf(c.program.edges).add(`${last.step} → ${step}`)
    if (last.wait !== null) this.waitsOf(c.program.edges).get(last.wait)?.had.add('ready')
  }

  private edgesOf(edges: Edges): Set<string> {
    const found = this.edges.get(edges) ?? new Set()
    this.edges.set(edges, found)
    return found
  }

  private waitsOf(edges: Edges) {
    const found = this.waits.get(edges) ?? new Map<string, { declared: string[]; had: Set<string> }>()
    this.waits.set(edges, found)
    return found
  }

  /** Edges of this life that were taken. */
  taken(edges: Edges): string[] {
    return [...this.edgesOf(edges)].sort()
  }

  /** Each wait of this life that was begun, with how it ended: `lease lease: cancelled, late, ready`. */
  waitsEnded(edges: Edges): string[] {
    return [...this.waitsOf(edges)].map(([wait, { had }]) => `${wait}: ${[...had].sort().join(', ')}`).sort()
  }

  /** The same, as it was declared. */
  mayEnd(edges: Edges): string[] {
    return [...this.waitsOf(edges)]
      .map(([wait, { declared }]) => `${wait}: ${declared.sort().join(', ')}`)
      .sort()
  }
}

/** All edges that are declared, as {@link Seen.taken} writes them. */
export const declared = (edges: Edges): string[] =>
  Object.entries(edges)
    .flatMap(([step, next]) => next.map((to) => `${step} → ${to}`))
    .sort()
