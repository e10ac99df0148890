// The definition of a filter: its key in the configuration, the schema of its options, and the function that
// makes it. Our own filters and users' modules are defined in the same way.

import type { z } from 'zod'
import type { HttpWorld } from '../http/index.js'
import type { PasswordThreads } from '../pollset/index.js'
import type { Backend, Filter, TaskPool, TaskPoolOptions, ThreadShare } from '../proxy/index.js'
import type { SharedStore, StoreUse } from './store.js'
import type { Written, WrittenDuration, WrittenShare, WrittenSize } from './written.js'

/** A value that was read, or a sentence that states the mistake and the right way. */
export type OptionReading<T> = { readonly value: T } | { readonly wrong: string }

/**
 * Scalars of a schema that read what people write: durations with their unit, sizes, shares, and values from
 * outside (`{ env }`, `{ file }`, `{ credential }`). Their messages state the mistake and the right way. A
 * user's module may use zod alone.
 */
export interface OptionTypes {
  /** Makes a scalar of any text that `check` accepts. `what`: the right form, with an example. */
  text<T = string>(
    description: string,
    what?: string,
    check?: (text: string) => OptionReading<T>,
  ): z.ZodType<T, Written<string>>
  /** Makes a scalar of one of these words. */
  word<const W extends string>(description: string, words: readonly W[]): z.ZodType<W, Written<W>>
  /**
   * Makes a scalar whose numbers stand for their text. `json`: its description in JSON Schema. `I`:
   * the written type.
   */
  number<T, I = string | number>(
    description: string,
    what: string,
    json: Readonly<Record<string, unknown>>,
    check: (text: string) => OptionReading<T>,
  ): z.ZodType<T, Written<I>>
  flag(description: string): z.ZodType<boolean, Written<boolean>>
  count(description: string, least: number, most: number): z.ZodType<number, Written<number>>
  /** Makes a scalar of a duration, read in ms. */
  duration(
    description: string,
    bounds?: { readonly least: number; readonly most: number },
  ): z.ZodType<number, Written<WrittenDuration>>
  /** Makes a scalar of a size, read in bytes. */
  size(
    description: string,
    bounds: { readonly least: number; readonly most: number },
  ): z.ZodType<number, Written<WrittenSize>>
  /** Makes a scalar of a share, read as 0 to 1. */
  share(description: string): z.ZodType<number, Written<WrittenShare>>
  /** Makes a scalar of a text that no message shows. */
  secret(description: string, what: string): z.ZodType<{ readonly text: string }, Written<string>>
}

/** Returns the schema of a filter's options. */
export const optionsSchema = <Z extends z.ZodType>(
  { options }: Pick<FilterDefinition<Z, never>, 'options'>,
  types: OptionTypes,
): Z => (typeof options === 'function' ? options(types) : options)

/** The purpose of a filter, as far as it affects its place among others: `check` warns of a wrong order. */
export type FilterRole =
  | 'access'
  | 'authentication'
  | 'rate-limit'
  | 'body-limit'
  | 'cors'
  | 'cache'
  | 'compress'
  | 'other'

/** Reports mistakes that the schema of options cannot find. Paths lead into the options. */
export interface OptionChecks {
  error(path: readonly (string | number)[], message: string): void
  warn(path: readonly (string | number)[], message: string): void
  /** Reports if the configuration has no backend of this name that speaks HTTP. */
  backend(path: readonly (string | number)[], name: string): void
  /** Reports if the configuration has no backend of Redis of this name. */
  store(path: readonly (string | number)[], name: string): void
}

/** The surroundings of a filter, given when it is made. */
export interface FilterContext {
  /** Its name: that of the named instance, else its key. */
  readonly name: string
  /** Its name among all filters, which is the same in all processes with this configuration. */
  readonly identity: string
  readonly world: HttpWorld
  /**
   * Returns its state under this key. The state outlives the filter: the same identity and key has the same
   * state after a reload, and in other uses of a named filter. `make` is called if there is none yet.
   */
  state<T extends object>(key: string, make: () => T): T
  /** Returns a bounded pool of its own tasks, which is a state too. */
  tasks(options: TaskPoolOptions): TaskPool
  /** The limit `filters.hashesPerClientMax`: the passwords of one client that are hashed or wait at once. */
  readonly hashesPerClientMax: number
  /** The pool of all password hashing: two at once, and a bounded queue. */
  readonly hashing: TaskPool
  /** The threads that hash passwords for basicAuth, in tasks of `hashing`. */
  readonly passwords: PasswordThreads
  /** The pool of all content coding. */
  readonly coding: TaskPool
  /**
   * The threads of Node's pool that tasks may take, for pools whose tasks take one each: one is always left.
   */
  readonly threads: ThreadShare
  /** Returns the backend of this name; null without one. Ask in a phase: in `create` it may not serve yet. */
  backend(name: string): Backend | null
  /** Returns a store that processes share. All filters that use it in the same way have one. */
  store(use: StoreUse): SharedStore
  /**
   * Runs code that does not belong to this project. An error that it throws later, when no call of it runs,
   * is given to `failed`: in a timer, or as a rejection that nobody handles. If `failed` returns false, or
   * throws, the error is counted and logged as a failure of this filter.
   */
  guard<T>(act: () => T, failed?: (error: Error) => boolean): T
  /** Writes to the process log; equal messages are written once in `server.logRepeatMs`. */
  tell(level: 'info' | 'warn' | 'error', message: string): void
}

/** The optional part of a state. */
export interface FilterState {
  /** Is called when no filter of the configuration asks for it any longer. */
  close?(): void
}

export interface FilterDefinition<Z extends z.ZodType = z.ZodType, S = unknown> {
  /** Its key in the configuration. */
  readonly name: string
  /** One sentence, for editors. */
  readonly description: string
  /** The schema of its options. Its output is plain data: it is cloned from the thread that reads. */
  readonly options: Z | ((types: OptionTypes) => Z)
  readonly role?: FilterRole
  /** True if it holds a body, or part of it: a body limit belongs before it. */
  readonly holds?: boolean
  /** The treatment of its failures and lateness; default `refuse`. A use may override it. */
  readonly onFailure?: 'refuse' | 'pass'
  /** Finds mistakes that the schema cannot find. */
  check?(options: z.output<Z>, checks: OptionChecks): void
  /** Makes it. Throws an error that explains the mistake. */
  create(options: z.output<Z>, context: FilterContext): Filter<S>
}

/** Defines a filter. It returns its argument: TypeScript checks it. Others see no type of its state. */
export const defineFilter = <Z extends z.ZodType, S = undefined, const N extends string = string>(
  definition: FilterDefinition<Z, S> & { readonly name: N },
): FilterDefinition<Z> & { readonly name: N } =>
  definition as unknown as FilterDefinition<Z> & { readonly name: N }
