// The filters of the configuration. A filter stays if its name and its options stay. Its state is kept by its
// name, even if everything else changes, and is shared by all uses of the name.

import { type BackendNames, diagnosticText, type FilterConfig, MODULE, placeText } from '../config/index.js'
import {
  definitionOf,
  type FilterContext,
  type FilterDefinition,
  type FilterLimits,
  type FilterState,
  type SharedStore,
  type StoreUse,
} from '../filters/index.js'
import { PasswordThreads, poolThreads, UserCode } from '../pollset/index.js'
import {
  type Filter,
  type FilterUse,
  type Purge,
  type ReverseProxy,
  type SharedPurging,
  TaskPool,
  ThreadShare,
} from '../proxy/index.js'
import { ConfigError } from './address.js'
import { guarded } from './guarded-filter.js'
import type { ProcessLog } from './process-log.js'
import { UserModules } from './user-modules.js'

/** A filter with these options, and the states that it has asked for. */
interface Made {
  readonly use: FilterUse
  readonly states: Set<string>
}

/** The outcome of a purge in this process. */
export interface Purged {
  readonly removed: number | null
  readonly shared: readonly SharedPurging[]
}

/** Filters that are made, and serve once they are committed. */
export interface PreparedFilters {
  /** Returns the filter of this use. Throws if it cannot be made. */
  use(config: FilterConfig): FilterUse
  commit(): void
  /** Releases the filters that will not serve. */
  abandon(): void
}

const keyOf = ({ name, identity, options, onFailure }: FilterConfig): string =>
  [name, identity, onFailure, JSON.stringify(options)].join('\0')

/**
 * Makes a filter. Throws a {@link ConfigError}.
 * @param written null if the message need not have the place
 */
function made(name: string, written: FilterConfig | null, make: () => Filter<unknown>): Filter<unknown> {
  try {
    return make()
  } catch (error) {
    const message = `filter ${name}: ${error instanceof Error ? error.message : String(error)}`
    const place = written === null ? '' : placeText(written.source)
    throw new ConfigError(place === '' ? message : `${place} ${message}`)
  }
}

const noStore = ({ backend }: StoreUse): never => {
  throw new Error(`there is no store ${backend}`)
}

const closeState = (state: FilterState): void => state.close?.()

export class Filters {
  private readonly proxy: ReverseProxy
  private readonly log: Pick<ProcessLog, 'repeated'>
  private readonly hashing: TaskPool
  private readonly passwords = new PasswordThreads()
  private readonly coding: TaskPool
  private readonly threads = new ThreadShare(poolThreads(process.env))
  private readonly hashesPerClientMax: number
  private made: ReadonlyMap<string, Made> = new Map()
  private states: ReadonlyMap<string, object> = new Map()

  private readonly find: (kind: string) => FilterDefinition | null
  private readonly storeOf: (use: StoreUse) => SharedStore
  /** Modules of users. */
  readonly modules = new UserModules({ env: process.env, secretKey: null })
  private readonly userCode = new UserCode()

  constructor(
    proxy: ReverseProxy,
    log: Pick<ProcessLog, 'repeated'>,
    limits: FilterLimits,
    find = definitionOf,
    storeOf: (use: StoreUse) => SharedStore = noStore,
  ) {
    this.find = find
    this.storeOf = storeOf
    this.proxy = proxy
    this.log = log
    const { pollset } = proxy.world
    const { hashesMax, hashQueueMax, codingsMax, codingQueueMax } = limits
    this.hashesPerClientMax = limits.hashesPerClientMax
    this.hashing = new TaskPool(pollset, { name: 'hash', concurrencyMax: hashesMax, queueMax: hashQueueMax })
    this.coding = new TaskPool(pollset, {
      name: 'coding',
      concurrencyMax: codingsMax,
      queueMax: codingQueueMax,
      threads: this.threads,
    })
  }

  /**
   * Begins to make the filters of a configuration; nothing changes before they are committed.
   * @param names the names of its backends
   */
  prepare(names: BackendNames = { backends: [], stores: [] }): PreparedFilters {
    const next = new Map<string, Made>()
    const states = new Map<string, object>()
    const known = (id: string): object | undefined => states.get(id) ?? this.states.get(id)
    return {
      use: (config) => {
        const key = keyOf(config)
        let made = next.get(key) ?? this.made.get(key)
        if (made === undefined) made = this.makeOf(config, known, states, names)
        next.set(key, made)
        for (const id of made.states) states.set(id, known(id) as object)
        return made.use
      },
      commit: () => {
        const before = { made: this.made, states: this.states }
        this.made = next
        this.states = states
        for (const [key, { use }] of before.made) if (!next.has(key)) use.filter.close?.()
        for (const [id, state] of before.states) if (states.get(id) !== state) closeState(state)
      },
      abandon: () => {
        for (const [key, { use }] of next) if (!this.made.has(key)) use.filter.close?.()
        for (const [id, state] of states) if (this.states.get(id) !== state) closeState(state)
      },
    }
  }

  private makeOf(
    config: FilterConfig,
    known: (id: string) => object | undefined,
    states: Map<string, object>,
    names: BackendNames,
  ): Made {
    const { name, kind, identity, options, onFailure } = config
    const { proxy, log, hashing, passwords, coding, threads, hashesPerClientMax } = this
    const asked = new Set<string>()
    const state = <T extends object>(key: string, make: () => T): T => {
      const id = `${identity}\0${key}`
      const found = (known(id) as T | undefined) ?? make()
      states.set(id, found)
      asked.add(id)
      return found
    }
    // An error that nobody takes belongs to no exchange.
    const stray = (error: unknown): void => proxy.filterFailed(null, name, error)
    const guard: FilterContext['guard'] = (act, failed = () => false) => {
      return this.userCode.guard(act, (error) => {
        try {
          if (!failed(error)) stray(error)
        } catch (thrown) {
          stray(thrown)
        }
      })
    }
    const store = (use: StoreUse): SharedStore => {
      // All filters of the process that use it so share it, so that few requests wait for one that has gone.
      const id = `\0store\0${JSON.stringify([use.backend, use.database, use.user, use.password])}`
      const found = (known(id) as SharedStore | undefined) ?? this.storeOf(use)
      states.set(id, found)
      asked.add(id)
      return found
    }
    const context: FilterContext = {
      name,
      identity,
      store,
      world: proxy.world,
      state,
      tasks: (bounds) => {
        const pool = state(`tasks ${bounds.name}`, () => new TaskPool(proxy.world.pollset, bounds))
        pool.options = bounds
        return pool
      },
      hashing,
      passwords,
      coding,
      threads,
      hashesPerClientMax,
      backend: (wanted) => proxy.backends.find((each) => each.name === wanted) ?? null,
      guard,
      tell: (level, message) => void log.repeated(level, `filter ${name}`, () => message),
    }
    if (kind === MODULE) {
      const found = this.modules.filterOf(config, names)
      for (const each of found.warnings) context.tell('warn', diagnosticText(each))
      const make = (): Filter<unknown> => guard(() => found.definition.create(found.options, context))
      const filter = guarded(made(name, config, make), guard)
      return { use: { name, filter, onFailure: found.onFailure }, states: asked }
    }
    const definition = this.find(kind)
    if (definition === null) throw new ConfigError(`filter ${name}: there is no kind '${kind}'`)
    const filter = made(name, null, () => definition.create(options, context))
    return { use: { name, filter, onFailure }, states: asked }
  }

  /** Ends the states of filters. */
  close(): void {
    for (const { use } of this.made.values()) use.filter.close?.()
    for (const state of this.states.values()) closeState(state)
    this.userCode.close()
    this.passwords.end()
    this.made = new Map()
    this.states = new Map()
  }

  /**
   * Makes the filters of this name forget stored responses; null if none of them stores any. `shared`: by
   * them other processes are to be told.
   */
  purge(name: string, what: Purge): Purged | null {
    const shared = new Set<SharedPurging>()
    let removed: number | null = 0
    let found = false
    for (const { use } of this.made.values()) {
      if (use.name !== name || use.filter.purge === undefined) continue
      found = true
      if (use.filter.purges != null) shared.add(use.filter.purges)
      const count = use.filter.purge(what)
      removed = count === null || removed === null ? null : removed + count
    }
    return found ? { removed, shared: [...shared] } : null
  }

  /** Returns the names of the filters that store responses, with their own descriptions. */
  caches(): ReadonlyMap<string, Readonly<Record<string, unknown>>> {
    const all = new Map<string, Readonly<Record<string, unknown>>>()
    for (const { use } of this.made.values())
      if (use.filter.purge !== undefined) all.set(use.name, use.filter.describe?.() ?? {})
    return all
  }

  /** Returns the counts of filters, by their names. */
  events(): ReadonlyMap<string, ReadonlyMap<string, number>> {
    const all = new Map<string, Map<string, number>>()
    const seen = new Set<object>()
    for (const { use } of this.made.values()) {
      const counts = use.filter.events?.()
      if (counts === undefined || seen.has(counts)) continue
      // Filters that share a state count in it together.
      seen.add(counts)
      const sums = all.get(use.name) ?? new Map<string, number>()
      all.set(use.name, sums)
      for (const [event, count] of Object.entries(counts)) sums.set(event, (sums.get(event) ?? 0) + count)
    }
    return all
  }

  describe(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(
      [...this.made.values()].map(({ use: { name, filter } }) => [name, filter.describe?.() ?? {}]),
    )
  }
}
