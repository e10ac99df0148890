// Finds the routes of a host, in the order of precedence, without looking at other routes.

import type { CompiledRoute, RouteRequest } from './compiled-route.js'
import { defaultPort, type Host, type HostPattern, readHost } from './host.js'

/** The routes that a host shares with all hosts that match the same patterns. */
export class HostRoutes<T> {
  private readonly groups: readonly Group<T>[]
  /** True if the path decides between the routes. */
  readonly readsPath: boolean

  /** @param groups the groups, in the order of precedence */
  constructor(groups: readonly Group<T>[]) {
    this.groups = groups
    this.readsPath = groups.some((group) => group.routes.some((route) => route.readsPath))
  }

  has(route: CompiledRoute<T>): boolean {
    return this.groups.some((group) => group.pattern.text === route.host.text)
  }

  /**
   * Returns the first route that takes the request; null if none does.
   *
   * @param path begins with the path to match, which is `length` characters long
   */
  find(request: RouteRequest, path: string, length: number): CompiledRoute<T> | null {
    const { groups } = this
    for (let i = 0; i < groups.length; i++) {
      const { bySegment, rest } = groups[i]
      if (bySegment !== null) {
        const found = firstOf(bySegment.get(firstSegment(path, length)) ?? [], request, path, length)
        if (found !== null) return found
      }
      const found = firstOf(rest, request, path, length)
      if (found !== null) return found
    }
    return null
  }
}

function firstOf<T>(
  routes: readonly CompiledRoute<T>[],
  request: RouteRequest,
  path: string,
  length: number,
): CompiledRoute<T> | null {
  for (let i = 0; i < routes.length; i++) if (routes[i].takes(request, path, length)) return routes[i]
  return null
}

/** Returns `a` for `/a/b` and for `/a`. */
function firstSegment(path: string, length = path.length): string {
  const end = path.indexOf('/', 1)
  return path.slice(1, end < 0 || end > length ? length : end)
}

/** The number of exact paths and prefixes of one host from which on they are found by their first segment. */
const INDEXED_MIN = 16

/** The routes of one host pattern. */
class Group<T> {
  readonly pattern: HostPattern
  readonly place: number
  /** The routes, in the order of precedence. */
  readonly routes: CompiledRoute<T>[] = []
  /** The exact paths and prefixes by their first segment; null if they are few. They go before the others. */
  bySegment: Map<string, CompiledRoute<T>[]> | null
  /** The routes that have no place in `bySegment`. */
  rest: readonly CompiledRoute<T>[]

  constructor(pattern: HostPattern, place: number) {
    this.pattern = pattern
    this.place = place
    this.bySegment = null
    this.rest = this.routes
  }

  index(): void {
    const literal = this.routes.filter((route) => route.literalPath !== '')
    if (literal.length < INDEXED_MIN) return
    this.bySegment = new Map()
    for (const route of literal) add(this.bySegment, firstSegment(route.literalPath), route)
    this.rest = this.routes.slice(literal.length)
  }
}

/**
 * The most spellings of authorities that are cached for each scheme. Clients may write any number of them.
 */
const KNOWN_MAX = 1_024
/**
 * The longest authority that is kept: a longer one names no host, since names have at most 255 characters.
 */
const KNOWN_LENGTH_MAX = 300

const NO_HOST: Host = { name: '', port: -1 }

export class HostIndex<T> {
  private readonly exact = new Map<string, Group<T>[]>()
  private readonly wildcards = new Map<string, Group<T>[]>()
  private readonly any: Group<T> | null
  /** The routes by the groups that match. Their number is bounded by the groups, not by clients. */
  private readonly combinations = new Map<string, HostRoutes<T>>()
  private readonly knownHttp = new Map<string, HostRoutes<T>>()
  private readonly knownHttps = new Map<string, HostRoutes<T>>()

  /** @param routes the routes, in the order of precedence */
  constructor(routes: readonly CompiledRoute<T>[]) {
    const groups = new Map<string, Group<T>>()
    for (const route of routes) {
      const { host } = route
      let group = groups.get(host.text)
      if (group === undefined) {
        group = new Group(host, groups.size)
        groups.set(host.text, group)
        if (host.name !== '') add(this.exact, host.name, group)
        else if (host.suffix !== '') add(this.wildcards, host.suffix, group)
      }
      group.routes.push(route)
    }
    for (const group of groups.values()) group.index()
    this.any = groups.get('') ?? null
  }

  find(authority: string, scheme: string): HostRoutes<T> {
    const known = scheme === 'https' ? this.knownHttps : this.knownHttp
    let found = known.get(authority)
    if (found === undefined) {
      const host = authority.length > KNOWN_LENGTH_MAX ? null : readHost(authority)
      found = this.combine(host ?? NO_HOST, defaultPort(scheme))
      if (known.size >= KNOWN_MAX) known.clear()
      if (authority.length <= KNOWN_LENGTH_MAX) known.set(authority, found)
    }
    return found
  }

  private combine(host: Host, port: number): HostRoutes<T> {
    const groups: Group<T>[] = []
    const take = (from: readonly Group<T>[] | undefined): void => {
      for (const group of from ?? []) if (group.pattern.matches(host, port)) groups.push(group)
    }
    take(this.exact.get(host.name))
    if (this.wildcards.size > 0)
      for (let dot = host.name.indexOf('.'); dot >= 0; dot = host.name.indexOf('.', dot + 1))
        take(this.wildcards.get(host.name.slice(dot)))
    if (this.any !== null) groups.push(this.any)
    const key = groups.map((group) => group.place).join()
    let combination = this.combinations.get(key)
    if (combination === undefined) {
      combination = new HostRoutes(groups)
      this.combinations.set(key, combination)
    }
    return combination
  }
}

function add<T>(map: Map<string, T[]>, key: string, entry: T): void {
  const entries = map.get(key)
  if (entries === undefined) map.set(key, [entry])
  else entries.push(entry)
}
