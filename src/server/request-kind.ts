// The view of ps, why, top and the debugger on the requests of one protocol. Exchanges of HTTP, commands of
// Redis and its relays are kinds; RequestTarget puts them together.

import { type Continuation, type Program, stateOf, stepOf } from '../continuation/index.js'
import type { Link, Moment, Row, RowKey, Scope, Variable, Vocabulary } from '../debugger/index.js'
import type { Engine, Session } from '../engine/index.js'
import type { Subject } from '../pollset/index.js'

/** The view of an overview and a debugger on an engine. */
export type SharedEngine = Pick<Engine<Session>, 'name' | 'queued' | 'limits' | 'describe'> & {
  readonly sessions: readonly Pick<Session, 'state' | 'capacity' | 'leased'>[]
}

/** The row of a client in an overview. */
export interface ClientRow {
  readonly id: string
  readonly address: string
  /** The life of its connection. */
  readonly protocol: string
}

/**
 * The requests of one protocol. Some methods are called for each of thousands of requests. A method that
 * changes something returns the reason why it cannot, or null.
 */
export interface RequestKind<C extends Continuation> {
  /** The names that conditions know: each value is null for other kinds. */
  readonly vocabulary: Vocabulary<Moment>
  /** Lives that a breakpoint may name before one of them lives. */
  readonly lives: readonly Program<never>[]
  takes(continuation: Continuation): continuation is C
  row(request: C): Row
  /**
   * @param secrets credentials are shown
   * @param waiters those who wait for something that it has
   */
  scopes(request: C, secrets: boolean, waiters: readonly string[]): readonly Scope[]
  /** The links of its chain behind its step. */
  chain(request: C): readonly Link[]
  /** Its sort keys, except the key by step. The least comes first. */
  keyOf(request: C, by: Exclude<RowKey, 'step' | 'id'>): number | string
  heldBytesOf(request: C): number
  /** The engine whose place it has; null if it has none. */
  leasedOf(request: C): SharedEngine | null
  /** Returns a clause for each kind of waiters for something that it has, except its place. */
  waitersOn(request: C): readonly string[]
  set(request: C, name: string, value: string): string | null
  answer(request: C, status: number, text: string): string | null
  /** Ends it, as if its client had left, or with an error for its client. */
  end(request: C): void
  clientOf(request: C): object
  /** The open clients. */
  clients(): Iterable<object>
  readonly openClients: number
  /** Returns null for a client that has closed. */
  describeClient(client: object): ClientRow | null
  /** The engines of its backends. Null stands for a look at a backend. */
  engines(): Iterable<SharedEngine | null>
}

/** The characters of one value that are shown, or that a condition sees. */
const VALUE_MAX = 4096

export const cut = (text: string): string => (text.length > VALUE_MAX ? `${text.slice(0, VALUE_MAX)}…` : text)

/** Returns the ids of the pollables that a continuation waits on. */
export const waitsOf = ({ slot0, slot1, slot2 }: Continuation): string =>
  [slot0, slot1, slot2].flatMap((each) => (each === null ? [] : [each.id])).join(', ')

/** Returns the common part of the rows of all kinds: the step, and its waits. */
export function waitingRow(c: Continuation, now: number) {
  const { hold } = c
  const state = stateOf(c)
  return {
    id: c.id,
    step: stepOf(c),
    state,
    waits: waitsOf(c),
    sinceMs: hold !== null ? now - hold.since : state === 'running' ? 0 : now - c.since,
    lateInMs: c.deadlineArmed ? c.deadlineAt - now : hold !== null && hold.left >= 0 ? hold.left : null,
  }
}

/** A scope of what a row has of waits, and of what more is said. */
export function waitsScope(
  row: Row,
  more: Readonly<Record<string, unknown>>,
  waiters: readonly string[],
): Scope {
  return {
    name: 'Waits and deadlines',
    expensive: false,
    variables: variablesOf({
      step: row.step,
      state: row.state,
      waits: row.waits === '' ? '-' : row.waits,
      since: `${row.sinceMs.toFixed(0)} ms`,
      late: row.lateInMs === null ? 'never' : `in ${row.lateInMs.toFixed(0)} ms`,
      age: `${row.ageMs.toFixed(0)} ms`,
      ...more,
      waiters: waiters.join('; ') || 'none',
    }),
  }
}

export type Described = Subject & { describe(): Readonly<Record<string, unknown>> }

export const variablesOf = (values: Readonly<Record<string, unknown>>): Variable[] =>
  Object.entries(values).map(([name, value]) => ({
    name,
    value: typeof value === 'object' ? JSON.stringify(value) : String(value),
  }))

export const described = (name: string, subject: Described): Scope => ({
  name,
  expensive: false,
  variables: variablesOf(subject.describe()),
})

/** Returns the scopes of what a request uses: they are made only when they are opened. */
export const describedAll = (all: readonly (readonly [name: string, subject: unknown])[]): Scope[] =>
  all.flatMap(([name, subject]) =>
    subject ? [{ ...described(name, subject as Described), expensive: true }] : [],
  )

export const connectionLabel = (what: string, connection: { readonly id: string }): string =>
  `${what} ${connection.id}${'stepName' in connection ? ` · ${stepOf(connection as unknown as Continuation)}` : ''}`
