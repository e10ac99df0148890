// Filters of a run that suspend exchanges: those of the box, and those of filters/kinds.ts. They are made and
// replaced by the code of the server, so what they keep outlives the reloads of a run. Requests of the ledger
// pass one list of them, readers two others: with a cache, and with tokens.

import type { FilterConfig } from '../../src/config/index.js'
import { filterLimits } from '../../src/filters/index.js'
import type { Prng } from '../../src/pollset/index.js'
import type { FilterUse, Purge, ReverseProxy } from '../../src/proxy/index.js'
import { Filters, type Purged } from '../../src/server/filters.js'
import { kindsOf, type Watch } from './filters/kinds.js'
import { KEYS_PATH, STORE_URL, VERIFY_PATH } from './filters/services.js'
import { ISSUER } from './filters/tokens.js'
import type { Plan } from './plan.js'
import type { ProcessStore } from './stores/process.js'

/** The filters of a run let pass what they cannot judge in time. */
const PASSING = new Set(['calls', 'twist', 'compress', 'cache'])

/** The list of each route. */
export interface Lists {
  /** Of requests that the ledger knows. */
  readonly all: readonly FilterUse[]
  /** Of readers: what is cached, and what tokens protect. */
  readonly cached: readonly FilterUse[]
  readonly protected: readonly FilterUse[]
}

const config = (kind: string, options: unknown): FilterConfig => ({
  name: kind,
  kind,
  identity: kind,
  options,
  onFailure: PASSING.has(kind) ? 'pass' : 'refuse',
  source: { file: '', line: 0, column: 0 },
})

export class SimFilters {
  lists: Lists | null = null
  private readonly filters: Filters
  private readonly chance: Prng
  /** For what was added later: the plans of earlier seeds stay. */
  private readonly more: Prng
  private readonly copies: string
  private readonly store: ProcessStore | null
  private version = 0

  /**
   * @param copies the name of the backend that gets copies
   * @param store the store of its process; null without one
   */
  constructor(
    proxy: ReverseProxy,
    chance: Prng,
    more: Prng,
    copies: string,
    watch: Watch,
    store: ProcessStore | null,
  ) {
    this.chance = chance
    this.more = more
    this.store = store
    this.copies = copies
    this.filters = new Filters(proxy, { repeated: () => true }, filterLimits, kindsOf(watch), store?.storeOf)
    this.reload()
  }

  /** Draws other options for all filters, of the same names. */
  reload(): void {
    const { chance } = this
    const version = ++this.version
    const prepared = this.filters.prepare()
    const use = (kind: string, options: unknown): FilterUse => prepared.use(config(kind, options))
    const key = chance.chance(70) ? [{ kind: 'address', name: '' }] : [{ kind: 'route', name: '' }]
    const limit = {
      limit: { requests: chance.between(1, 20), windowMs: 100 },
      burst: chance.between(1, 10),
      delay: chance.between(0, 400),
      pending: chance.between(1, 20),
      key,
    }
    const rateLimit = use('rateLimit', { ...limit, ...this.counting(limit) })
    const box = [
      rateLimit,
      use('inFlight', {
        most: chance.between(1, 5),
        pending: chance.between(1, 20),
        wait: chance.between(1, 400),
        key,
      }),
      use('fault', { delay: { time: chance.between(1, 100), percent: chance.below(101) / 100 } }),
      use('mirror', {
        backend: this.copies,
        percent: chance.below(101) / 100,
        body: chance.below(5_000),
        most: chance.between(1, 10),
      }),
    ]
    const own = Object.fromEntries(
      ['gate', 'calls', 'asks', 'twist'].map((kind) => [kind, use(kind, { version })]),
    )
    const external = use('externalAuth', {
      backend: STORE_URL,
      path: VERIFY_PATH,
      take: ['x-user'],
      timeout: chance.between(20, 300),
    })
    const buffer = use('buffer', {
      request: chance.between(1, 200_000),
      // Many responses are larger than that, and are refused.
      response: this.more.chance(50) ? this.more.between(1, 300) : chance.between(1, 200_000),
      wait: chance.between(50, 500),
    })
    const compress = use('compress', { minimum: 20, flush: chance.below(15) })
    const cache = use('cache', {
      memory: 1_048_576,
      collapse: 200,
      stale: { whileRevalidate: 1_000, ifError: 1_000 },
      ...(this.store === null ? {} : { purges: this.store.option }),
    })
    const jwt = use('jwt', {
      issuer: ISSUER,
      algorithms: ['EdDSA'],
      jwks: { backend: STORE_URL, path: KEYS_PATH, host: 'id.sim', refresh: 1_000 },
      claims: { 'x-user': 'sub' },
    })
    const some = this.shuffled([...box, own.gate, own.calls, own.asks, own.twist, external, buffer]).slice(
      0,
      chance.between(1, 10),
    )
    // The innermost one meets a response in the step that takes it.
    const innermost = this.more.chance(30) ? [buffer] : []
    const lists = {
      all: [...some.filter((each) => !innermost.includes(each)), ...innermost],
      cached: [
        ...(this.store === null ? [] : [rateLimit]),
        ...[compress, own.gate, own.calls, cache, own.asks, own.twist],
      ],
      protected: [compress, jwt, external, buffer, own.calls, own.twist, own.gate],
    }
    // A configuration may turn out wrong after its filters were made.
    if (this.lists !== null && chance.chance(20)) {
      prepared.abandon()
      return
    }
    prepared.commit()
    this.lists = lists
  }

  /** Returns the option by which a store counts; nothing where this process counts by itself. */
  private counting(limit: {
    readonly limit: { readonly requests: number; readonly windowMs: number }
    readonly burst: number
    readonly delay: number
  }): object {
    const { store, more } = this
    if (store === null) return {}
    // 0: this process counts alone, and all of the limit.
    const share = more.chance(15) ? 0 : more.between(1, 100) / 100
    const { requests, windowMs } = limit.limit
    store.configured(limit.burst, requests / windowMs, limit.delay, share === 0 ? 1 : share)
    if (share === 0) return {}
    return { store: { ...store.option, timeout: store.timeoutMs, share } }
  }

  /** Purges the cache of this process; null if it has none. */
  purge(what: Purge): Purged | null {
    return this.filters.purge('cache', what)
  }

  private shuffled<T>(all: readonly T[]): T[] {
    const left = [...all]
    return all.map(() => left.splice(this.chance.below(left.length), 1)[0])
  }

  /** The states that they keep. */
  get kept(): Iterable<object> {
    return (this.filters as unknown as { readonly states: ReadonlyMap<string, object> }).states.values()
  }

  close(): void {
    this.filters.close()
  }
}

/** Returns when the filters of a run are reloaded, in ms from its beginning. */
export const reloadTimes = (plan: Plan, chance: Prng): number[] =>
  Array.from({ length: chance.below(5) }, () => chance.below(plan.runMs))
