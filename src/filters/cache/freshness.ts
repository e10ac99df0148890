// Decides whether a response may be stored, and how long it is fresh (RFC 9111 §3, §4.2; RFC 9213).
// http-cache-semantics has the rules. It gets directives that were read strictly, and a Date; ages and
// deadlines are counted here.

import CachePolicy from 'http-cache-semantics'
import { parseDictionary } from 'structured-headers'
import { type Directives, directivesOf, secondsOf } from './directives.js'

/** The part of a response that the rules read. */
export interface ResponseFacts {
  readonly status: number
  /** The value of a field, its lines joined; null without it. */
  get(name: string): string | null
  lines(name: string): readonly string[]
}

export interface FreshnessOptions {
  /** Fields that replace Cache-Control and Expires; the first one present counts (RFC 9213). */
  readonly targeted: readonly string[]
  /** True: responses with Set-Cookie may be stored. */
  readonly storesCookies: boolean
}

/** The judgement of the rules on a response. */
export interface Freshness {
  /** The reason why it must not be stored; null if it may be. */
  readonly unstorable: string | null
  /** The time for which it is fresh after its generation, in s. */
  readonly lifetime: number
  /** Its age when it came, in s. */
  readonly initialAge: number
  /**
   * The times for which it may be used stale while it is validated, or if that fails, in s; null if
   * it does not say.
   */
  readonly whileRevalidate: number | null
  readonly ifError: number | null
  /** True if it must not be used stale (RFC 9111 §5.2.2.2). */
  readonly mustRevalidate: boolean
}

/** The cap of heuristic freshness, in s: RFC 9111 §4.2.2 sets none. */
const HEURISTIC_MAX = 86_400

/** Errors that a client's own request may have caused are never stored. */
const NEVER: ReadonlySet<number> = new Set([206, 304, 400, 413, 416, 431])
/** Final statuses whose meaning a cache knows (RFC 9111 §3, must-understand). */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 500, 501, 502, 503, 504,
])

/**
 * Judges the response of a GET.
 * @param identified true: the request has an identity, from any source
 * @param wallMs ms since 1970, when the response head came
 * @param delayMs the ms between the request and the head
 */
export function judge(
  response: ResponseFacts,
  identified: boolean,
  options: FreshnessOptions,
  wallMs: number,
  delayMs: number,
): Freshness {
  const { status } = response
  const targeted = targetedOf(response, options.targeted)
  const directives = targeted ?? directivesOf(response.get('cache-control'))
  const expires = targeted === null ? response.get('expires') : null
  const date = Date.parse(response.get('date') ?? '')
  const dated = Number.isNaN(date) ? wallMs : date
  const isExplicit = directives.has('max-age') || directives.has('s-maxage') || expires !== null
  const headers: Record<string, string> = {
    date: new Date(dated).toUTCString(),
    'cache-control': canonical(directives),
  }
  if (expires !== null) headers.expires = expires
  for (const name of ['last-modified', 'pragma'] as const) {
    const value = targeted === null || name !== 'pragma' ? response.get(name) : null
    if (value !== null) headers[name] = value
  }
  const policy = new CachePolicy(
    { method: 'GET', url: '', headers: identified ? { authorization: 'any' } : {} },
    { status: isExplicit || directives.has('public') ? 200 : status, headers },
    { shared: true },
  )
  const age = ageOf(response.lines('age'))
  const lifetime = age === null ? 0 : policy.maxAge()
  const why = unstorable(response, directives, isExplicit, options)
  return {
    unstorable: why ?? (policy.storable() ? null : 'by its fields'),
    lifetime: isExplicit ? lifetime : Math.min(lifetime, HEURISTIC_MAX),
    initialAge: Math.max(0, (wallMs - dated) / 1_000, (age ?? 0) + delayMs / 1_000),
    whileRevalidate: secondsOf(directives, 'stale-while-revalidate'),
    ifError: secondsOf(directives, 'stale-if-error'),
    mustRevalidate: ['must-revalidate', 'proxy-revalidate', 's-maxage', 'no-cache'].some((name) =>
      directives.has(name),
    ),
  }
}

function unstorable(
  response: ResponseFacts,
  directives: Directives,
  isExplicit: boolean,
  { storesCookies }: FreshnessOptions,
): string | null {
  const { status } = response
  if (NEVER.has(status)) return `a ${status} is never stored`
  if (status >= 400 && !isExplicit) return 'an error without a lifetime'
  if (directives.has('must-understand') && !UNDERSTOOD.has(status)) return 'must-understand'
  if (!storesCookies && response.get('set-cookie') !== null) return 'it sets a cookie'
  if ((response.get('vary') ?? '').split(',').some((name) => name.trim() === '*')) return 'vary: *'
  return null
}

/** Writes directives so that the library cannot misread them: for it, proxy-revalidate means no-cache. */
function canonical(directives: Directives): string {
  const made: string[] = []
  for (const [name, value] of directives) {
    if (name === 'proxy-revalidate') continue
    const seconds = name === 'max-age' || name === 's-maxage' ? secondsOf(directives, name) : null
    made.push(seconds === null || value === undefined ? name : `${name}=${seconds}`)
  }
  return made.join(', ')
}

/** Returns the directives of the first targeted field that is present and parses; null for none. */
function targetedOf(response: ResponseFacts, names: readonly string[]): Directives | null {
  for (const name of names) {
    const value = response.get(name)
    if (value === null) continue
    try {
      const found = new Map<string, string | true>()
      for (const [key, [item]] of parseDictionary(value)) {
        if (item === true) found.set(key, true)
        else if (item !== false) found.set(key, String(item))
      }
      return found
    } catch {
      // A field that does not parse is ignored (RFC 9213 §2.1).
    }
  }
  return null
}

/** Returns the Age of a response, in s; null if it is malformed. */
function ageOf(lines: readonly string[]): number | null {
  if (lines.length === 0) return 0
  return lines.length === 1 && /^\d{1,10}$/.test(lines[0]) ? Number(lines[0]) : null
}
