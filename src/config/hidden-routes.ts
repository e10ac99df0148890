// Finds routes that no request can reach, because an earlier route takes everything that they match.
// Precedence is that of the Gateway API: host, path, method, number of fields, number of parameters, order.

import type { RouteMatch, ValueMatch } from '../proxy/index.js'
import type { RouteConfig } from './configuration.js'

export interface Hidden {
  readonly index: number
  /** The index of a route that hides it. */
  readonly by: number
}

/**
 * Returns the hidden routes. It compares only routes of equal rank: a more exact route always
 * gets its requests.
 */
export function hiddenRoutes(routes: readonly RouteConfig[]): Hidden[] {
  /** The earlier routes, by a host and the path. */
  const earlier = new Map<string, number[]>()
  const found: Hidden[] = []
  for (const [index, { match, action }] of routes.entries()) {
    const hosts = match.hosts.length === 0 ? [''] : match.hosts
    const places = hosts.map((host) => `${host}\n${pathKey(match)}`)
    const by = places.map((place) =>
      (earlier.get(place) ?? []).find((each) => covers(routes[each].match, match)),
    )
    const [first] = by
    if (first !== undefined && by.every((each) => each !== undefined)) found.push({ index, by: first })
    // A redirect leaves those requests to other routes that it would lead to themselves.
    if (action.kind === 'redirect') continue
    for (const place of places) {
      const list = earlier.get(place)
      if (list === undefined) earlier.set(place, [index])
      else list.push(index)
    }
  }
  return found
}

/** Returns the key of a path. No path and the prefix `/` are the same. */
const pathKey = ({ path }: RouteMatch): string =>
  path === null ? 'prefix\n/' : `${path.kind}\n${path.value}`

/** Returns true if `a` matches everything that `b` matches. Both have the same rank, and `a` comes first. */
function covers(a: RouteMatch, b: RouteMatch): boolean {
  if (!includesAll(a.listeners, b.listeners)) return false
  if ((a.methods.length === 0) !== (b.methods.length === 0) || !includesAll(a.methods, b.methods))
    return false
  return coversValues(a.headers, b.headers) && coversValues(a.query, b.query)
}

/** Returns true if `a` includes all of `b`. An empty list stands for everything. */
const includesAll = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === 0 || (b.length > 0 && b.every((each) => a.includes(each)))

const coversValues = (a: readonly ValueMatch[], b: readonly ValueMatch[]): boolean =>
  a.length === b.length &&
  a.every((one) =>
    b.some(
      (other) =>
        other.name === one.name &&
        (one.kind === 'present' || (other.kind === one.kind && other.value === one.value)),
    ),
  )
