// Chooses the route of a request by the precedence of the Gateway API: the most exact host, then the most
// exact path, then method, fields and query parameters, then the order of the file.

import { type CompiledRoute, type RouteRequest, rankedRoutes } from './compiled-route.js'
import { defaultPort, type Host, readHost } from './host.js'
import { ambiguityOf, normalised } from './path.js'
import type { PathOptions, RouteMatch } from './route.js'

/** A route as the router takes it. `to` is what {@link Router.find} returns. */
export interface RouterRoute<T> {
  readonly name: string
  readonly match: RouteMatch
  readonly path: PathOptions
  readonly to: T
}

/** The request may be read as one of another route, so it must be refused. {@link Router.explain} says why. */
export const AMBIGUOUS: unique symbol = Symbol('ambiguous')

/** Why a request goes where it goes. */
export interface Explanation<T> {
  /** Null if no route takes the request, or if it is refused. */
  readonly chosen: T | null
  /** The name of the chosen route; null without one. */
  readonly name: string | null
  /** Why the request is refused with {@link AMBIGUOUS}; null if it is not. */
  readonly ambiguous: string | null
  /** The path that was matched. */
  readonly path: string
  /** All routes, in the order of precedence. `lost` is null for the chosen one. */
  readonly considered: readonly { readonly name: string; readonly lost: string | null }[]
}

export class Router<T> {
  private readonly routes: readonly CompiledRoute<T>[]
  /** The first route, if it takes every request; else null. */
  private readonly only: CompiledRoute<T> | null

  /** Throws if a route's host, path or pattern is not valid. The message begins with the route's name. */
  constructor(routes: readonly RouterRoute<T>[]) {
    this.routes = rankedRoutes(routes)
    const first = this.routes[0]
    this.only = first?.takesAll === true ? first : null
  }

  /** Returns what the request's route leads to; null if no route takes the request. */
  find(request: RouteRequest): T | typeof AMBIGUOUS | null {
    if (this.only !== null) return this.only.to
    const route = this.choose(request)
    return route === AMBIGUOUS || route === null ? route : route.to
  }

  /** Returns the same choice as {@link find}, with the reasons. Slow. */
  explain(request: RouteRequest): Explanation<T> {
    const route = this.only ?? this.choose(request)
    const chosen = route === AMBIGUOUS ? null : route
    const path = normalised(request.target.split('?', 1)[0])
    return {
      chosen: chosen === null ? null : chosen.to,
      name: chosen === null ? null : chosen.name,
      ambiguous: route === AMBIGUOUS ? ambiguityOf(request.target) : null,
      path,
      considered: this.routes.map((each) => ({ name: each.name, lost: each === chosen ? null : 'lost' })),
    }
  }

  private choose(request: RouteRequest): CompiledRoute<T> | typeof AMBIGUOUS | null {
    const host: Host = readHost(request.authority) ?? { name: '', port: -1 }
    const port = defaultPort(request.scheme)
    const path = normalised(request.target.split('?', 1)[0])
    for (const route of this.routes)
      if (route.host.matches(host, port) && route.takes(request, path)) {
        const refused = route.ambiguous === 'refuse' && ambiguityOf(request.target.split('?', 1)[0]) !== null
        return refused && this.routes.some((each) => each.readsPath) ? AMBIGUOUS : route
      }
    return null
  }
}
