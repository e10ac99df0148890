// The effective configuration: all parts together, with defaults and inheritance.

import { accessLogOf } from './access-log.js'
import { BackendReading } from './backends.js'
import type { AdminConfig, Configuration, DebugConfig, ResolverConfig, RouteConfig } from './configuration.js'
import { type Diagnostics, type Path, placeText } from './diagnostics.js'
import type { FilesRead } from './files.js'
import { FilterReading } from './filters.js'
import { hiddenRoutes } from './hidden-routes.js'
import { type Layer, Sources } from './inheritance.js'
import { certificatesOf, listenersOf, only, trustedProxiesOf, warnOfReaders } from './listeners.js'
import { entriesOf, type Names, type Part } from './parts.js'
import { processLogOf } from './process-log.js'
import { isRedis, redisBackendOf } from './redis.js'
import { checkRouteNames, RouteReading } from './routes.js'
import type { Schemas } from './schema.js'
import { sharedCacheMistakes } from './shared-caches.js'

/** Makes the configuration from its parts, the main file first. Reports parts that do not belong together. */
export function effectiveOf(
  parts: readonly Part[],
  names: Names,
  diagnostics: Diagnostics,
  kinds: Schemas['kinds'],
  read: FilesRead,
): Configuration {
  const sources = new Sources()
  const [main] = parts
  const certificates = certificatesOf(parts, diagnostics)
  const backends = entriesOf(parts, 'backends')
  const backendFiles = new Map(backends.map(({ name, value }) => [name, value]))
  const { delay, timeout } = main.value.shutdown ?? {}
  const configuration: Configuration = {
    form: 'document',
    listeners: listenersOf(parts, names, certificates, backendFiles, diagnostics),
    trustedProxies: trustedProxiesOf(parts, diagnostics),
    connect: [...new Set(parts.flatMap(({ value }) => value.connect ?? []))],
    backends: backends
      .filter(({ value }) => !isRedis(value.protocol))
      .map((entry) => new BackendReading(entry, diagnostics).read()),
    redisBackends: backends
      .filter(({ value }) => isRedis(value.protocol))
      .map((entry) => redisBackendOf(entry, diagnostics)),
    routes: routesOf(parts, names, diagnostics, kinds, read),
    limits: limitsOf(parts, sources, diagnostics),
    resolver: resolverOf(parts, diagnostics),
    workers: main.value.workers ?? 1,
    shutdown: {
      delayMs: sources.own('shutdown.delayMs', main.document, ['shutdown', 'delay'], delay, 0),
      timeoutMs: sources.own('shutdown.timeoutMs', main.document, ['shutdown', 'timeout'], timeout, 30_000),
    },
    debug: debugOf(main, diagnostics),
    accessLog: accessLogOf(main),
    processLog: processLogOf(main),
    admin: adminOf(main, diagnostics),
    probes: main.value.probes ?? null,
    sources: sources.all,
  }
  checkServes(parts, configuration, diagnostics)
  return configuration
}

function routesOf(
  parts: readonly Part[],
  names: Names,
  diagnostics: Diagnostics,
  kinds: Schemas['kinds'],
  read: FilesRead,
): RouteConfig[] {
  const [main] = parts
  const { defaults: value } = main.value
  const defaults: Layer | null =
    value === undefined ? null : { document: main.document, path: ['defaults'], value }
  const backends = new Map(entriesOf(parts, 'backends').map((entry) => [entry.name, entry]))
  const filters = new FilterReading(parts, names, diagnostics, kinds, read)
  const entries = value?.filters
  filters.readDefaults(
    entries === undefined ? null : { document: main.document, path: ['defaults', 'filters'], entries },
  )
  const context = { names, backends, defaults, diagnostics, filters }
  const routes: RouteConfig[] = []
  const paths: Path[] = []
  for (const { document, value } of parts) {
    for (const [at, route] of (value.routes ?? []).entries()) {
      const path = ['routes', at]
      paths.push(path)
      routes.push(new RouteReading(route, document, path, context).read(`route-${routes.length + 1}`))
    }
  }
  checkRouteNames(routes, paths, diagnostics)
  for (const { source, message } of sharedCacheMistakes(routes)) diagnostics.error(source, 'filters', message)
  // After a mistake, a route may match more than was meant.
  for (const { index, by } of diagnostics.errors.length > 0 ? [] : hiddenRoutes(routes)) {
    const { name, source } = routes[by]
    const place = placeText(source)
    const at = place === '' ? '' : ` (${place})`
    diagnostics.warn(
      routes[index].source,
      paths[index],
      `no request gets to the route ${routes[index].name}: ${name}${at} comes first and takes all that it matches`,
    )
  }
  return routes
}

/** The settings of routes and backends that take the place of limits. */
const INSTEAD: Readonly<Record<string, string>> = {
  'proxy.leaseTimeoutMs': 'defaults.timeouts.lease',
  'proxy.headTimeoutMs': 'defaults.timeouts.head',
  'proxy.bodyTimeoutMs': 'defaults.timeouts.idle',
  'proxy.tunnelIdleMs': 'defaults.timeouts.tunnel',
  'proxy.exchangeTimeoutMs': 'defaults.timeouts.request',
  'proxy.attemptsMax': 'defaults.retry.attempts',
  'proxy.replayBytesMax': 'defaults.retry.replay',
  'transport.connectMs': 'defaults.timeouts.connect',
  'engine.queueMax': 'limits.pending of each backend',
}

function limitsOf(
  parts: readonly Part[],
  sources: Sources,
  diagnostics: Diagnostics,
): Configuration['limits'] {
  const all: Record<string, Record<string, number>> = {}
  for (const { document, value } of parts) {
    for (const [room, limits] of Object.entries(value.limits ?? {})) {
      for (const [name, limit] of Object.entries(limits ?? {})) {
        if (limit === undefined) continue
        const { key, number } = limit
        const path = ['limits', room, name]
        const full = `limits.${room}.${key}`
        const other = sources.all[full]
        if (other !== undefined)
          diagnostics.error(
            document.place(path),
            path,
            `the limit is written at ${placeText(other)} too; leave out one`,
          )
        const instead = INSTEAD[`${room}.${key}`]
        if (instead !== undefined)
          diagnostics.warn(
            document.place(path),
            path,
            `this counts for plain CONNECT only; for routes write ${instead}`,
          )
        all[room] ??= {}
        all[room][key] = sources.own(full, document, path, number, number)
      }
    }
  }
  return all
}

function resolverOf(parts: readonly Part[], diagnostics: Diagnostics): ResolverConfig {
  const { servers = [], search = null } = only(parts, 'resolver', diagnostics)?.value ?? {}
  return { servers, search }
}

function debugOf({ document, value }: Part, diagnostics: Diagnostics): DebugConfig | null {
  const { debug } = value
  if (debug === undefined) return null
  const { address, token, secrets = false } = debug
  const path = ['debug', 'token']
  if (token !== undefined) warnOfReaders(token, document.place(path), path, diagnostics)
  return { address, token: token?.text ?? null, secrets }
}

function adminOf({ document, value }: Part, diagnostics: Diagnostics): AdminConfig | null {
  const { admin } = value
  if (admin === undefined) return null
  const { address, token, hosts = null } = admin
  const path = ['admin', 'token']
  if (token !== undefined) warnOfReaders(token, document.place(path), path, diagnostics)
  else if (!address.startsWith('unix:') && !document.isDamaged(['admin']))
    diagnostics.error(
      document.place(['admin']),
      ['admin'],
      'over TCP a token is needed; write token: { file: PATH }, or an address as unix:PATH',
    )
  return { address, token: token?.text ?? null, hosts }
}

/** Reports a configuration that serves nobody. */
function checkServes(parts: readonly Part[], configuration: Configuration, diagnostics: Diagnostics): void {
  const { listeners, routes, connect } = configuration
  const isWhole = parts.every(({ document }) => !document.isDamaged([]))
  if (!isWhole) return
  const [{ document }] = parts
  if (listeners.length === 0)
    diagnostics.error(
      document.place([]),
      'listeners',
      'nothing listens; write listeners: { main: { address: HOST:PORT } }',
    )
  if (routes.length === 0 && connect.length === 0 && listeners.some(({ redis }) => redis === null))
    diagnostics.warn(
      document.place([]),
      'routes',
      'there is no route, and so nothing to serve; every request gets 404',
    )
}
