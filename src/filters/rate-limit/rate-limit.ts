// rateLimit: limits the rate of requests, by key. A request that comes too early is refused with 429, or held
// until its time has come. Counts are kept under the filter's name: routes that name it share them, and a
// reload keeps them. A store counts for several processes: a request is suspended until it has answered.
// While it does not, each process lets a share of the limit pass by itself.

import { SETTLED } from '../../pollset/index.js'
import {
  type ExchangeView,
  type FieldLine,
  type Filter,
  PASS,
  RATE_LIMITED,
  type RequestPhase,
  type ResponsePhase,
  type Verdict,
} from '../../proxy/index.js'
import { defineFilter, type FilterContext } from '../define.js'
import { keyReader, keyText } from '../request-key.js'
import type { StoreQuestion } from '../store.js'
import { checkStore } from '../store-option.js'
import { type Bucket, Buckets, type Rate } from './buckets.js'
import { type RateLimitOptions, rateLimitOptions } from './options.js'
import { type Counted, SharedBuckets } from './shared-buckets.js'

const PENDING = 1_000
const ENTRIES = 100_000
/** The ms behind the deadline of a question at which its wait ends by itself. */
const BEHIND_MS = 1_000

/** The state of an exchange. */
interface Held {
  /** The question that it waits for; null without one. */
  question: StoreQuestion | null
  /** True while it is held until its time has come. */
  isHeld: boolean
  /** The bucket in which it is counted while it is held; null if a store counts it. */
  bucket: Bucket | null
  /** The number of the request in its bucket, if it is held; otherwise 0. */
  order: number
  /** The time of its count, in ms of the pollset's clock. */
  since: number
  /** The value of RateLimit; '' for none. */
  told: string
}

export class RateLimitFilter implements Filter<Held> {
  private readonly rate: Rate
  /** The part of the rate that this process lets pass by itself. */
  private readonly ownRate: Rate
  private readonly cost: number
  private readonly delayMs: number
  private readonly pending: number
  private readonly entries: number
  private readonly fields: 'refusals' | 'all' | 'none'
  private readonly shadow: boolean
  private readonly keyOf: (x: ExchangeView) => string
  private readonly buckets: Buckets
  private readonly shared: SharedBuckets | null
  private readonly name: string
  private readonly policy: string

  constructor(options: RateLimitOptions, context: FilterContext) {
    const { requests, windowMs } = options.limit
    this.rate = { perMs: requests / windowMs, burst: options.burst ?? requests }
    this.cost = options.cost ?? 1
    const { perMs, burst } = this.rate
    const share = options.store?.share ?? 1
    this.ownRate = { perMs: perMs * share, burst: Math.max(this.cost, burst * share) }
    this.delayMs = options.delay ?? 0
    this.pending = options.pending ?? PENDING
    this.entries = options.entries ?? ENTRIES
    this.fields = options.fields ?? 'refusals'
    this.shadow = options.shadow ?? false
    this.keyOf = keyReader(options.key)
    this.buckets = context.state(JSON.stringify([keyText(options.key), windowMs]), () => new Buckets())
    this.shared =
      options.store === undefined ? null : new SharedBuckets(options.store, options.key, windowMs, context)
    this.name = quoted(context.name)
    // `w` is a whole number of seconds.
    const window = windowMs % 1_000 === 0 ? `;w=${windowMs / 1_000}` : ''
    this.policy = `${this.name};q=${requests}${window}`
  }

  begin(): Held {
    return { question: null, isHeld: false, bucket: null, order: 0, since: 0, told: '' }
  }

  request(x: RequestPhase, s: Held): Verdict {
    if (s.isHeld) return this.goesOn(x, s)
    const { shared } = this
    return shared === null ? this.countHere(x, s, this.mostMs) : this.ask(x, s, shared)
  }

  /** The ms for which one more request may be held. */
  private get mostMs(): number {
    return this.shadow || this.buckets.held >= this.pending ? 0 : this.delayMs
  }

  /** Asks the store, and waits for its answer. */
  private ask(x: RequestPhase, s: Held, shared: SharedBuckets): Verdict {
    s.question ??= shared.ask(this.keyOf(x), this.rate, this.cost, this.mostMs)
    const { question } = s
    if (question === null) return this.countAlone(x, s, this.mostMs)
    // The question settles when it is late: this wait ends long behind it.
    if (!question.isSettled)
      return x.waitFor(question.settled, SETTLED, { within: shared.timeoutMs + BEHIND_MS })
    s.question = null
    const counted = shared.read(question)
    if (counted === null) return this.countAlone(x, s, this.mostMs)
    return this.follow(x, s, counted, this.rate)
  }

  /** Its wait for the store was late: it cannot wait again. */
  late(x: RequestPhase, s: Held): Verdict {
    s.question = null
    return this.countAlone(x, s, 0)
  }

  /** Counts without the store. */
  private countAlone(x: RequestPhase, s: Held, mostMs: number): Verdict {
    this.buckets.counts.alone++
    x.note('alone', true)
    return this.countHere(x, s, mostMs)
  }

  private countHere(x: RequestPhase, s: Held, mostMs: number): Verdict {
    const { buckets, ownRate: rate, cost } = this
    const bucket = buckets.find(this.keyOf(x), x.now, this.entries)
    const waitMs = bucket.waitMs(x.now, rate, cost)
    const passes = waitMs <= mostMs
    if (passes) bucket.add(x.now, rate, cost)
    if (passes && waitMs > 0) {
      s.bucket = bucket
      s.order = bucket.last
    }
    return this.follow(x, s, { passes, waitMs, level: bucket.levelAt(x.now, rate) }, rate)
  }

  /** Lets the request pass, holds or refuses it, as it was counted. */
  private follow(x: RequestPhase, s: Held, counted: Counted, rate: Rate): Verdict {
    const { buckets } = this
    const { passes, waitMs } = counted
    if (!passes) {
      if (!this.shadow) return this.refuse(x, counted, rate)
      x.note('limited', true)
      buckets.counts.passed++
      return PASS
    }
    if (this.fields === 'all') s.told = this.told(counted, rate)
    if (waitMs === 0) {
      buckets.counts.passed++
      return PASS
    }
    s.isHeld = true
    s.since = x.now
    buckets.held++
    buckets.counts.held++
    return x.pause(waitMs)
  }

  /** Lets the request go on, since its time has come. */
  private goesOn(x: RequestPhase, s: Held): Verdict {
    s.order = 0
    s.isHeld = false
    s.bucket = null
    this.buckets.held--
    x.note('heldMs', x.now - s.since)
    return PASS
  }

  private refuse(x: RequestPhase, counted: Counted, rate: Rate): Verdict {
    const { waitMs } = counted
    this.buckets.counts.refused++
    const fields: FieldLine[] = [['retry-after', String(Math.max(1, Math.ceil(waitMs / 1_000)))]]
    if (this.fields !== 'none')
      fields.push(['ratelimit-policy', this.policy], ['ratelimit', this.told(counted, rate)])
    return x.refuse(RATE_LIMITED, { fields })
  }

  /**
   * Returns the value of RateLimit (draft-ietf-httpapi-ratelimit-headers): the remaining requests, and the
   * seconds until all are available.
   */
  private told({ level }: Counted, rate: Rate): string {
    const left = Math.max(0, Math.floor(rate.burst - level + 1e-6))
    return `${this.name};r=${left};t=${Math.ceil(level / rate.perMs / 1_000)}`
  }

  response(x: ResponsePhase, s: Held): Verdict {
    if (s.told === '') return PASS
    x.fields.append('ratelimit-policy', this.policy)
    x.fields.append('ratelimit', s.told)
    return PASS
  }

  /**
   * Releases a request. A client that leaves while it is held gives its place back, if nobody
   * has come after it.
   */
  release(s: Held): void {
    if (!s.isHeld) return
    const { bucket } = s
    s.isHeld = false
    s.bucket = null
    this.buckets.held--
    if (bucket !== null && s.order === bucket.last) bucket.takeBack(this.ownRate, this.cost)
  }

  events() {
    return this.buckets.counts
  }

  describe() {
    const { buckets, shared } = this
    const store = shared === null ? {} : { store: shared.store.describe() }
    return { ...buckets.counts, keys: buckets.size, holds: buckets.held, ...store }
  }
}

/** A string of structured fields (RFC 9651 §3.3.3). */
const quoted = (text: string): string => `"${text.replace(/[^ -~]/g, '_').replace(/["\\]/g, '\\$&')}"`

export const rateLimit = defineFilter({
  name: 'rateLimit',
  description: 'Limits how many requests come, by key: 429, or a wait.',
  role: 'rate-limit',
  options: rateLimitOptions,
  check({ limit, burst = limit.requests, cost = 1, delay = 0, pending, store }, checks) {
    if (store !== undefined) checkStore(store, 'store', checks)
    if (store?.share === 0)
      checks.error(['store', 'share'], 'each process lets pass at least one request; write a share above 0%')
    if (cost > burst)
      checks.error(['cost'], `a request costs ${cost} and the burst is ${burst}, so none would pass`)
    if (pending !== undefined && delay === 0)
      checks.error(['pending'], 'no request is held without delay; write delay too')
  },
  create: (options, context) => new RateLimitFilter(options, context),
})
