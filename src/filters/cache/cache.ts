// The cache of responses (RFC 9111). It answers from stored responses, or makes a fill fetch the
// response, for all requests that want the same thing at once. Filters to its right are inside: their
// changes are stored.

import {
  type ExchangeView,
  type FieldLine,
  type Filter,
  PASS,
  type Purge,
  type Refusal,
  type RequestPhase,
  type ResponsePhase,
  type Verdict,
} from '../../proxy/index.js'
import { defineFilter, type FilterContext } from '../define.js'
import { checkStore } from '../store-option.js'
import { CacheAnswers } from './cache-answers.js'
import { type Directives, directivesOf, secondsOf } from './directives.js'
import { type Entry, fits } from './entry.js'
import { type CacheState, forwardStatus, hitStatus, newState } from './exchange-state.js'
import { Fill, type FillOptions } from './fill.js'
import { isNotFilled } from './fill-fields.js'
import { DECIDED, type FillReader } from './fill-reader.js'
import { judge } from './freshness.js'
import { type KeyOptions, keyOf, urlOf } from './key.js'
import { type CacheSettings, cacheOptions, settled } from './options.js'
import { purged } from './purge.js'
import { type SharedPurges, sharedPurges } from './shared-purges.js'
import { type CacheCounts, CacheStore } from './store.js'

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])
/** A time longer than the wait of any exchange for its response head. */
const FOR_ITS_FILL_MS = 86_400_000
/** The most requests that wait for one fill, or read from it; and the most fills of a cache. */
const READERS_MAX = 1_000
const FILLS_MAX = 10_000
/** The most times that a request waits for another's fill, if it gets a variant that is not its own. */
const TRIES_MAX = 3

/**
 * Makes a fill ask for the plain representation: a filter to the left of the cache codes it for each client.
 */
const IDENTITY: FieldLine = ['accept-encoding', 'identity']

export class CacheFilter implements Filter<CacheState> {
  readonly store: CacheStore
  private readonly settings: CacheSettings
  private readonly key: KeyOptions
  private readonly fillOptions: FillOptions
  private readonly context: FilterContext
  private readonly answers: CacheAnswers
  readonly purges: SharedPurges | null

  constructor(settings: CacheSettings, context: FilterContext) {
    this.settings = settings
    this.context = context
    this.answers = new CacheAnswers(settings.tellsStatus, context)
    const { shared, ignoresQuery, keyFields, targeted, storesCookies, tagField } = settings
    this.key = { shared, ignoresQuery, fields: keyFields }
    this.fillOptions = {
      targeted,
      storesCookies,
      tagField,
      objectBytesMax: settings.object,
      ifErrorSeconds: settings.ifError,
    }
    const id = JSON.stringify([shared, ignoresQuery, keyFields])
    this.store = context.state(id, () => new CacheStore(context.world.nextId('c'), settings.memory))
    this.store.resize(settings.memory)
    this.purges = sharedPurges(settings.purges, context)
    this.purges?.join(this)
  }

  close(): void {
    this.purges?.leave(this)
  }

  begin(): CacheState {
    return newState()
  }

  request(x: RequestPhase, s: CacheState): Verdict {
    if (s.reader !== null) return this.decided(x, s, s.reader)
    const { request } = x
    const { method } = request
    if (request.asksTunnel) return PASS
    if (method !== 'GET' && method !== 'HEAD') {
      s.forwarded = 'method'
      s.invalidates = !SAFE.has(method)
      s.url = urlOf(request.scheme, request.authority, request.target)
      return PASS
    }
    const asked = askedOf(x)
    if (asked.has('no-store')) {
      s.forwarded = 'request'
      return PASS
    }
    s.key = keyOf(request, x.route, this.key)
    const entry = this.store.find(s.key, (name) => this.valueOf(x, name))
    if (entry !== null) {
      const verdict = this.use(x, s, entry, asked)
      if (verdict !== null) return verdict
      s.forwarded = 'stale'
    } else s.forwarded = this.store.has(s.key) ? 'vary-miss' : 'uri-miss'
    if (asked.has('only-if-cached'))
      return x.answer({ status: 504, fields: this.answers.statusLine(x, s, 0) })
    if (method === 'HEAD') return this.pass()
    if (entry === null && this.store.isUncollapsible(s.key, x.now)) {
      s.watches = true
      return this.pass()
    }
    s.before = entry !== null && entry.isWhole ? entry : null
    return this.fetch(x, s)
  }

  late(_x: RequestPhase, s: CacheState): Verdict {
    s.reader?.leave()
    s.reader = null
    s.alone = true
    return this.pass()
  }

  response(x: ResponsePhase, s: CacheState): Verdict {
    const { status, from } = x
    if (from === 'backend' && s.invalidates && status >= 200 && status < 400) this.invalidate(x, s.url)
    if (from === 'backend' && s.watches) {
      const facts = {
        status,
        get: (name: string) => x.fields.get(name),
        lines: (name: string) => x.fields.lines(name),
      }
      const { unstorable } = judge(facts, this.isIdentified(x), this.fillOptions, x.wallTime, 0)
      if (unstorable === null) this.store.noteStorable(s.key)
    }
    for (const [name, value] of this.answers.statusLine(x, s, from === 'backend' ? status : 0))
      x.fields.append(name, value)
    return PASS
  }

  release(s: CacheState): void {
    s.reader?.leave()
    s.reader = null
  }

  purge(what: Purge): number | null {
    return purged(this.store, this.key, what)
  }

  events() {
    return this.store.counts as CacheCounts & Record<string, number>
  }

  describe() {
    const { store } = this
    const counts = { ...store.counts, entries: store.entries, bytes: store.bytes, fills: store.fillCount }
    return this.purges === null ? counts : { ...counts, purges: this.purges.describe() }
  }

  /** Answers with this entry, if it may be used now; null if it must be validated first. */
  private use(x: RequestPhase, s: CacheState, entry: Entry, asked: Directives): Verdict | null {
    const fresh = entry.freshFor(x.now)
    const wantsNew = asked.has('no-cache')
    const maxAge = secondsOf(asked, 'max-age')
    const minFresh = secondsOf(asked, 'min-fresh') ?? 0
    const young = maxAge === null || entry.age(x.now) <= maxAge
    if (fresh > 0 && fresh >= minFresh && young && !wantsNew) {
      this.store.counts.hits++
      return this.answers.hit(x, entry, fresh)
    }
    if (wantsNew || !young || minFresh > 0 || fresh > 0 || entry.mustRevalidate) return null
    if (fresh + staleAllowed(asked) > 0) {
      this.store.counts.stale++
      return this.answers.hit(x, entry, fresh)
    }
    if (fresh + entry.staleFor('whileRevalidate', this.settings.whileRevalidate) <= 0) return null
    this.store.counts.stale++
    if (this.mayValidate(x, s.key)) {
      s.before = entry.isWhole ? entry : null
      this.fill(x, s, true)
    }
    return this.answers.answer(x, entry, null, `${hitStatus(fresh)}; detail=swr`)
  }

  /** Returns true if nobody validates this key in the background, and one more fill may run. */
  private mayValidate(x: RequestPhase, key: string): boolean {
    const { fills, fillCount } = this.store
    const listedAs = this.isIdentified(x) ? backgroundOf(key) : this.listedAs(x, key)
    return !fills.has(listedAs) && fillCount < FILLS_MAX
  }

  /** Joins the fill of this key, or begins one. */
  private fetch(x: RequestPhase, s: CacheState): Verdict {
    const { store } = this
    if (++s.tries > TRIES_MAX) return this.pass()
    const running = this.isIdentified(x) ? null : this.running(x, s.key)
    if (running !== null) {
      const readers = running.waiting.size + (running.entry?.body.readers.size ?? 0)
      if (readers >= READERS_MAX) {
        s.alone = true
        return this.pass()
      }
      s.collapsed = true
      store.counts.collapsed++
      return this.wait(x, s, running)
    }
    if (store.fillCount >= FILLS_MAX) return this.pass()
    s.collapsed = false
    store.counts.misses++
    return this.wait(x, s, this.fill(x, s, false))
  }

  /** Returns the fill that fetches the response for this request; null for none. */
  private running(x: RequestPhase, key: string): Fill | null {
    const { fills } = this.store
    const first = fills.get(this.listedAs(x, key))
    if (first === undefined || first.entry === null) return first ?? null
    if (this.fits(x, first.entry)) return first
    return fills.get(this.listedAs(x, key, first.entry)) ?? null
  }

  private wait(x: RequestPhase, s: CacheState, fill: Fill): Verdict {
    const reader = fill.join()
    s.reader = reader
    if (reader.decision !== null) return this.decided(x, s, reader)
    return x.waitFor(reader, DECIDED, { within: s.collapsed ? this.settings.collapseMs : FOR_ITS_FILL_MS })
  }

  private fill(x: RequestPhase, s: CacheState, background: boolean): Fill {
    const { store, settings } = this
    const identified = this.isIdentified(x)
    const id = store.nextFill()
    const { before } = s
    const fields: FieldLine[] = [IDENTITY]
    if (before?.etag != null) fields.push(['if-none-match', before.etag])
    if (before?.lastModified != null) fields.push(['if-modified-since', before.lastModified])
    const values = new Map<string, string>()
    x.request.fields.each((name) => values.set(name, this.valueOf(x, name)))
    const request = x.subrequest({
      id: `${id}/s1`,
      without: (name) => isNotFilled(name) || (name === 'cookie' && settings.stripsCookies),
      fields,
    })
    const running = store.fills.get(this.listedAs(x, s.key))
    // Others do not find the fill of a request with an identity: its response belongs to that request alone.
    const own = background ? backgroundOf(s.key) : `${s.key}\n${x.id}`
    const listedAs = identified ? own : this.listedAs(x, s.key, running?.entry ?? null)
    const fill = new Fill(
      this.context.world,
      id,
      store,
      s.key,
      listedAs,
      request,
      this.fillOptions,
      before,
      identified,
      background,
      (name) => (name === 'accept-encoding' ? 'identity' : (values.get(name) ?? '')),
    )
    fill.start()
    return fill
  }

  /** Acts on the decision of the fill. */
  private decided(x: RequestPhase, s: CacheState, reader: FillReader): Verdict {
    const { fill, decision } = reader
    if (decision === null) return x.waitFor(reader, DECIDED, { within: FOR_ITS_FILL_MS })
    const { before } = fill
    switch (decision) {
      case 'entry': {
        const entry = fill.entry as Entry
        if (this.fits(x, entry)) {
          s.reader = null
          return this.answers.answer(
            x,
            entry,
            reader.take(),
            forwardStatus(s, entry.status, !fill.isOutdated),
          )
        }
        s.forwarded = 'vary-miss'
        this.leave(s)
        s.before = null
        return this.fetch(x, s)
      }
      case 'validated':
      case 'stale': {
        this.leave(s)
        if (before === null || !this.fits(x, before)) return this.fetch(x, s)
        if (decision === 'stale') this.store.counts.stale++
        const status = decision === 'validated' ? 304 : (fill.request.head?.status ?? 0)
        return this.answers.answer(x, before, null, forwardStatus(s, status, decision === 'validated'))
      }
      case 'own':
        s.reader = null
        reader.owned()
        return this.answers.handOn(x, s, fill.request)
      case 'refused':
        this.leave(s)
        return x.refuse(fill.request.refusal as Refusal)
      default:
        this.leave(s)
        s.watches = true
        s.alone = s.collapsed
        s.collapsed = false
        return this.pass()
    }
  }

  private leave(s: CacheState): void {
    s.reader?.leave()
    s.reader = null
  }

  private pass(): Verdict {
    this.store.counts.passed++
    return PASS
  }

  /** Makes stored responses of this URL, and of those that the response names, invalid (RFC 9111 §4.4). */
  private invalidate(x: ResponsePhase, url: string): void {
    this.store.invalidate(url)
    for (const name of ['location', 'content-location']) {
      const value = x.fields.get(name)
      if (value === null) continue
      try {
        const other = new URL(value, url)
        const own = new URL(url)
        if (other.origin !== own.origin) continue
        this.store.invalidate(urlOf(other.protocol.slice(0, -1), other.host, other.pathname + other.search))
      } catch {
        // It is not a URL, so nothing is stored for it.
      }
    }
  }

  /** Returns true if the request has an identity, from any source. */
  private isIdentified(x: ExchangeView): boolean {
    return x.isIdentified || (!this.settings.stripsCookies && x.request.fields.has('cookie'))
  }

  /** Returns the value of a request field, as a fill would send it; '' without one. */
  private valueOf(x: ExchangeView, name: string): string {
    if (name === 'accept-encoding') return 'identity'
    if (isNotFilled(name) || (name === 'cookie' && this.settings.stripsCookies)) return ''
    return x.request.fields.get(name) ?? ''
  }

  private fits(x: ExchangeView, { vary }: Entry): boolean {
    return fits(vary, (name) => this.valueOf(x, name))
  }

  /** Returns the name of the fill for this request: its key, with the values of the fields known to vary. */
  private listedAs(x: ExchangeView, key: string, entry: Entry | null = null): string {
    const names = new Set([...this.store.varyOf(key), ...(entry?.vary ?? []).map(([name]) => name)])
    if (names.size === 0) return key
    return `${key}\n${[...names]
      .sort()
      .map((name) => `${name}=${this.valueOf(x, name)}`)
      .join('\n')}`
  }
}

/**
 * Returns the name of the only fill that validates a key in the background for a request with an identity.
 */
const backgroundOf = (key: string): string => `${key}\nidentified`

/** Reads the directives of the request; Pragma counts without Cache-Control (RFC 9111 §5.4). */
function askedOf(x: RequestPhase): Directives {
  const { fields } = x.request
  const control = fields.get('cache-control')
  if (control !== null) return directivesOf(control)
  return directivesOf(fields.get('pragma'))
}

/** Returns how stale a response the client accepts, in s. */
function staleAllowed(asked: Directives): number {
  if (asked.get('max-stale') === true) return Number.POSITIVE_INFINITY
  return secondsOf(asked, 'max-stale') ?? 0
}

export const cache = defineFilter({
  name: 'cache',
  description: 'Stores responses, and answers from them.',
  options: cacheOptions,
  role: 'cache',
  onFailure: 'pass',
  check: ({ purges }, checks) => purges !== undefined && checkStore(purges, 'purges', checks),
  create: (options, context) => new CacheFilter(settled(options), context),
})
