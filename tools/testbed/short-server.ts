// Servers from the short form of a configuration, and proxies with plain backends, for tests and tools.

import type { EngineLimits, SessionFactory } from '../../src/engine/index.js'
import type { HttpWorld } from '../../src/http/index.js'
import {
  Backend,
  Endpoint,
  EngineSet,
  type ExchangeSession,
  type FilterUse,
  type ProxyLimits,
  proxyLimits,
  Route,
  Router,
  type RouteSettings,
  type SessionsFor,
  type Share,
  settingsOf,
  Weighted,
} from '../../src/proxy/index.js'
import { Server } from '../../src/server/server.js'
import type { ServerOptions } from '../../src/server/server-options.js'
import { configurationOf, matchOf, type ShortForm } from '../../src/server/short-form.js'

export interface ShortServerOptions extends ShortForm, Omit<ServerOptions, 'configuration' | 'read'> {
  /** ms for which it still accepts after the order to shut down */
  readonly shutdownDelayMs?: number
  /** Is called when an order to reload has been carried out; `wrong` has the reason of a failure. */
  readonly reloaded?: (wrong: Error | null) => void
}

/** Makes a server. */
export function shortServer(options: ShortServerOptions): Server {
  const { log, debug, trace, shutdownDelayMs = 0, reloaded = () => {}, ...form } = options
  const configuration = configurationOf(form)
  const shutdown = { ...configuration.shutdown, delayMs: shutdownDelayMs }
  const server: Server = new Server({
    configuration: { ...configuration, shutdown },
    read: () => server.apply(configurationOf(form), reloaded),
    log,
    debug,
    trace,
  })
  return server
}

/** Makes a server, whose listeners are bound in the next turns. */
export function startShortServer(options: ShortServerOptions): Server {
  const server = shortServer(options)
  server.begin()
  return server
}

/** Makes a backend of one endpoint. */
export const backendOf = (
  world: HttpWorld,
  name: string,
  sessions: SessionsFor,
  limits: EngineLimits,
  share: Share = 'process',
  tunnels: SessionFactory<ExchangeSession> | null = null,
): Backend =>
  new Backend(world, name, [
    new Endpoint(world, new EngineSet(world, name, sessions, limits, share, tunnels)),
  ])

/** A route to a backend, by host and prefix. */
export interface PlainRoute {
  readonly host: string
  readonly prefix: string
  readonly backend: Backend
  /** Default: that of the backend. */
  readonly name?: string
  /** Default: those of the router. */
  readonly filters?: readonly FilterUse[]
}

/** Makes the router of these routes. */
export const routerTo = (
  { pollset }: HttpWorld,
  routes: readonly PlainRoute[],
  limits: Partial<ProxyLimits> = {},
  more: Partial<RouteSettings> = {},
  filters: readonly FilterUse[] = [],
): Router<Route> =>
  new Router(
    routes.map(({ host, prefix, backend, name = backend.name, filters: own = filters }) => {
      const all = { ...proxyLimits, ...limits }
      const settings = { ...settingsOf(name, all), ...more }
      return {
        name,
        match: matchOf(host, prefix),
        path: settings.path,
        to: new Route(
          pollset,
          all,
          settings,
          { kind: 'backend', to: new Weighted([{ to: backend, weight: 1 }]) },
          own,
        ),
      }
    }),
  )
