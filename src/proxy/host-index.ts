// Finds the routes of a host, in the order of precedence, without a look at the others.

import type { CompiledRoute } from './compiled-route.js'
import { defaultPort, type Host, type HostPattern, readHost } from './host.js'

/** The routes that a host has in common with all hosts that match the same patterns. */
export interface HostRoutes<T> {
  /** In the order of precedence. */
  readonly routes: readonly CompiledRoute<T>[]
  /** Whether the path decides between them. */
  readonly readsPath: boolean
}

/** The routes of one host pattern. */
interface Group<T> {
  readonly pattern: HostPattern
  readonly place: number
  readonly routes: CompiledRoute<T>[]
}

/** Spellings of authorities that are cached for each scheme. Clients may write any number of them. */
const KNOWN_MAX = 1_024
/** A longer authority is not cached: names have at most 255 characters. */
const KNOWN_LENGTH_MAX = 300

const NO_HOST: Host = { name: '', port: -1 }

export class HostIndex<T> {
  private readonly exact = new Map<string, Group<T>[]>()
  private readonly wildcards = new Map<string, Group<T>[]>()
  private readonly any: Group<T> | null
  /** By the groups that match. Their number is bounded by the groups, not by clients. */
  private readonly combinations = new Map<string, HostRoutes<T>>()
  private readonly knownHttp = new Map<string, HostRoutes<T>>()
  private readonly knownHttps = new Map<string, HostRoutes<T>>()

  /** @param routes in the order of precedence */
  constructor(routes: readonly CompiledRoute<T>[]) {
    const groups = new Map<string, Group<T>>()
    for (const route of routes) {
      const { host } = route
      let group = groups.get(host.text)
      if (group === undefined) {
        group = { pattern: host, place: groups.size, routes: [] }
        groups.set(host.text, group)
        if (host.name !== '') add(this.exact, host.name, group)
        else if (host.suffix !== '') add(this.wildcards, host.suffix, group)
      }
      group.routes.push(route)
    }
    this.any = groups.get('') ?? null
  }

  find(authority: string, scheme: string): HostRoutes<T> {
    const known = scheme === 'https' ? this.knownHttps : this.knownHttp
    let found = known.get(authority)
    if (found === undefined) {
      found = this.combine(readHost(authority) ?? NO_HOST, defaultPort(scheme))
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
      const routes = groups.flatMap((group) => group.routes)
      combination = { routes, readsPath: routes.some((route) => route.readsPath) }
      this.combinations.set(key, combination)
    }
    return combination
  }
}

function add<T>(map: Map<string, Group<T>[]>, key: string, group: Group<T>): void {
  const groups = map.get(key)
  if (groups === undefined) map.set(key, [group])
  else groups.push(group)
}
