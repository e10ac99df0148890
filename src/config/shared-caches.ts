// Finds mistakes of routes whose caches share entries (`shared: true`). The key of such an entry has
// no route, so a response of one route would answer a request of another. That is a mistake if the
// two could differ.

import type { FilterConfig, RouteConfig, Source } from './configuration.js'

export interface SharedCacheMistake {
  readonly source: Source
  readonly message: string
}

/** The kinds of filters that change the request to a backend. */
const REWRITES: ReadonlySet<string> = new Set(['rewrite'])

/** Returns the mistakes of caches that routes share. */
export function sharedCacheMistakes(routes: readonly RouteConfig[]): SharedCacheMistake[] {
  const found: SharedCacheMistake[] = []
  /** The first route of each cache. */
  const firsts = new Map<string, readonly [RouteConfig, FilterConfig]>()
  for (const route of routes)
    for (const filter of route.filters) {
      if (filter.kind !== 'cache' || (filter.options as { shared?: boolean }).shared !== true) continue
      const first = firsts.get(filter.identity)
      const why = matchesMore(route) ?? (first === undefined ? null : differs(first, [route, filter]))
      if (first === undefined) firsts.set(filter.identity, [route, filter])
      if (why !== null)
        found.push({
          source: filter.source,
          message: `${filter.name} is shared, and ${why}; give it a cache of its own, or leave out shared`,
        })
    }
  return found
}

/** Returns why a response of this route may belong to only some of the requests of its URL; else null. */
function matchesMore({ name, match }: RouteConfig): string | null {
  if (match.headers.length > 0) return `the route ${name} matches by field, which is no part of the key`
  if (match.query.length > 0) return `the route ${name} matches by query parameter`
  return null
}

type Use = readonly [route: RouteConfig, filter: FilterConfig]

/** Returns the difference of two routes of one cache; null if a response of one may answer for the other. */
function differs([first, one]: Use, [route, filter]: Use): string | null {
  if (JSON.stringify(first.action) !== JSON.stringify(route.action))
    return `the routes ${first.name} and ${route.name} differ in their backends`
  return rewritesBehind(first, one) === rewritesBehind(route, filter)
    ? null
    : `the routes ${first.name} and ${route.name} rewrite requests in different ways`
}

/** Returns the rewrites of a route that the key of its cache does not show. */
const rewritesBehind = ({ filters }: RouteConfig, cache: FilterConfig): string =>
  JSON.stringify(
    filters
      .slice(filters.indexOf(cache) + 1)
      .filter(({ kind }) => REWRITES.has(kind))
      .map(({ options }) => options),
  )
