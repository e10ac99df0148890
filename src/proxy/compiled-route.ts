// A route with one of its hosts, made ready for matching, and the order in which routes are tried.

import { HostPattern } from './host.js'
import { normalised } from './path.js'
import { Pattern } from './pattern.js'
import type { PathOptions, RouteMatch, ValueMatch } from './route.js'

/** What routes read of a request. The exchange implements it, so that matching allocates nothing. */
export interface RouteRequest {
  /** The name of the listener that accepted the connection. */
  readonly listener: string
  /** Host and port that the client asks for, as sent. */
  readonly authority: string
  /** `http` or `https` */
  readonly scheme: string
  readonly method: string
  /** The path and the query, as sent; `*` for the server as a whole. */
  readonly target: string
  /**
   * Returns the value of the field with this name, which is in lower case; null without one. Several fields of
   * one name are joined by `, ` (RFC 9110 §5.3), cookies by `; ` (RFC 9113 §8.2.3).
   */
  field(name: string): string | null
}

interface Condition {
  readonly name: string
  readonly value: string
  readonly pattern: Pattern | null
  readonly present: boolean
}

const condition = ({ name, kind, value }: ValueMatch): Condition => ({
  name,
  value,
  pattern: kind === 'pattern' ? new Pattern(value) : null,
  present: kind === 'present',
})

function holds(condition: Condition, value: string | null): boolean {
  if (value === null) return false
  if (condition.present) return true
  return condition.pattern === null ? condition.value === value : condition.pattern.matches(value)
}

export class CompiledRoute<T> {
  readonly name: string
  readonly to: T
  readonly host: HostPattern
  readonly ambiguous: PathOptions['ambiguous']
  readonly match: RouteMatch
  readonly kind: 'exact' | 'prefix' | 'pattern' | 'any'
  readonly path: string
  readonly fileOrder: number
  private readonly pattern: Pattern | null
  private readonly fields: readonly Condition[]
  private readonly parameters: readonly Condition[]

  constructor(
    route: {
      readonly name: string
      readonly match: RouteMatch
      readonly path: PathOptions
      readonly to: T
    },
    host: string,
    fileOrder: number,
  ) {
    const { match } = route
    this.name = route.name
    this.to = route.to
    this.host = new HostPattern(host)
    this.ambiguous = route.path.ambiguous
    this.match = match
    const anyPath = match.path === null || (match.path.kind === 'prefix' && match.path.value === '/')
    this.kind = anyPath || match.path === null ? 'any' : match.path.kind
    this.pattern = this.kind === 'pattern' && match.path !== null ? new Pattern(match.path.value) : null
    const path = match.path === null ? '' : normalised(match.path.value)
    // `/api/` is the segment `/api` too.
    this.path = this.kind === 'prefix' && path.endsWith('/') ? path.slice(0, -1) : path
    this.fileOrder = fileOrder
    this.fields = match.headers.map(condition)
    this.parameters = match.query.map(condition)
  }

  get readsPath(): boolean {
    return this.kind !== 'any'
  }

  get takesAll(): boolean {
    const { listeners, methods } = this.match
    return (
      this.host.text === '' &&
      this.kind === 'any' &&
      listeners.length + methods.length + this.fields.length + this.parameters.length === 0
    )
  }

  takes(request: RouteRequest, path: string): boolean {
    const { listeners, methods } = this.match
    if (listeners.length > 0 && !listeners.includes(request.listener)) return false
    if (!this.takesPath(path)) return false
    if (methods.length > 0 && !methods.includes(request.method)) return false
    for (const each of this.fields) if (!holds(each, request.field(each.name))) return false
    if (this.parameters.length === 0) return true
    const mark = request.target.indexOf('?')
    const query = new URLSearchParams(mark < 0 ? '' : request.target.slice(mark + 1))
    return this.parameters.every((each) => holds(each, query.get(each.name)))
  }

  takesPath(path: string): boolean {
    if (this.kind === 'any') return true
    if (this.kind === 'exact') return path === this.path
    if (this.kind === 'prefix')
      return (
        path.startsWith(this.path) && (path.length === this.path.length || path[this.path.length] === '/')
      )
    return this.pattern?.matches(path) === true
  }
}

const KINDS = ['exact', 'prefix', 'pattern', 'any']

/** Compiles routes, once for each of their hosts, and sorts them by precedence. */
export function rankedRoutes<T>(
  routes: readonly {
    readonly name: string
    readonly match: RouteMatch
    readonly path: PathOptions
    readonly to: T
  }[],
): CompiledRoute<T>[] {
  const compiled = routes.flatMap((route, at) =>
    (route.match.hosts.length === 0 ? [''] : route.match.hosts).map(
      (host) => new CompiledRoute(route, host, at),
    ),
  )
  return compiled.sort(
    (a, b) =>
      b.host.rank - a.host.rank ||
      KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) ||
      (a.kind === 'prefix' ? b.path.length - a.path.length : 0) ||
      Number(b.match.methods.length > 0) - Number(a.match.methods.length > 0) ||
      b.match.headers.length - a.match.headers.length ||
      b.match.query.length - a.match.query.length ||
      a.fileOrder - b.fileOrder,
  )
}
