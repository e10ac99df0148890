// A route with one of its hosts, prepared for matching, and the order in which routes are tried.

import type { Automaton } from './automaton.js'
import { HostPattern } from './host.js'
import { ambiguityOf, readings, routePath, signsOf } from './path.js'
import { Pattern } from './pattern.js'
import { ParameterName } from './query.js'
import { leadsToItself, type RedirectAction } from './redirect.js'
import type { PathOptions, RouteMatch, ValueMatch } from './route.js'

/** The parts of a request that routes read. The exchange implements it, so matching allocates nothing. */
export interface RouteRequest {
  /** The name of the listener that accepted the connection. */
  readonly listener: string
  /** The host and port that the client asks for, as sent. */
  readonly authority: string
  /** `http` or `https` */
  readonly scheme: string
  readonly method: string
  /** The path and the query, as sent; `*` for the server as a whole. */
  readonly target: string
  /** Returns the field's value as `fieldValue` does; null without one. The name is in lower case. */
  field(name: string): string | null
}

/** A route in the form that the router takes. `to` is the target of a match. */
export interface RouterRoute<T> {
  readonly name: string
  readonly match: RouteMatch
  readonly path: PathOptions
  /** The redirect; it takes no request that it would lead to itself. */
  readonly redirect?: RedirectAction | null
  readonly to: T
}

/** Automata of patterns that have been built already, by the pattern's text. */
export type Automata = ReadonlyMap<string, Automaton>

/** The patterns of all routes. Equal patterns share one object. */
class Patterns {
  private readonly automata: Automata
  private readonly known = new Map<string, Pattern>()

  constructor(automata: Automata) {
    this.automata = automata
  }

  get(text: string): Pattern {
    let pattern = this.known.get(text)
    if (pattern === undefined) {
      pattern = new Pattern(text, this.automata.get(text))
      this.known.set(text, pattern)
    }
    return pattern
  }
}

/** Returns the texts of the patterns in a match. */
export function patternsIn({ path, headers, query }: RouteMatch): string[] {
  const values = [...headers, ...query, ...(path === null ? [] : [path])]
  return values.filter((each) => each.kind === 'pattern').map((each) => each.value)
}

class Condition {
  readonly name: string
  private readonly kind: ValueMatch['kind']
  private readonly value: string
  private readonly pattern: Pattern | null

  constructor({ name, kind, value }: ValueMatch, patterns: Patterns) {
    this.name = name
    this.kind = kind
    this.value = value
    this.pattern = kind === 'pattern' ? patterns.get(value) : null
  }

  holds(value: string | null): boolean {
    if (value === null || this.kind === 'present') return value !== null
    return this.pattern === null ? value === this.value : this.pattern.matches(value)
  }

  /** Returns the reason why it does not hold. `what` is `field` or `query parameter`. */
  faultOf(what: string, value: string | null): string {
    if (value === null) return `the request has no ${what} ${this.name}`
    const wanted = this.pattern === null ? `is not ${this.value}` : `does not match ${this.value}`
    return `${what} ${this.name} ${wanted}`
  }
}

const SLASH = 0x2f

/** The kind of a route's path; a lower kind goes first. */
const Kind = { EXACT: 0, PREFIX: 1, PATTERN: 2, ANY: 3 } as const
type Kind = (typeof Kind)[keyof typeof Kind]

const KINDS = { exact: Kind.EXACT, prefix: Kind.PREFIX, pattern: Kind.PATTERN }

export class CompiledRoute<T> {
  readonly name: string
  readonly to: T
  readonly host: HostPattern
  /** True if it takes requests whose path a backend might read as another one. */
  readonly passesAmbiguous: boolean
  /** Its place in the file; a route with several hosts has one place. */
  readonly place: number
  /** The rank of its pattern: the lower number goes first, and equal patterns have one number. */
  readonly patternPlace: number
  private readonly kind: Kind
  /** The normalised path; a prefix has no `/` at its end. '' for patterns and for any path. */
  private readonly path: string
  private readonly pattern: Pattern | null
  private readonly listeners: readonly string[]
  private readonly methods: readonly string[]
  private readonly fields: readonly Condition[]
  private readonly parameters: readonly Condition[]
  private readonly parameterNames: readonly ParameterName[]
  private readonly redirect: RedirectAction | null

  constructor(route: RouterRoute<T>, host: string, place: number, patternPlace: number, patterns: Patterns) {
    const { match, path } = route
    this.name = route.name
    this.to = route.to
    this.host = new HostPattern(host)
    this.passesAmbiguous = path.ambiguous === 'pass'
    this.place = place
    this.patternPlace = patternPlace
    const text = match.path?.value ?? '/'
    const kind = match.path === null ? Kind.ANY : KINDS[match.path.kind]
    const spelling = kind === Kind.EXACT || kind === Kind.PREFIX ? pathOf(text, this.passesAmbiguous) : ''
    this.kind = kind === Kind.PREFIX && spelling === '/' ? Kind.ANY : kind
    // `/api/` means the segment `/api` too.
    this.path = kind === Kind.PREFIX && spelling.endsWith('/') ? spelling.slice(0, -1) : spelling
    this.pattern = kind === Kind.PATTERN ? patterns.get(text) : null
    this.listeners = match.listeners
    this.methods = match.methods
    this.fields = match.headers.map((each) => new Condition(each, patterns))
    this.parameters = match.query.map((each) => new Condition(each, patterns))
    this.parameterNames = match.query.map((each) => new ParameterName(each.name))
    this.redirect = route.redirect ?? null
  }

  /** True if the path decides; a prefix `/` takes every path. */
  get readsPath(): boolean {
    return this.kind !== Kind.ANY
  }

  /** The exact path or the prefix; '' for patterns and for any path. */
  get literalPath(): string {
    return this.path
  }

  /** True if it takes every request. */
  get takesAll(): boolean {
    const conditions =
      this.listeners.length + this.methods.length + this.fields.length + this.parameters.length
    return this.host.text === '' && this.kind === Kind.ANY && conditions === 0 && this.redirect === null
  }

  /**
   * Returns true if the route takes a request to one of its hosts.
   * @param path begins with the normalised path, which is `length` characters long
   */
  takes(request: RouteRequest, path: string, length: number): boolean {
    if (this.listeners.length > 0 && !this.listeners.includes(request.listener)) return false
    if (this.methods.length > 0 && !this.methods.includes(request.method)) return false
    if (!this.takesPath(path, length)) return false
    for (const each of this.fields) if (!each.holds(request.field(each.name))) return false
    for (let i = 0; i < this.parameters.length; i++)
      if (!this.parameters[i].holds(this.parameterNames[i].valueIn(request.target))) return false
    return this.redirect === null || !leadsToItself(this.redirect, request)
  }

  private takesPath(text: string, length: number): boolean {
    const { path } = this
    switch (this.kind) {
      case Kind.ANY:
        return true
      case Kind.EXACT:
        return length === path.length && text.startsWith(path)
      case Kind.PREFIX:
        if (length < path.length || !text.startsWith(path)) return false
        return length === path.length || text.charCodeAt(path.length) === SLASH
      case Kind.PATTERN:
        return this.pattern?.matches(text, length) === true
    }
  }

  /** Returns why the route does not take a request to one of its hosts; null if it does. */
  faultOf(request: RouteRequest, path: string): string | null {
    if (this.listeners.length > 0 && !this.listeners.includes(request.listener))
      return request.listener === ''
        ? `it came by no listener of ${this.listeners.join(' or ')}`
        : `listener ${request.listener} is not ${this.listeners.join(' or ')}`
    if (!this.takesPath(path, path.length)) return this.pathFault(path)
    if (this.methods.length > 0 && !this.methods.includes(request.method))
      return `method ${request.method} is not ${this.methods.join(' or ')}`
    for (const each of this.fields) {
      const value = request.field(each.name)
      if (!each.holds(value)) return each.faultOf('field', value)
    }
    for (const [i, each] of this.parameters.entries()) {
      const value = this.parameterNames[i].valueIn(request.target)
      if (!each.holds(value)) return each.faultOf('query parameter', value)
    }
    if (this.redirect !== null && leadsToItself(this.redirect, request))
      return 'it would redirect to the URL that was asked for'
    return null
  }

  private pathFault(path: string): string {
    if (this.kind === Kind.EXACT) return `path ${path} is not ${this.path}`
    if (this.kind === Kind.PREFIX) return `path ${path} is not ${this.path} or under it`
    return `path ${path} does not match ${this.pattern?.text}`
  }

  /** Compares routes by precedence: negative if this one goes before the other. */
  compare(other: CompiledRoute<T>): number {
    return (
      other.host.rank - this.host.rank ||
      this.kind - other.kind ||
      other.path.length - this.path.length ||
      this.patternPlace - other.patternPlace ||
      Math.min(other.methods.length, 1) - Math.min(this.methods.length, 1) ||
      other.fields.length - this.fields.length ||
      other.parameters.length - this.parameters.length ||
      this.place - other.place
    )
  }

  /** Returns the reason why this route goes before another that takes the request too. */
  advantage(other: CompiledRoute<T>): string {
    if (this.host.rank !== other.host.rank) return 'its host is more exact'
    if (this.kind !== other.kind || this.path.length !== other.path.length) return 'its path is more exact'
    if (this.patternPlace !== other.patternPlace) return 'its pattern comes first in the file'
    if (Math.min(this.methods.length, 1) !== Math.min(other.methods.length, 1)) return 'it names a method'
    if (this.fields.length !== other.fields.length) return 'it names more fields'
    if (this.parameters.length !== other.parameters.length) return 'it names more query parameters'
    return 'it comes first in the file'
  }
}

/** Throws if a request with this path could never take the route. */
function pathOf(text: string, passesAmbiguous: boolean): string {
  const path = routePath(text)
  if (passesAmbiguous || signsOf(path) === 0) return path
  const advice = 'write `path: { ambiguous: pass }` if it is meant'
  const fault = ambiguityOf(path)
  if (fault !== null) throw new Error(`such requests are refused, since ${fault}; ${advice}: ${text}`)
  const [reading] = readings(path)
  if (reading === undefined) return path
  throw new Error(`such requests are refused, since a backend may read ${reading}; ${advice}: ${text}`)
}

/** Compiles routes, once for each of their hosts, in the order of precedence. An error names its route. */
export function compiledRoutes<T>(routes: readonly RouterRoute<T>[], automata: Automata): CompiledRoute<T>[] {
  const patterns = new Patterns(automata)
  const patternPlaces = new Map<string, number>()
  const compiled: CompiledRoute<T>[] = []
  for (const [place, route] of routes.entries()) {
    const { path, hosts } = route.match
    const text = path?.kind === 'pattern' ? path.value : null
    if (text !== null && !patternPlaces.has(text)) patternPlaces.set(text, place)
    const patternPlace = text === null ? 0 : (patternPlaces.get(text) as number)
    try {
      for (const host of hosts.length === 0 ? [''] : hosts)
        compiled.push(new CompiledRoute(route, host, place, patternPlace, patterns))
    } catch (thrown) {
      throw new Error(`route ${route.name}: ${(thrown as Error).message}`, { cause: thrown })
    }
  }
  return compiled.sort((a, b) => a.compare(b))
}
