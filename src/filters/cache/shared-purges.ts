// Purges that reach the caches of all processes, by a stream of a store. A process that has missed some,
// since the stream was trimmed past it or lost, empties its cache.

import type { Purge } from '../../proxy/index.js'
import type { FilterContext, FilterState } from '../define.js'
import { type SharedStore, type StoreStream, storeUseOf } from '../store.js'
import type { StoreOption } from '../store-option.js'

/** The entries that the stream keeps, about. */
const ENTRIES_MAX = 10_000
/** The ms in which a purge must be written. */
const WITHIN_MS = 2_000

/** Told once: null, or the reason why other processes were not told. */
export type Spread = (why: string | null) => void

/** A cache of a filter. */
export interface PurgedCache {
  purge(what: Purge): number | null
}

export class SharedPurges implements FilterState {
  readonly counts = { heard: 0, emptied: 0 }
  private readonly key: string
  private readonly store: SharedStore
  private readonly stream: StoreStream
  /** Those of one name have one stream. */
  private readonly caches = new Set<PurgedCache>()

  constructor(option: StoreOption, context: FilterContext) {
    this.key = `fermata:purges:${context.identity}`
    this.store = context.store(storeUseOf(option))
    this.stream = this.store.follow(this.key, {
      entry: (text) => this.hears(text),
      missed: () => this.empties(),
    })
  }

  join(cache: PurgedCache): void {
    this.caches.add(cache)
  }

  leave(cache: PurgedCache): void {
    this.caches.delete(cache)
  }

  private hears(text: string): void {
    this.counts.heard++
    const what = readEntry(text)
    // An entry that this version cannot read may be a purge of anything.
    if (what === null) this.empties()
    else for (const cache of this.caches) cache.purge(what)
  }

  private empties(): void {
    this.counts.emptied++
    for (const cache of this.caches) cache.purge({ all: true })
  }

  /** Tells the other processes. */
  spread(what: Purge, told: Spread): void {
    this.store.append(this.key, JSON.stringify(what), ENTRIES_MAX, WITHIN_MS, (id, why) =>
      told(id === null ? why : null),
    )
  }

  close(): void {
    this.stream.close()
  }

  describe() {
    return { ...this.stream.describe(), ...this.counts }
  }
}

/** Returns the shared purges of a cache, which all caches of its name have; null without a store. */
export const sharedPurges = (option: StoreOption | null, context: FilterContext): SharedPurges | null =>
  option === null
    ? null
    : context.state(`purges ${JSON.stringify(storeUseOf(option))}`, () => new SharedPurges(option, context))

function readEntry(text: string): Purge | null {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof read !== 'object' || read === null) return null
  const { url, prefix, tag, all } = read as Readonly<Record<string, unknown>>
  if (typeof url === 'string') return { url }
  if (typeof prefix === 'string') return { prefix }
  if (typeof tag === 'string') return { tag }
  return all === true ? { all } : null
}
