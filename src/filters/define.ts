// The definition of a filter: its key in the configuration, the schema of its options, and how it is made.
// The box and users' modules are defined in the same way.

import type { z } from 'zod'
import type { HttpWorld } from '../http/index.js'
import type { PasswordThreads } from '../pollset/index.js'
import type { Backend, Filter, TaskPool, TaskPoolOptions, ThreadShare } from '../proxy/index.js'
import type { Written, WrittenDuration, WrittenShare, WrittenSize } from './written.js'

/** A value that was read, or a sentence that says what is wrong and what is right. */
export type OptionReading<T> = { readonly value: T } | { readonly wrong: string }

/**
 * Scalars of a schema that read what people write: durations with their unit, sizes, shares, and values from
 * outside (`{ env }`, `{ file }`, `{ credential }`). Their messages say what is wrong and what is right. A
 * user's module may use zod alone.
 */
export interface OptionTypes {
  /** Any text that `check` takes. `what`: what it must be, with an example. */
  text<T = string>(
    description: string,
    what?: string,
    check?: (text: string) => OptionReading<T>,
  ): z.ZodType<T, Written<string>>
  /** One of these words. */
  word<const W extends string>(description: string, words: readonly W[]): z.ZodType<W, Written<W>>
  /**
   * A scalar whose numbers stand for their text. `json`: how JSON Schema describes it. `I`: what is written.
   */
  number<T, I = string | number>(
    description: string,
    what: string,
    json: Readonly<Record<string, unknown>>,
    check: (text: string) => OptionReading<T>,
  ): z.ZodType<T, Written<I>>
  flag(description: string): z.ZodType<boolean, Written<boolean>>
  count(description: string, least: number, most: number): z.ZodType<number, Written<number>>
  /** In ms. */
  duration(
    description: string,
    bounds?: { readonly least: number; readonly most: number },
  ): z.ZodType<number, Written<WrittenDuration>>
  /** In bytes. */
  size(
    description: string,
    bounds: { readonly least: number; readonly most: number },
  ): z.ZodType<number, Written<WrittenSize>>
  /** 0 to 1 */
  share(description: string): z.ZodType<number, Written<WrittenShare>>
  /** A text that no message shows. */
  secret(description: string, what: string): z.ZodType<{ readonly text: string }, Written<string>>
}

/** Returns the schema of a filter's options. */
export const optionsSchema = <Z extends z.ZodType>(
  { options }: Pick<FilterDefinition<Z, never>, 'options'>,
  types: OptionTypes,
): Z => (typeof options === 'function' ? options(types) : options)

/** The purpose of a filter, as far as its place among others matters: `check` warns of a wrong order. */
export type FilterRole =
  | 'access'
  | 'authentication'
  | 'rate-limit'
  | 'body-limit'
  | 'cors'
  | 'cache'
  | 'compress'
  | 'other'

/** Tells what the schema of options cannot find. Paths lead into the options. */
export interface OptionChecks {
  error(path: readonly (string | number)[], message: string): void
  warn(path: readonly (string | number)[], message: string): void
  /** Tells if the configuration has no backend of this name. */
  backend(path: readonly (string | number)[], name: string): void
}

/** The surroundings of a filter, given when it is made. */
export interface FilterContext {
  /** Its name: that of the named instance, else its key. */
  readonly name: string
  readonly world: HttpWorld
  /**
   * Returns its state under this key. It outlives the filter: the same identity and key has the same state
   * after a reload, and in other uses of a named filter. `make` is called when there is none yet.
   */
  state<T extends object>(key: string, make: () => T): T
  /** Returns a bounded pool of tasks of its own, which is a state too. */
  tasks(options: TaskPoolOptions): TaskPool
  /** Of `filters.hashesPerClientMax`: the passwords of one client that are hashed or wait at once. */
  readonly hashesPerClientMax: number
  /** The pool of all password hashing: two at once, and a bounded queue. */
  readonly hashing: TaskPool
  /** The threads that hash passwords for basicAuth, in tasks of `hashing`. */
  readonly passwords: PasswordThreads
  /** The pool of all content coding. */
  readonly coding: TaskPool
  /** The threads of Node's pool that tasks may take, for pools whose tasks take one: one is always left. */
  readonly threads: ThreadShare
  /** Returns the backend of this name; null without. Ask in a phase: in `create` it may not serve yet. */
  backend(name: string): Backend | null
  /**
   * Runs code that is not of this project. An error that it throws later, when no call of it runs, is given
   * to `failed`: in a timer, or as a rejection that nobody handles. If that returns false, or throws, the
   * error is counted and logged as a failure of this filter.
   */
  guard<T>(act: () => T, failed?: (error: Error) => boolean): T
  /** Writes to the process log; equal messages are told once in `server.logRepeatMs`. */
  tell(level: 'info' | 'warn' | 'error', message: string): void
}

/** A state may have this. */
export interface FilterState {
  /** Is called when no filter of the configuration asks for it any longer. */
  close?(): void
}

export interface FilterDefinition<Z extends z.ZodType = z.ZodType, S = unknown> {
  /** Its key in the configuration. */
  readonly name: string
  /** One sentence, for editors. */
  readonly description: string
  /** The schema of its options. What it returns is plain data: it is cloned from the thread that reads. */
  readonly options: Z | ((types: OptionTypes) => Z)
  readonly role?: FilterRole
  /** It holds a body, or part of it: a body limit belongs before it. */
  readonly holds?: boolean
  /** When it fails or is late; default `refuse`. A use may say otherwise. */
  readonly onFailure?: 'refuse' | 'pass'
  /** Finds what the schema cannot. */
  check?(options: z.output<Z>, checks: OptionChecks): void
  /** Makes it. Throws an error that says what is wrong. */
  create(options: z.output<Z>, context: FilterContext): Filter<S>
}

/** Defines a filter. It returns what it is given: TypeScript checks it. Others see no type of its state. */
export const defineFilter = <Z extends z.ZodType, S = undefined, const N extends string = string>(
  definition: FilterDefinition<Z, S> & { readonly name: N },
): FilterDefinition<Z> & { readonly name: N } =>
  definition as unknown as FilterDefinition<Z> & { readonly name: N }
