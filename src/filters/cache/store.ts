// The entries of a cache, and its running fills, bounded in bytes. Entries of one key differ by the fields
// that Vary names. The least recently used key is dropped first. A purge by tag raises a generation: it costs
// the same for one entry and for a million.

import { LRUCache } from 'lru-cache'
import type { FilterState } from '../define.js'
import { type Entry, fits, type VaryPair } from './entry.js'
import type { Fill } from './fill.js'
import { urlOfKey } from './key.js'
import { RecentlyUsed } from './recently-used.js'

/** The most entries of one key. The oldest is dropped. */
const VARIANTS_MAX = 32
/** The ms for which a key is remembered whose response could not be stored, and the number of such keys. */
const UNCOLLAPSIBLE_MS = 120_000
const UNCOLLAPSIBLE_MAX = 10_000
/** The most tags whose purge is remembered. Past it the cache is emptied. */
const TAGS_MAX = 10_000

/** Counts of a cache since it began. */
export interface CacheCounts {
  hits: number
  misses: number
  stale: number
  validated: number
  collapsed: number
  passed: number
  stored: number
  evicted: number
}

/** The entries of one key, the newest first. */
class Variants {
  readonly entries: Entry[] = []
  get size(): number {
    let size = 128
    for (const each of this.entries) size += each.size
    return size
  }
}

export class CacheStore implements FilterState {
  readonly counts: CacheCounts = {
    hits: 0,
    misses: 0,
    stale: 0,
    validated: 0,
    collapsed: 0,
    passed: 0,
    stored: 0,
    evicted: 0,
  }
  /** The fills that newcomers join, by key and by the fields known to vary. */
  readonly fills = new Map<string, Fill>()
  /** All fills that run, also those that no newcomer joins. */
  private readonly running = new Set<Fill>()
  /** The bytes of fills, besides those of entries. */
  fillingBytes = 0
  private memoryMax: number
  private readonly kept = new RecentlyUsed<Variants>((key) => this.unlist(key))
  private readonly uncollapsible: LRUCache<string, number>
  private readonly purged = new Map<string, number>()
  /** The keys of each URL. */
  private readonly byUrl = new Map<string, Set<string>>()
  private generation = 0

  readonly id: string
  private fillsBegun = 0

  constructor(id: string, memoryMax: number) {
    this.id = id
    this.memoryMax = memoryMax
    this.uncollapsible = new LRUCache<string, number>({ max: UNCOLLAPSIBLE_MAX })
  }

  /** Returns the id of the next fill: `c1/f3`. */
  nextFill(): string {
    return `${this.id}/f${++this.fillsBegun}`
  }

  /** The number of fills that run. */
  get fillCount(): number {
    return this.running.size
  }

  /** A fill begins: newcomers join it from now on. */
  begun(fill: Fill): void {
    this.fills.set(fill.listedAs, fill)
    this.running.add(fill)
  }

  /** Newcomers join this fill no longer. */
  unlistFill(fill: Fill): void {
    if (this.fills.get(fill.listedAs) === fill) this.fills.delete(fill.listedAs)
  }

  /** A fill has ended. */
  ended(fill: Fill): void {
    this.unlistFill(fill)
    this.running.delete(fill)
  }

  /** The bytes that it takes. */
  bytes = 0

  /** Changes the bound, after a reload. */
  resize(memoryMax: number): void {
    this.memoryMax = memoryMax
    this.makeRoom(0)
  }

  /** The number of new entries: a purge of a tag is newer or older. */
  get now(): number {
    return this.generation
  }

  /** Returns the entry that fits this request, or null. @param fieldOf the request's value of a field */
  find(key: string, fieldOf: (name: string) => string): Entry | null {
    const variants = this.kept.get(key)
    if (variants === undefined) return null
    for (const entry of variants.entries) {
      if (!fits(entry.vary, fieldOf)) continue
      if (!this.isPurged(entry)) return entry
      this.remove(entry)
      return null
    }
    return null
  }

  /** Returns true if there are entries of this key. All of them may vary. */
  has(key: string): boolean {
    return this.kept.peek(key) !== undefined
  }

  /** Returns the names that responses of this key vary by. */
  varyOf(key: string): readonly string[] {
    const names = new Set<string>()
    for (const { vary } of this.kept.peek(key)?.entries ?? []) for (const [name] of vary) names.add(name)
    return [...names].sort()
  }

  /** Stores an entry in place of the one with the same variant. */
  add(entry: Entry): void {
    const { key } = entry
    const known = this.kept.get(key)
    const variants = known ?? new Variants()
    const before = known?.size ?? 0
    const same = variants.entries.findIndex((each) => sameVary(each.vary, entry.vary))
    if (same >= 0) variants.entries.splice(same, 1)
    variants.entries.unshift(entry)
    if (variants.entries.length > VARIANTS_MAX) variants.entries.length = VARIANTS_MAX
    if (known === undefined) this.kept.add(key, variants)
    this.list(key)
    this.bytes += variants.size - before
    this.counts.stored++
    this.uncollapsible.delete(key)
    this.makeRoom(0)
  }

  /** Changes a stored entry, whose size may change with it. */
  change(entry: Entry, change: () => void): void {
    const isStored = this.kept.peek(entry.key)?.entries.includes(entry) === true
    const before = entry.size
    change()
    if (isStored) this.bytes += entry.size - before
  }

  remove(entry: Entry): void {
    const variants = this.kept.peek(entry.key)
    const at = variants?.entries.indexOf(entry) ?? -1
    if (variants === undefined || at < 0) return
    this.bytes -= variants.size
    variants.entries.splice(at, 1)
    if (variants.entries.length === 0) this.kept.delete(entry.key)
    else this.bytes += variants.size
  }

  /** Drops entries until this many more bytes fit. Returns false if they cannot fit. */
  makeRoom(bytes: number): boolean {
    while (this.bytes + this.fillingBytes + bytes > this.memoryMax) {
      const variants = this.kept.pop()
      if (variants === undefined) return false
      this.bytes -= variants.size
      this.counts.evicted++
    }
    return true
  }

  /** Notes that responses of this key cannot be stored: for a time, requests for it go on in parallel. */
  noteUncollapsible(key: string, now: number): void {
    this.uncollapsible.set(key, now + UNCOLLAPSIBLE_MS)
  }
  /** Notes that a response of this key could be stored. */
  noteStorable(key: string): void {
    this.uncollapsible.delete(key)
  }
  isUncollapsible(key: string, now: number): boolean {
    return (this.uncollapsible.peek(key) ?? 0) > now
  }

  /**
   * Makes the responses of this URL, of all routes and variants, invalid: they must be validated
   * before further use.
   */
  invalidate(url: string): void {
    for (const key of this.byUrl.get(url) ?? [])
      for (const each of this.kept.peek(key)?.entries ?? []) each.invalid = true
    this.outdate((each) => each === url)
  }

  /** Removes the entries of keys whose URL is this one, or begins with it. Returns their number. */
  purgeUrl(url: string, isPrefix: boolean): number {
    let count = 0
    const urls = isPrefix ? [...this.byUrl.keys()].filter((each) => each.startsWith(url)) : [url]
    for (const each of urls) for (const key of [...(this.byUrl.get(each) ?? [])]) count += this.drop(key)
    this.outdate((each) => (isPrefix ? each.startsWith(url) : each === url))
    return count
  }

  /** Outdates the fills of these URLs: they serve the present waiters, and no newcomers. */
  private outdate(isMeant: (url: string) => boolean): void {
    for (const fill of this.running) {
      if (!isMeant(urlOfKey(fill.key))) continue
      fill.isOutdated = true
      this.unlistFill(fill)
    }
  }

  /** Removes the entries with this tag, when they are next asked for. */
  purgeTag(tag: string): void {
    this.generation++
    this.purged.delete(tag)
    this.purged.set(tag, this.generation)
    // The tags of a response are known with its head. A fill that began before may fetch what is purged.
    for (const fill of this.running)
      if (fill.entry === null || fill.entry.tags.includes(tag)) this.unlistFill(fill)
    if (this.purged.size > TAGS_MAX) this.clear()
  }

  /** Removes everything. */
  clear(): number {
    let count = 0
    for (const key of [...this.kept.keys()]) count += this.drop(key)
    this.purged.clear()
    this.outdate(() => true)
    return count
  }

  private list(key: string): void {
    const url = urlOfKey(key)
    const keys = this.byUrl.get(url)
    if (keys === undefined) this.byUrl.set(url, new Set([key]))
    else keys.add(key)
  }

  private unlist(key: string): void {
    const url = urlOfKey(key)
    const keys = this.byUrl.get(url)
    keys?.delete(key)
    if (keys?.size === 0) this.byUrl.delete(url)
  }

  private drop(key: string): number {
    const variants = this.kept.peek(key)
    if (variants === undefined) return 0
    this.bytes -= variants.size
    this.kept.delete(key)
    return variants.entries.length
  }

  private isPurged({ tags, generation }: Entry): boolean {
    if (this.purged.size === 0) return false
    return tags.some((tag) => (this.purged.get(tag) ?? 0) > generation)
  }

  get entries(): number {
    return this.kept.size
  }

  close(): void {
    for (const fill of [...this.running]) fill.cancel()
    this.clear()
  }
}

const sameVary = (a: readonly VaryPair[], b: readonly VaryPair[]): boolean =>
  a.length === b.length && a.every(([name, value], at) => b[at][0] === name && b[at][1] === value)
