// A fill: a continuation that fetches a response for a cache, and for all requests that want the same thing.
// They wait for its head, and then stream from the stored part as it grows. Its first client is only its
// first reader: a client that leaves, or is slow, delays nobody. Its steps are in fill-steps.ts.

import { Continuation, type World } from '../../continuation/index.js'
import type { StreamFault } from '../../http/index.js'
import { List } from '../../pollset/index.js'
import type { FieldLine, Subrequest } from '../../proxy/index.js'
import { CachedBody } from './body.js'
import { Entry, storedLines, type VaryPair, valueIn } from './entry.js'
import { type Decision, FillReader } from './fill-reader.js'
import { fillSteps } from './fill-steps.js'
import { type FreshnessOptions, judge, type ResponseFacts } from './freshness.js'
import type { CacheStore } from './store.js'

/** The bytes, besides a quarter of the body, up to which a fill without readers is finished. */
const FINISHED_BYTES = 65_536
/** The distance by which a body that is not stored may run ahead of its slowest reader. */
const AHEAD_BYTES = 131_072
/** The most bytes that are taken in one step. */
const STEP_BYTES = 262_144
/** Statuses that `stale-if-error` covers (RFC 5861 §4). */
const isError = (status: number): boolean => status === 500 || (status >= 502 && status <= 504)

export interface FillOptions extends FreshnessOptions {
  /** The most bytes of a stored body. */
  readonly objectBytesMax: number
  readonly ifErrorSeconds: number
  readonly tagField: string
}

export class Fill extends Continuation {
  readonly id: string
  readonly kind = 'fill'
  readonly key: string
  /** Its key in {@link CacheStore.fills}. */
  readonly listedAs: string
  readonly store: CacheStore
  readonly request: Subrequest
  readonly options: FillOptions
  /** The entry that it validates; null for none. */
  readonly before: Entry | null
  /** True if its request has an identity: nobody shares the fill. */
  readonly identified: boolean
  /** The requests that wait for the head. */
  readonly waiting = new List<FillReader>()
  /** The entry that it makes, from the head on; null before. */
  entry: Entry | null
  /** True if nobody needs to want it: a validation in the background. */
  readonly background: boolean
  /** True if the entry was purged or made invalid since it began. */
  isOutdated: boolean
  private readonly world: World
  private readonly valueIn: (name: string) => string
  private readonly beganAt: number
  private readonly generation: number
  private charged: number
  private joined: number
  private handedOn: boolean

  /** @param fieldOf the value of a field in the request that it makes, for Vary; '' without it */
  constructor(
    world: World,
    id: string,
    store: CacheStore,
    key: string,
    listedAs: string,
    request: Subrequest,
    options: FillOptions,
    before: Entry | null,
    identified: boolean,
    background: boolean,
    fieldOf: (name: string) => string,
  ) {
    super(world)
    this.id = id
    this.world = world
    this.store = store
    this.key = key
    this.listedAs = listedAs
    this.request = request
    this.options = options
    this.before = before
    this.identified = identified
    this.background = background
    this.valueIn = fieldOf
    this.entry = null
    this.isOutdated = false
    this.beganAt = world.pollset.now
    this.generation = store.now
    this.charged = 0
    this.joined = 0
    this.handedOn = false
  }

  start(): void {
    this.store.begun(this)
    fillSteps.start(this.world, this, 'awaitHead')
  }

  /** Adds a request that waits for the head. */
  join(): FillReader {
    const reader = new FillReader(`${this.id}.r${++this.joined}`, this)
    if (this.entry !== null) {
      reader.decide('entry')
      return reader
    }
    this.waiting.push(reader)
    return reader
  }

  /** @internal */
  left(reader: FillReader): void {
    this.waiting.remove(reader)
    if (this.waiting.size === 0 && !this.background && this.entry === null) this.cancel()
  }

  private get now(): number {
    return this.world.pollset.now
  }

  /**
   * Judges the head, and tells all waiting requests their decisions. Returns true if a body is to be stored.
   */
  judge(): boolean {
    const { request, options, before, store } = this
    const head = request.head as NonNullable<Subrequest['head']>
    const lines = head.fields.slice(head.pseudos).map(({ name, value }): FieldLine => [name, value])
    const facts: ResponseFacts = {
      status: head.status,
      get: (name) => valueIn(lines, name),
      lines: (name) => lines.flatMap(([each, value]) => (each === name ? [value] : [])),
    }
    const wall = this.world.pollset.wallTime()
    const stored = storedLines((visit) => {
      for (const [name, value] of lines) visit(name, value)
    })
    if (valueIn(stored, 'date') === null) stored.push(['date', new Date(wall).toUTCString()])
    if (before !== null && head.status === 304) return this.validated(before, stored, facts, wall)
    if (before !== null && isError(head.status) && this.mayUseStale(before)) return this.decideAll('stale')
    const freshness = judge(facts, this.identified, options, wall, this.now - this.beganAt)
    const tooLarge = head.contentLength > options.objectBytesMax
    if (request.refusal !== null) return this.decideAll('refused')
    const isStorable = freshness.unstorable === null && !tooLarge && !this.isOutdated
    if (!isStorable || !store.makeRoom(Math.max(0, head.contentLength))) return this.passOn()
    const vary = this.varyOf(facts.get('vary'))
    this.entry = new Entry(
      this.key,
      head.status,
      stored,
      vary,
      new CachedBody(this.id),
      head.contentLength,
      freshness,
      this.now,
      this.generation,
      options.tagField,
    )
    this.decideAll('entry')
    return true
  }

  private varyOf(vary: string | null): readonly VaryPair[] {
    const names = new Set(
      (vary ?? '')
        .split(',')
        .map((name) => name.trim().toLowerCase())
        .filter((name) => name !== ''),
    )
    return [...names].sort().map((name): VaryPair => [name, this.valueIn(name)])
  }

  private validated(before: Entry, stored: readonly FieldLine[], facts: ResponseFacts, wall: number): false {
    const { options, store } = this
    const merged: ResponseFacts = {
      status: before.status,
      get: (name) => facts.get(name) ?? valueIn(before.fields, name),
      lines: facts.lines,
    }
    const freshness = judge(merged, this.identified, options, wall, this.now - this.beganAt)
    store.change(before, () => before.validated(stored, freshness, this.now, options.tagField))
    if (freshness.unstorable !== null || this.isOutdated) store.remove(before)
    store.counts.validated++
    return this.decideAll('validated')
  }

  /** Returns true if a stale entry may be used in place of an error. */
  mayUseStale(entry: Entry): boolean {
    return entry.freshFor(this.now) + entry.staleFor('ifError', this.options.ifErrorSeconds) > 0
  }

  /** Gives the response, which cannot be stored, to one reader. The others go on at once. */
  private passOn(): false {
    if (!this.identified) this.store.noteUncollapsible(this.key, this.now)
    if (this.before !== null) this.store.remove(this.before)
    const first = this.waiting.shift()
    if (first !== null) {
      this.handedOn = true
      first.decide('own')
    }
    return this.decideAll('pass')
  }

  /** Is told that the reader that was to take the response has left. @internal */
  disown(): void {
    this.request.leave()
  }

  /** Gives all waiting requests this decision. Returns false: nothing is stored. */
  decideAll(decision: Decision): false {
    for (let each = this.waiting.shift(); each !== null; each = this.waiting.shift()) each.decide(decision)
    return false
  }

  /** Takes the bytes that have come. Returns false if they are more than may be stored. */
  take(stored: boolean): boolean {
    const { request, store } = this
    const { body, length } = this.entry as Entry
    const { objectBytesMax } = this.options
    let left = STEP_BYTES
    while (request.waitingBytes > 0 && left > 0) {
      if (!stored && body.bytes - body.slowest >= AHEAD_BYTES) break
      const wanted = length > body.bytes ? length - body.bytes : request.waitingBytes
      const { chunk, at, room } = body.space(wanted)
      const taken = request.take(chunk, at, room)
      body.filled(taken)
      left -= taken
      if (stored && body.bytes > objectBytesMax) return false
    }
    store.fillingBytes += body.allocated - this.charged
    this.charged = body.allocated
    if (stored && !store.makeRoom(0)) return false
    body.tell()
    return true
  }

  /** True if nobody reads it, and much of it is missing: it is not worth its traffic. */
  get isUnwanted(): boolean {
    const { body, length } = this.entry as Entry
    if (this.background || body.readers.size > 0) return false
    const missing = length < 0 ? Number.POSITIVE_INFINITY : length - body.bytes
    return missing > FINISHED_BYTES && missing > length / 4
  }

  /** Removes it from the store: present readers read on, and newcomers do not find it. */
  unlist(): void {
    this.store.unlistFill(this)
    if (!this.identified) this.store.noteUncollapsible(this.key, this.now)
  }

  /** Completes the entry after the whole body has come. */
  complete(): void {
    const { entry, store } = this
    if (entry === null) return
    this.uncharge()
    entry.body.end()
    if (!this.isOutdated) store.add(entry)
  }

  /** Handles a failure before its head, or after it. */
  failed(): void {
    const { before } = this
    if (this.entry !== null) {
      this.entry.body.end(this.request.fault)
      return
    }
    this.decideAll(before !== null && this.mayUseStale(before) ? 'stale' : 'pass')
  }

  private uncharge(): void {
    this.store.fillingBytes -= this.charged
    this.charged = 0
  }

  /** Releases everything. */
  ended(): void {
    const { store } = this
    store.ended(this)
    this.uncharge()
    if (!this.handedOn) this.request.leave()
    if (this.entry !== null && !this.entry.body.complete && this.entry.body.fault === null)
      this.entry.body.end(ABANDONED)
    this.decideAll('pass')
  }

  crashed(): void {
    this.ended()
  }

  override describe() {
    const { key, entry, waiting, before } = this
    return {
      key: key.slice(0, 256),
      readers: entry?.body.readers.size ?? 0,
      waiting: waiting.size,
      bytes: entry?.body.bytes ?? 0,
      validates: before !== null,
    }
  }
}

const ABANDONED: StreamFault = {
  code: 'fill-abandoned',
  side: 'internal',
  scope: 'stream',
  retry: 'never',
  message: 'the response was no longer fetched',
}
