// Compiles the routes of a configuration for the proxy.

import type { Configuration, RouteConfig } from '../config/index.js'
import type { Pollset } from '../pollset/index.js'
import {
  type Backend,
  CONNECT_MS_MAX,
  type CompiledAction,
  NEVER,
  NO_ACTION,
  type ProxyLimits,
  Route,
  type RouterRoute,
  Weighted,
} from '../proxy/index.js'
import { ConfigError } from './address.js'
import type { ChosenBackends } from './chosen-backends.js'
import type { PreparedFilters } from './filters.js'

/** Returns the longest timeouts.connect of the routes to each backend, in ms, by its name. */
export function connectTimes({ routes }: Configuration): ReadonlyMap<string, number> {
  const times = new Map<string, number>()
  for (const { action, timeouts } of routes) {
    if (action.kind !== 'backend') continue
    const ms = timeouts.connectMs === NEVER ? CONNECT_MS_MAX : timeouts.connectMs
    for (const { backend } of action.to) times.set(backend, Math.max(ms, times.get(backend) ?? 0))
  }
  return times
}

function actionOf({ name, action }: RouteConfig, backends: ReadonlyMap<string, Backend>): CompiledAction {
  // The last filter of the route chooses its backend, or refuses the request.
  if (action.kind === 'chosen') return NO_ACTION
  if (action.kind !== 'backend') return action
  const to = action.to.map(({ backend, weight }) => {
    const found = backends.get(backend)
    if (found === undefined) throw new ConfigError(`route ${name}: there is no backend '${backend}'`)
    return { to: found, weight }
  })
  return { kind: 'backend', to: new Weighted(to) }
}

/** Returns the routes in the form of the router. @param toOf returns the target of a route */
export const matchedRoutes = <T>(
  routes: readonly RouteConfig[],
  toOf: (route: RouteConfig) => T,
): RouterRoute<T>[] =>
  routes.map((each) => ({
    name: each.name,
    match: each.match,
    path: each.path,
    redirect: each.action.kind === 'redirect' ? each.action : null,
    to: toOf(each),
  }))

/** Makes routes for the router. Throws if a backend is missing, or a filter cannot be made. */
export const madeRoutes = (
  routes: readonly RouteConfig[],
  backends: ReadonlyMap<string, Backend>,
  pollset: Pollset,
  limits: ProxyLimits,
  filters: PreparedFilters,
  chosen: ChosenBackends,
): RouterRoute<Route>[] =>
  matchedRoutes(routes, (each) => {
    const uses = each.filters.map((use) => filters.use(use))
    const { action } = each
    if (action.kind === 'chosen') uses.push(chosen.use(action.choose, action.allowPrivate))
    return new Route(pollset, limits, each, actionOf(each, backends), uses)
  })
