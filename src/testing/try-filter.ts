// Tries a filter: in one run, or in every way that the network, the clock, the client and tasks may
// take. Promises serve the test, and the tasks that work outside of this thread; no request passes
// through a promise.

import { readModuleOptions } from '../config/index.js'
import {
  type FilterContext,
  type FilterDefinition,
  type SharedStore,
  TaskPool,
  ThreadShare,
} from '../filters/filter.js'
import { filterLimits } from '../filters/index.js'
import type { HttpWorld } from '../http/index.js'
import { PasswordThreads, poolThreads } from '../pollset/index.js'
import type { FilterUse } from '../proxy/index.js'
import {
  type AskedRequest,
  FilterNetwork,
  type GotResponse,
  type TestRequest,
  type TestResponse,
  type Way,
} from './network.js'
import { FilterWatch } from './watched-filter.js'

/** A filter and its options, as in a configuration. */
export interface TestedFilter {
  readonly filter: FilterDefinition
  /** The options as written in a file: `{ bytes: '1MiB' }`. Default: none. */
  readonly options?: unknown
}

export interface FilterTest {
  /** One filter, or several, the outermost first. */
  readonly filters: TestedFilter | readonly TestedFilter[]
  /** One request, or several: one after the other, or all at once. */
  readonly requests?: TestRequest | readonly TestRequest[]
  readonly atOnce?: boolean
  /** Answers as the backend. Default: 200 without a body. */
  respond?(request: AskedRequest): TestResponse
  /** Makes the store of filters that have one, for the World of a run. Default: one that does not answer. */
  store?(world: HttpWorld): SharedStore
}

const NO_STORE: SharedStore = {
  run: () => null,
  append: (_key, _entry, _most, _within, told) => told(null, 'there is no store'),
  follow: () => ({ close() {}, describe: () => ({}) }),
  describe: () => ({}),
}

/** The outcome of a run. */
export interface FilterRun {
  /** The difference from the plain run: `requests split at 7`, `wait 1 late`. */
  readonly way: string
  /** The responses that the clients received, in the order of the requests. */
  readonly got: readonly GotResponse[]
  /** The requests that the backend received. */
  readonly asked: readonly AskedRequest[]
  /** Failures of filters: `NAME: MESSAGE`. */
  readonly failures: readonly string[]
  /** The lines of the process log. */
  readonly log: readonly string[]
  /**
   * The violations of the properties of spec/filters.md: a wait that does not end, a state that is not
   * released once, bytes or tasks that are left, a body that depends on how it was split.
   */
  readonly problems: readonly string[]
}

export interface ExploreOptions {
  /** The most places at which messages of each side are split. Default 100. */
  readonly splitsMax?: number
  /** The most waits, and the most tasks, that are tried one by one. Default 20. */
  readonly waitsMax?: number
}

const listOf = <T extends object>(value: T | readonly T[]): readonly T[] =>
  Array.isArray(value) ? (value as readonly T[]) : [value as T]

/** Runs a test once, without any fault. */
export const tryFilter = async (test: FilterTest): Promise<FilterRun> => (await run(test, {}, 'plain')).result

/**
 * Runs a test in all ways: plain; with the messages of clients and of the backend split at each place, and
 * sent byte by byte; with each wait of a filter late, and cancelled by a client that leaves; and with each
 * task failing. Returns all runs, the plain one first.
 */
export async function exploreFilter(
  test: FilterTest,
  { splitsMax = 100, waitsMax = 20 }: ExploreOptions = {},
): Promise<FilterRun[]> {
  const plain = await run(test, {}, 'plain')
  const runs = [plain.result]
  const { sent, waits, tasks } = plain
  const same = async (way: Way, name: string): Promise<void> => {
    const { result } = await run(test, way, name)
    const differs = difference(plain.result, result)
    runs.push(differs === '' ? result : { ...result, problems: [...result.problems, `X3: ${differs}`] })
  }
  for (const split of ['requests', 'responses'] as const)
    for (const splitAt of placesIn(sent[split], splitsMax))
      await same({ split, splitAt }, `${split} split at ${splitAt}`)
  await same({ byByte: true }, 'byte by byte')
  for (let wait = 1; wait <= Math.min(waits, waitsMax); wait++)
    for (const waitEnds of ['late', 'cancelled'] as const)
      runs.push((await run(test, { wait, waitEnds }, `wait ${wait} ${waitEnds}`)).result)
  for (let failingTask = 1; failingTask <= Math.min(tasks, waitsMax); failingTask++)
    runs.push((await run(test, { failingTask }, `task ${failingTask} fails`)).result)
  return runs
}

/** Returns all places in a message of this many bytes, or at most `most` of them. */
function placesIn(bytes: number, most: number): number[] {
  const all = Math.max(0, bytes - 1)
  const count = Math.min(all, most)
  return Array.from({ length: count }, (_, at) => 1 + Math.floor((at * all) / count))
}

/** Returns the difference of a run from the plain one; '' without one. */
function difference(plain: FilterRun, other: FilterRun): string {
  const [a, b] = [plain, other].map(({ got, asked }) => JSON.stringify({ got, asked }))
  if (a === b) return ''
  let at = 0
  while (a[at] === b[at]) at++
  return `it makes a difference: ${b.slice(Math.max(0, at - 20), at + 60)}, and not ${a.slice(Math.max(0, at - 20), at + 60)}`
}

async function run(test: FilterTest, way: Way, name: string) {
  const network = new FilterNetwork(way, (request) => test.respond?.(request) ?? {})
  const surroundings = new Surroundings(network, test.store?.(network.world) ?? NO_STORE)
  const uses = listOf(test.filters).map((each, at) => surroundings.use(each, at))
  network.serve(uses)
  const requests = listOf(test.requests ?? {})
  const got: GotResponse[] = []
  if (test.atOnce === true) got.push(...(await network.askAll(requests)))
  else for (const each of requests) got.push(await network.ask(each))
  const { asked, failures, problems, sent, waits } = network
  const { tasks } = network.pollset
  await network.end(() => surroundings.closeStore())
  surroundings.end(problems)
  const result: FilterRun = { way: name, got, asked, failures, log: surroundings.log, problems }
  return { result, sent, waits, tasks }
}

/** The surroundings of filters, as given by a server. */
class Surroundings {
  readonly log: string[] = []
  private readonly network: FilterNetwork
  private readonly watches: FilterWatch[] = []
  private readonly store: SharedStore
  private readonly uses: FilterUse[] = []
  private readonly states = new Map<string, object>()
  private readonly pools: TaskPool[] = []
  private readonly hashing: TaskPool
  private readonly coding: TaskPool
  private readonly passwords = new PasswordThreads()
  private readonly threads = new ThreadShare(poolThreads({}))

  constructor(network: FilterNetwork, store: SharedStore) {
    this.network = network
    this.store = store
    this.hashing = this.pool({ name: 'hash', concurrencyMax: 2, queueMax: 100 })
    this.coding = this.pool({ name: 'coding', concurrencyMax: 2, queueMax: 100 })
  }

  private pool(options: ConstructorParameters<typeof TaskPool>[1]): TaskPool {
    const made = new TaskPool(this.network.pollset, options)
    this.pools.push(made)
    return made
  }

  /** Makes the filter of this use. Throws an error that explains wrong options. */
  use({ filter: definition, options = {} }: TestedFilter, at: number): FilterUse {
    const { name } = definition
    const { world, proxy } = this.network
    const read = readModuleOptions(
      {
        file: name,
        written: name,
        version: '',
        options: options as never,
        onFailure: null,
        path: [],
        places: {},
        folder: '.',
      },
      { file: '', line: 0, column: 0 },
      definition,
      { env: {}, secretKey: null, backends: ['backend'], stores: ['store'] },
    )
    if (read.errors.length > 0)
      throw new Error(read.errors.map(({ path, message }) => `${name}.${path} ${message}`).join('\n'))
    const state = <T extends object>(key: string, make: () => T): T => {
      const id = `${at}\0${key}`
      const found = (this.states.get(id) as T | undefined) ?? make()
      this.states.set(id, found)
      return found
    }
    const context: FilterContext = {
      name,
      identity: `${name}.${at}`,
      store: () => this.store,
      world,
      state,
      tasks: (bounds) => state(`tasks ${bounds.name}`, () => this.pool(bounds)),
      hashing: this.hashing,
      passwords: this.passwords,
      coding: this.coding,
      threads: this.threads,
      hashesPerClientMax: filterLimits.hashesPerClientMax,
      backend: (wanted) => proxy.backends.find((each) => each.name === wanted) ?? null,
      guard: (act) => act(),
      tell: (level, message) => void this.log.push(`${level} ${name}: ${message}`),
    }
    const watch = new FilterWatch()
    this.watches.push(watch)
    const use: FilterUse = {
      name,
      filter: watch.watched(definition.create(read.options as never, context)),
      onFailure: definition.onFailure ?? 'refuse',
    }
    this.uses.push(use)
    return use
  }

  /** Closes the store, which may work on without end. */
  closeStore(): void {
    this.store.close?.()
  }

  /** Releases everything, and adds the problems found. */
  end(problems: string[]): void {
    for (const each of this.watches) {
      each.end()
      problems.push(...each.problems)
    }
    for (const { options, waiting } of this.pools)
      if (waiting > 0) problems.push(`X1: ${waiting} tasks of ${options.name} wait at the end`)
    for (const { filter } of this.uses) filter.close?.()
    for (const each of this.states.values()) (each as { close?(): void }).close?.()
    this.passwords.end()
  }
}
