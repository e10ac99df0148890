// Chooses the backend of a request by host and path prefix, the most specific route first.

import type { Head } from '../http/index.js'
import type { Backend } from './backend.js'
import { defaultPort, type Host, HostPattern, readHost } from './host.js'

export interface Route {
  /** A host or `*.DOMAIN`, with or without a port; '' for any host. */
  readonly host: string
  /** A path that begins with '/'. `/api` matches `/api`, `/api/x` and `/api?x`, not `/apis`. */
  readonly prefix: string
  readonly backend: Backend
}

interface CompiledRoute {
  readonly host: HostPattern
  readonly prefix: string
  readonly backend: Backend
}

/** Authorities whose parts are cached. Clients may write any number of them, so the cache is bounded. */
const KNOWN_HOSTS_MAX = 1_024

export class RouteTable {
  /** Sorted by host, the most exact first, then by prefix, the longest first. */
  private readonly routes: readonly CompiledRoute[]
  /**
   * The backend of a catch-all route that stands first, so no other route can match; null if there is none.
   */
  private readonly only: Backend | null
  private readonly known = new Map<string, Host | null>()

  constructor(routes: readonly Route[]) {
    this.routes = routes
      .map(({ host, prefix, backend }) => ({ host: new HostPattern(host), prefix, backend }))
      .sort((a, b) => b.host.rank - a.host.rank || b.prefix.length - a.prefix.length)
    const first = this.routes[0]
    this.only = first !== undefined && first.host.text === '' && first.prefix === '/' ? first.backend : null
  }

  match(head: Head): Backend | null {
    if (this.only !== null) return this.only
    const host = this.hostOf(head.host)
    const port = defaultPort(head.scheme?.value)
    const path = head.path?.value ?? '/'
    for (const route of this.routes)
      if (route.host.matches(host, port) && covers(route.prefix, path)) return route.backend
    return null
  }

  private hostOf(authority: string): Host {
    let host = this.known.get(authority)
    if (host === undefined) {
      if (this.known.size >= KNOWN_HOSTS_MAX) this.known.clear()
      host = readHost(authority)
      this.known.set(authority, host)
    }
    return host ?? NO_HOST
  }

  get backends(): ReadonlySet<Backend> {
    return new Set(this.routes.map((route) => route.backend))
  }
}

const NO_HOST: Host = { name: '', port: -1 }

function covers(prefix: string, path: string): boolean {
  // `/` also matches `*`, which means the whole server (RFC 9110 §9.3.7).
  if (prefix === '/') return true
  if (!path.startsWith(prefix)) return false
  if (prefix.endsWith('/') || path.length === prefix.length) return true
  const next = path[prefix.length]
  return next === '/' || next === '?'
}
