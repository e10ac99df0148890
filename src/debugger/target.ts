// The object of debugging: a World, and the parts that its owner lends. The debugger knows no protocol; the
// lender knows what a request is.

import type { Continuation } from '../continuation/index.js'
import type { Subject } from '../pollset/index.js'
import type { TransportWorld } from '../transport/index.js'
import type { Vocabulary } from './conditions.js'
import type { Key } from './foremost.js'

/** The row of a living request in a list. It contains texts of peers, which a client must strip. */
export interface Row {
  readonly id: string
  /** The life and its step, such as `exchange.lease`. */
  readonly step: string
  readonly state: 'running' | 'waiting' | 'held'
  readonly method: string
  readonly host: string
  readonly path: string
  /** The ids of the pollables that it waits on. */
  readonly waits: string
  /** ms that it has waited, or has been held */
  readonly sinceMs: number
  /** ms since it came, without the time it was held */
  readonly ageMs: number
  /** ms until its deadline; null without one */
  readonly lateInMs: number | null
  readonly heldBytes: number
  readonly client: string
  readonly clientAddress: string
  readonly backend: string | null
  readonly engine: string | null
  readonly status: number
}

/** The source of the values of conditions. */
export interface Moment {
  readonly continuation: Continuation
  /** The name of the step before; `-` without one. */
  readonly from: string
}

export interface Variable {
  readonly name: string
  readonly value: string
  /** True if {@link Target.set} takes its name. */
  readonly settable?: boolean
}

/** A group of values of one request. */
export interface Scope {
  readonly name: string
  /** True if it is long, or costs time: a client asks for it only when it is opened. */
  readonly expensive: boolean
  readonly variables: readonly Variable[]
}

/** One link of the chain of a request: from the step to the connections. */
export interface Link {
  readonly label: string
  readonly subject: Subject
}

/** The view of the whole World. Lists are bounded; `total` has the full number. */
export interface Overview {
  readonly now: number
  readonly uptimeMs: number
  readonly turns: number
  readonly inFlight: number
  readonly held: number
  readonly clients: readonly Readonly<Record<string, unknown>>[]
  readonly clientsTotal: number
  readonly engines: readonly Readonly<Record<string, unknown>>[]
  readonly enginesTotal: number
  /** The number of continuations at each step. */
  readonly steps: Readonly<Record<string, number>>
}

/** Counts continuations for an overview, one after the other. */
export interface Tally {
  add(continuation: Continuation): void
  /** Makes the overview when all are counted. It yields the amount of work done, in units of a TurnShare. */
  overview(): Generator<number, Overview>
}

/** The sort keys of a list: the oldest first, then the one that holds the most bytes, and so on. */
export const rowKeys = ['age', 'held', 'path', 'step', 'id'] as const
export type RowKey = (typeof rowKeys)[number]

/** The target. Each method that changes something returns the reason for a refusal, or null. */
export interface Target {
  readonly world: TransportWorld
  readonly vocabulary: Vocabulary<Moment>
  /** Returns true if this continuation is a request, and so has a row. It is asked for each of thousands. */
  isRequest(continuation: Continuation): boolean
  /** Returns null for a continuation that is not a request. */
  row(continuation: Continuation): Row | null
  /** @param secrets true: credentials are shown */
  scopes(continuation: Continuation, secrets: boolean): readonly Scope[]
  chain(continuation: Continuation): readonly Link[]
  tally(): Tally
  /** Returns the key of a request: the lowest comes first. It is asked for each of thousands. */
  keyOf(continuation: Continuation, by: RowKey): Key
  /** Returns those that wait for something that this one has: a clause for each kind, with their number. */
  waitersOn(continuation: Continuation): readonly string[]
  /**
   * Returns the reason why a breakpoint should not hold it here, or null: it has the last free
   * place of its engine.
   */
  lastPlace(continuation: Continuation, held: readonly Continuation[]): string | null
  set(continuation: Continuation, name: string, value: string): string | null
  answer(continuation: Continuation, status: number, text: string): string | null
  /** Ends a request. */
  end(continuation: Continuation): void
}
