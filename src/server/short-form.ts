// The short form of a configuration: the settings of the command line and of the simplest calls of
// createServer, with defaults for the rest. Each route leads to a backend of one endpoint, whose
// name is its URL.

import {
  type AccessLogOptions,
  type AdminConfig,
  accessLogConfig,
  type BackendConfig,
  type BackendTlsConfig,
  type Configuration,
  type ListenerConfig,
  processLogConfig,
  type RouteConfig,
  type SomeProcessLog,
} from '../config/index.js'
import { formatAddress } from '../pollset/index.js'
import { type RouteMatch, settingsOf } from '../proxy/index.js'
import type { ProxyVersion } from '../transport/index.js'
import { type Listen, parseBackend, type RouteText } from './address.js'
import { defaultLimits, type Limits, limitsWith, type SomeLimits } from './limits.js'
import type { ServerCertificates } from './server-options.js'

export const DRAIN_TIMEOUT_MS = 30_000

/** The TLS options of connections to backends. */
export interface BackendTls {
  /** PEM of the trusted authorities, in place of those of the runtime. */
  readonly ca?: string
  /** The server name that is sent and checked, in place of the URL's. */
  readonly serverName?: string
  /** False accepts any certificate. */
  readonly verify?: boolean
}

/** The settings of each short form, of HTTP and of Redis. */
export interface ServerForm {
  readonly listen: readonly Listen[]
  readonly certificates?: () => ServerCertificates
  readonly backendTls?: BackendTls
  readonly acceptProxy?: readonly string[]
  readonly limits?: SomeLimits
  readonly drainTimeoutMs?: number
  /** The level and the form of the lines that `log` gets. */
  readonly processLog?: SomeProcessLog
}

/** The settings that only the command line has. */
export interface CommandForm {
  readonly workers?: number
  readonly admin?: AdminConfig
  /** The address of probes. */
  readonly probes?: string
}

export interface ShortForm extends ServerForm {
  readonly sendProxy?: ProxyVersion
  readonly connect?: readonly string[]
  readonly routes: readonly RouteText[]
  readonly share?: 'process' | 'connection'
  readonly errors?: 'plain' | 'detailed'
  readonly accessLog?: AccessLogOptions
}

/** The source of its values: a short form has no lines. */
export const NO_SOURCE = { file: '', line: 0, column: 0 }

/** Returns an address as it is written. */
export const addressText = (address: Listen): string =>
  address.path !== undefined ? `unix:${address.path}` : formatAddress(address)

/** Returns the listeners. Calls `certificates` once if one of them does TLS. */
export function listenersOf({ listen, certificates }: ServerForm): ListenerConfig[] {
  const made = listen.some((each) => each.secure === true) ? (certificates?.() ?? null) : null
  return listen.map((each) => listenerOf(each, made))
}

function listenerOf(address: Listen, made: ServerCertificates | null): ListenerConfig {
  const tls =
    address.secure !== true
      ? null
      : {
          certificates: (made?.certificates ?? []).map(({ cert, key, from = '' }) => ({
            name: from,
            source: NO_SOURCE,
            cert,
            key,
          })),
          clientCa: made?.clientCa ?? null,
          clientCertificate: made?.clientRequired
            ? ('require' as const)
            : made?.clientCa === undefined
              ? ('none' as const)
              : ('request' as const),
        }
  const text = addressText(address)
  return { name: text, source: NO_SOURCE, address: text, tls, protocols: ['h2', 'http/1.1'], redis: null }
}

function backendOf(url: string, options: ShortForm, pending: number): BackendConfig {
  const { scheme } = parseBackend(url)
  return {
    name: url,
    protocol: scheme,
    endpoints: [{ address: url.slice(url.indexOf('://') + 3).replace(/\/$/, ''), weight: 1 }],
    handler: null,
    discovery: null,
    tls: backendTlsOf(options),
    share: options.share ?? 'process',
    sendProxy: options.sendProxy ?? null,
    balance: { policy: 'least-requests', key: null, bound: 0, slowStartMs: 0, affinity: null },
    health: { active: null, passive: null, panic: 0 },
    limits: { sessions: null, requests: 0, pending, sessionAgeMs: 0, streamsPerSession: 0 },
    retryBudget: null,
    source: NO_SOURCE,
    sources: {},
  }
}

/** Returns the match of a host, '' for any, and a path prefix. */
export const matchOf = (host: string, prefix: string): RouteMatch => ({
  listeners: [],
  hosts: host === '' ? [] : [host],
  path: prefix === '/' ? null : { kind: 'prefix', value: prefix },
  methods: [],
  headers: [],
  query: [],
})

function routeOf(
  { host, prefix, url }: RouteText,
  { proxy, transport }: Limits,
  options: ShortForm,
): RouteConfig {
  const name = host === '' && prefix === '/' ? '/' : `${host}${prefix}`
  const settings = settingsOf(name, proxy)
  return {
    ...settings,
    timeouts: { ...settings.timeouts, connectMs: transport.connectMs },
    errors: options.errors ?? 'plain',
    filters: [],
    match: matchOf(host, prefix),
    action: { kind: 'backend', to: [{ backend: url, weight: 1 }] },
    sources: {},
    source: NO_SOURCE,
  }
}

/** Returns the TLS of connections to backends. */
export const backendTlsOf = ({
  backendTls: { ca, serverName, verify } = {},
}: ServerForm): BackendTlsConfig => ({
  ca: ca ?? null,
  name: serverName ?? null,
  verify: verify ?? true,
})

/** The form in which a short form is written: options of the command line, or of createServer. */
export type WrittenForm = 'options' | 'code'

/** Returns the configuration without listeners, backends and routes. */
export function settingsOfServer(options: ServerForm & CommandForm, form: WrittenForm = 'options') {
  const { acceptProxy = [], limits = {}, workers = 1, probes, admin, drainTimeoutMs } = options
  return {
    form,
    trustedProxies: { addresses: acceptProxy, fields: [], proxyProtocol: acceptProxy.length > 0 },
    limits: limits as Configuration['limits'],
    resolver: { servers: [], search: null },
    workers,
    shutdown: { delayMs: 0, timeoutMs: drainTimeoutMs ?? DRAIN_TIMEOUT_MS },
    debug: null,
    processLog: processLogConfig(options.processLog ?? {}),
    admin: admin ?? null,
    probes: probes === undefined ? null : { address: probes },
    sources: {},
  }
}

/** Makes the configuration. Calls `certificates` once. */
export function configurationOf(
  options: ShortForm & CommandForm,
  form: WrittenForm = 'options',
): Configuration {
  const { connect = [], routes, accessLog } = options
  const limits = limitsWith(defaultLimits, options.limits)
  const urls = [...new Set(routes.map((each) => each.url))]
  return {
    ...settingsOfServer(options, form),
    listeners: listenersOf(options),
    connect,
    redisBackends: [],
    backends: urls.map((url) => backendOf(url, options, limits.engine.queueMax)),
    routes: routes.map((each) => routeOf(each, limits, options)),
    accessLog: accessLog === undefined ? null : accessLogConfig(accessLog),
  }
}
