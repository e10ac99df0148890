// rateLimit: limits the rate of requests, by key. A request that comes too early is refused with 429, or held
// until its time has come. Counts are kept under the filter's name: routes that name it share them, and a
// reload keeps them.

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
import { type Bucket, Buckets, type Rate } from './buckets.js'
import { type RateLimitOptions, rateLimitOptions } from './options.js'

const PENDING = 1_000
const ENTRIES = 100_000

/** The state of an exchange. */
interface Held {
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
  private readonly cost: number
  private readonly delayMs: number
  private readonly pending: number
  private readonly entries: number
  private readonly fields: 'refusals' | 'all' | 'none'
  private readonly shadow: boolean
  private readonly keyOf: (x: ExchangeView) => string
  private readonly buckets: Buckets
  private readonly name: string
  private readonly policy: string

  constructor(options: RateLimitOptions, context: FilterContext) {
    const { requests, windowMs } = options.limit
    this.rate = { perMs: requests / windowMs, burst: options.burst ?? requests }
    this.cost = options.cost ?? 1
    this.delayMs = options.delay ?? 0
    this.pending = options.pending ?? PENDING
    this.entries = options.entries ?? ENTRIES
    this.fields = options.fields ?? 'refusals'
    this.shadow = options.shadow ?? false
    this.keyOf = keyReader(options.key)
    this.buckets = context.state(JSON.stringify([keyText(options.key), windowMs]), () => new Buckets())
    this.name = quoted(context.name)
    // `w` is a whole number of seconds.
    const window = windowMs % 1_000 === 0 ? `;w=${windowMs / 1_000}` : ''
    this.policy = `${this.name};q=${requests}${window}`
  }

  begin(): Held {
    return { bucket: null, order: 0, since: 0, told: '' }
  }

  request(x: RequestPhase, s: Held): Verdict {
    const { buckets, rate, cost } = this
    if (s.bucket !== null) return this.goesOn(x, s)
    const bucket = buckets.find(this.keyOf(x), x.now, this.entries)
    const waitMs = bucket.waitMs(x.now, rate, cost)
    if (waitMs > 0) {
      if (this.shadow) {
        x.note('limited', true)
        buckets.counts.passed++
        return PASS
      }
      if (waitMs > this.delayMs || buckets.held >= this.pending) return this.refuse(x, bucket, waitMs)
    }
    bucket.add(x.now, rate, cost)
    if (this.fields === 'all') s.told = this.told(bucket, x.now)
    if (waitMs === 0) {
      buckets.counts.passed++
      return PASS
    }
    s.bucket = bucket
    s.order = bucket.last
    s.since = x.now
    buckets.held++
    buckets.counts.held++
    return x.pause(waitMs)
  }

  /** Lets the request go on, since its time has come. */
  private goesOn(x: RequestPhase, s: Held): Verdict {
    s.order = 0
    this.buckets.held--
    s.bucket = null
    x.note('heldMs', x.now - s.since)
    return PASS
  }

  private refuse(x: RequestPhase, bucket: Bucket, waitMs: number): Verdict {
    this.buckets.counts.refused++
    const fields: FieldLine[] = [['retry-after', String(Math.max(1, Math.ceil(waitMs / 1_000)))]]
    if (this.fields !== 'none')
      fields.push(['ratelimit-policy', this.policy], ['ratelimit', this.told(bucket, x.now)])
    return x.refuse(RATE_LIMITED, { fields })
  }

  /**
   * Returns the value of RateLimit (draft-ietf-httpapi-ratelimit-headers): the remaining requests, and the
   * seconds until all are available.
   */
  private told(bucket: Bucket, now: number): string {
    const { rate } = this
    const level = bucket.levelAt(now, rate)
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
    if (s.bucket === null) return
    this.buckets.held--
    if (s.order === s.bucket.last) s.bucket.takeBack(this.rate, this.cost)
    s.bucket = null
  }

  events() {
    return this.buckets.counts
  }

  describe() {
    const { buckets } = this
    return { ...buckets.counts, keys: buckets.size, holds: buckets.held }
  }
}

/** A string of structured fields (RFC 9651 §3.3.3). */
const quoted = (text: string): string => `"${text.replace(/[^ -~]/g, '_').replace(/["\\]/g, '\\$&')}"`

export const rateLimit = defineFilter({
  name: 'rateLimit',
  description: 'Limits how many requests come, by key: 429, or a wait.',
  role: 'rate-limit',
  options: rateLimitOptions,
  check({ limit, burst = limit.requests, cost = 1, delay = 0, pending }, checks) {
    if (cost > burst)
      checks.error(['cost'], `a request costs ${cost} and the burst is ${burst}, so none would pass`)
    if (pending !== undefined && delay === 0)
      checks.error(['pending'], 'no request is held without delay; write delay too')
  },
  create: (options, context) => new RateLimitFilter(options, context),
})
