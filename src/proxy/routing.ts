// Chooses the route of a request by the precedence of the Gateway API: the most exact host, then the most
// exact path, then method, fields and query parameters, then the order of the file (spec/routing.md).

import {
  type Automata,
  type CompiledRoute,
  compiledRoutes,
  type RouteRequest,
  type RouterRoute,
} from './compiled-route.js'
import { HostIndex, type HostRoutes } from './host-index.js'
import { ambiguityOf, DOUBTFUL, normalised, plainLength, READABLE, readings, signsOf } from './path.js'

/**
 * The result for a request that may be read as one of another route, so it must be refused. {@link
 * Router.ambiguity} returns the reason.
 */
export const AMBIGUOUS: unique symbol = Symbol('ambiguous')

/** The reasons for the route of a request. */
export interface Explanation<T> {
  /** The target of the chosen route; null if no route takes the request, or if it is refused. */
  readonly chosen: T | null
  /** The name of the chosen route; null without one. */
  readonly name: string | null
  /** The reason why the request is refused with {@link AMBIGUOUS}; null if it is not. */
  readonly ambiguous: string | null
  /** The path that was matched. */
  readonly path: string
  /** All routes, in the order of precedence. `lost` is null for the chosen one only. */
  readonly considered: readonly { readonly name: string; readonly lost: string | null }[]
}

/**
 * A route that was chosen by the normalised path, and the reason why the request is refused all
 * the same, or null.
 */
interface Choice<T> {
  readonly route: CompiledRoute<T> | null
  readonly ambiguous: string | null
}

export class Router<T> {
  /** The routes, in the order of precedence. */
  private readonly routes: readonly CompiledRoute<T>[]
  /** The first route, if it takes every request; else null. */
  private readonly only: CompiledRoute<T> | null
  private readonly hosts: HostIndex<T>

  /**
   * Throws if a route's host, path or pattern is not valid. The message begins with `route NAME: `.
   * @param automata the automata of patterns that have been built already; others are built
   */
  constructor(routes: readonly RouterRoute<T>[], automata: Automata = new Map()) {
    this.routes = compiledRoutes(routes, automata)
    const first = this.routes[0]
    this.only = first?.takesAll === true ? first : null
    this.hosts = new HostIndex(this.routes)
  }

  /** Returns the target of the request's route; null if no route takes the request. */
  find(request: RouteRequest): T | typeof AMBIGUOUS | null {
    if (this.only !== null) return this.only.to
    const { target } = request
    const host = this.hosts.find(request.authority, request.scheme)
    const length = host.readsPath ? plainLength(target) : 0
    if (length >= 0) return toOf(host.find(request, target, length))
    const { route, ambiguous } = choose(host, request)
    if (ambiguous !== null) return AMBIGUOUS
    return toOf(route)
  }

  /** Returns why {@link find} returns AMBIGUOUS; null if it does not. */
  ambiguity(request: RouteRequest): string | null {
    if (this.only !== null) return null
    return choose(this.hosts.find(request.authority, request.scheme), request).ambiguous
  }

  /** Returns the choice of {@link find}, and why the other routes lost. */
  explain(request: RouteRequest): Explanation<T> {
    const host = this.hosts.find(request.authority, request.scheme)
    const { route, ambiguous } =
      this.only === null ? choose(host, request) : { route: this.only, ambiguous: null }
    const path = normalised(sentPath(request.target))
    // A route with several hosts appears once, at its first host that matches.
    const places = new Set(this.routes.filter((each) => host.has(each)).map((each) => each.place))
    const considered: { name: string; lost: string | null }[] = []
    const seen = new Set<number>()
    for (const each of this.routes) {
      if (seen.has(each.place) || (places.has(each.place) && !host.has(each))) continue
      seen.add(each.place)
      let lost: string | null
      if (!host.has(each)) lost = `host ${request.authority} is another one`
      else if (each === route) lost = ambiguous === null ? null : `the request is refused: ${ambiguous}`
      else lost = each.faultOf(request, path) ?? `route ${route?.name} goes first: ${route?.advantage(each)}`
      considered.push({ name: each.name, lost })
    }
    const chosen = ambiguous === null ? route : null
    return {
      chosen: chosen === null ? null : chosen.to,
      name: chosen === null ? null : chosen.name,
      ambiguous,
      path,
      considered,
    }
  }
}

const toOf = <T>(route: CompiledRoute<T> | null): T | null => (route === null ? null : route.to)

/** Returns the path of a target, as it was sent. */
function sentPath(target: string): string {
  const mark = target.indexOf('?')
  return mark < 0 ? target : target.slice(0, mark)
}

/** Chooses by the normalised path, and looks at the other paths that a backend might read in it. */
function choose<T>(host: HostRoutes<T>, request: RouteRequest): Choice<T> {
  const sent = sentPath(request.target)
  const path = normalised(sent)
  const route = host.find(request, path, path.length)
  const looks = host.readsPath && route?.passesAmbiguous !== true
  return { route, ambiguous: looks ? doubtOf(host, request, sent, path, route) : null }
}

/**
 * Returns the reason why a backend might read a path of another route, or an unknown path; null
 * if it could not.
 */
function doubtOf<T>(
  host: HostRoutes<T>,
  request: RouteRequest,
  sent: string,
  path: string,
  route: CompiledRoute<T> | null,
): string | null {
  const signs = signsOf(sent)
  const fault = (signs & DOUBTFUL) === 0 ? null : ambiguityOf(sent)
  if (fault !== null) return `a backend may read its path otherwise: ${fault}`
  if ((signs & READABLE) === 0) return null
  for (const reading of readings(path)) {
    const doubt = ambiguityOf(reading)
    if (doubt !== null) return `a backend may read its path as ${reading}: ${doubt}`
    const other = host.find(request, reading, reading.length)
    if (other?.place === route?.place) continue
    return `a backend may read its path as ${reading}, which ${other === null ? 'no route takes' : `is of route ${other.name}`}`
  }
  return null
}
