// The configuration as plain data, after includes, defaults and inheritance: names are checked, durations are
// in ms, sizes in bytes, and the texts of files are read. It can be cloned to and from a worker thread,
// unless it came from code and has functions of the program. server/ makes a running server from it.

import type { FormatName } from '../access-log/index.js'
import type { ActiveHealthOptions, BalanceOptions, PassiveHealthOptions } from '../balancing/index.js'
import type { PathOptions, RetryOptions, RouteAction, RouteMatch, Timeouts } from '../proxy/index.js'
import type { LogRedaction } from './access-log.js'
import type { Place } from './diagnostics.js'
import type { BackendChooser, HeldApp } from './live.js'

/** The place where a value was written. In a document from code `line` is 0; for a built-in value, -1. */
export type Source = Place

export interface Configuration {
  /**
   * The form in which it was written: options of the command line, options of createServer in the short
   * form, or a document. Messages name settings in that form.
   */
  readonly form: 'options' | 'code' | 'document'
  readonly listeners: readonly ListenerConfig[]
  readonly trustedProxies: TrustedProxiesConfig
  /** Allowed targets of plain CONNECT. */
  readonly connect: readonly string[]
  /** The backends of HTTP. */
  readonly backends: readonly BackendConfig[]
  readonly redisBackends: readonly RedisBackendConfig[]
  /** The routes, in the order of the file; includes follow, sorted by name. */
  readonly routes: readonly RouteConfig[]
  /** Limits that differ from the defaults, by room: `{ http2: { lingerMs: 500 } }`. */
  readonly limits: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly resolver: ResolverConfig
  /**
   * The number of processes that carry requests, beside a primary process; 1: the only process carries them.
   */
  readonly workers: number
  readonly shutdown: ShutdownConfig
  readonly debug: DebugConfig | null
  /** The access log; null: there is none. */
  readonly accessLog: AccessLogConfig | null
  readonly processLog: ProcessLogConfig
  readonly admin: AdminConfig | null
  /** The listener at which health, readiness and metrics need no token; null: there is none. */
  readonly probes: { readonly address: string } | null
  /** The places of settings that belong to no name: `limits.http2.lingerMs`, `shutdown.delayMs`. */
  readonly sources: Readonly<Record<string, Source>>
}

export interface ListenerConfig {
  readonly name: string
  readonly source: Source
  /** `HOST:PORT`, `:PORT`, `PORT` or `unix:PATH`. */
  readonly address: string
  /** TLS; null in clear text. */
  readonly tls: ListenerTlsConfig | null
  /** The protocols, in order of preference. */
  readonly protocols: readonly ('h2' | 'http/1.1')[]
  /** The settings of Redis; null: it serves HTTP. */
  readonly redis: RedisListenerConfig | null
}

export interface RedisListenerConfig {
  /** The name of a backend of Redis. */
  readonly backend: string
  readonly share: 'never' | 'auto' | 'always'
  readonly allowAdmin: boolean
}

export interface ListenerTlsConfig {
  /** The certificates. The first serves clients that name no server, or an unknown one. */
  readonly certificates: readonly CertificateConfig[]
  /** PEM of the authorities for client certificates; null: none is asked for. */
  readonly clientCa: string | null
  readonly clientCertificate: 'none' | 'request' | 'require'
}

export interface CertificateConfig {
  readonly name: string
  readonly source: Source
  /** PEM */
  readonly cert: string
  readonly key: string
}

export interface TrustedProxiesConfig {
  /** The networks whose forwarding fields are trusted. */
  readonly addresses: readonly string[]
  /** The trusted fields, in lower case. All others of the family are dropped. */
  readonly fields: readonly string[]
  /** True: their connections must begin with a PROXY header, which is trusted. */
  readonly proxyProtocol: boolean
}

export interface ResolverConfig {
  /** The servers, each `ADDRESS` or `ADDRESS:PORT`; empty: those of the system. */
  readonly servers: readonly string[]
  /** The search list; null: that of the system. */
  readonly search: readonly string[] | null
}

export interface ShutdownConfig {
  /** ms for which it still accepts after the signal, while load balancers learn of it */
  readonly delayMs: number
  /** ms that running requests may take to finish */
  readonly timeoutMs: number
}

export interface DebugConfig {
  readonly address: string
  readonly token: string | null
  readonly secrets: boolean
}

/** An access log; see spec/access-log.md. */
export interface AccessLogConfig {
  /** A path; `-` for standard output. */
  readonly file: string
  readonly format: FormatName | { readonly template: string }
  /** The fields of json and logfmt, in order. */
  readonly fields: readonly string[]
  readonly redact: LogRedaction
  readonly commands: CommandLogConfig
}

/** The lines of commands of Redis in the access log. */
export interface CommandLogConfig {
  readonly format: AccessLogConfig['format']
  readonly fields: readonly string[]
  /** ms that a command takes at least to have a line */
  readonly slowerThanMs: number
}

/** The level of a message, from the fewest messages to the most. */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug'
export type LogFormat = 'text' | 'json'

/** The process log; see spec/process-log.md. */
export interface ProcessLogConfig {
  /** The level from which messages are written. */
  readonly level: LogLevel
  readonly format: LogFormat
}

export interface AdminConfig {
  readonly address: string
  /** The token; null on a Unix-domain socket. */
  readonly token: string | null
  /** The names in Host; null: those of the address. */
  readonly hosts: readonly string[] | null
}

// Backends

export interface BackendConfig {
  readonly name: string
  /** The place where the backend begins. */
  readonly source: Source
  /** The place of each setting, by its path in this object: `balance.slowStartMs`. */
  readonly sources: Readonly<Record<string, Source>>
  readonly protocol: 'http' | 'https' | 'h2c' | 'h2'
  /** The endpoints; none with {@link discovery}. With a {@link handler} there is one. */
  readonly endpoints: readonly EndpointConfig[]
  /** The app of the program that is the backend; null for endpoints. Files cannot have one. */
  readonly handler: HeldApp | null
  readonly discovery: DiscoveryConfig | null
  /** The TLS of `https` and `h2`. */
  readonly tls: BackendTlsConfig
  readonly share: 'process' | 'connection'
  readonly sendProxy: 'v1' | 'v2' | null
  readonly balance: BalanceOptions
  readonly health: HealthConfig
  readonly limits: BackendLimitsConfig
  /** The retry budget; null: retries are not bounded. */
  readonly retryBudget: {
    /** The share of the first attempts, 0 to 1. */
    readonly ratio: number
    readonly perSecond: number
  } | null
}

export interface EndpointConfig {
  /** `HOST:PORT` or `unix:PATH` */
  readonly address: string
  /** 1 to 256 */
  readonly weight: number
}

export interface DiscoveryConfig {
  /** `dns`: A and AAAA records of the name; `srv`: SRV records. */
  readonly kind: 'dns' | 'srv'
  readonly name: string
  /** The port, for `dns`. */
  readonly port: number
  /** The bounds of the time between two look-ups: a TTL outside of them is changed to the nearer one. */
  readonly leastMs: number
  readonly mostMs: number
}

export interface BackendTlsConfig {
  /** PEM of trusted authorities; null: those of the runtime. */
  readonly ca: string | null
  /** The server name that is sent and checked; null: the name of the endpoint. */
  readonly name: string | null
  readonly verify: boolean
}

export interface HealthConfig {
  readonly active: ActiveHealthOptions | null
  readonly passive: PassiveHealthOptions | null
  /** The share of usable endpoints, 0 to 1, below which ejections are ignored; 0 for never. */
  readonly panic: number
}

export interface BackendLimitsConfig {
  /** The sessions to each endpoint; null: the limit of the room `engine`, or of `server` for HTTP/1.1. */
  readonly sessions: number | null
  /** The requests in flight and waiting, over all endpoints; 0 for no limit. */
  readonly requests: number
  /** The requests that wait for a stream, at each endpoint. */
  readonly pending: number
  /** The time after which a session takes no new request, in ms; 0 for never. */
  readonly sessionAgeMs: number
  /** The requests at once on a session; 0: as many as the backend allows. */
  readonly streamsPerSession: number
}

/** The servers for a share of the keys of a backend of Redis. */
export interface RedisShardConfig {
  /** `HOST:PORT` or `unix:PATH`, in order of preference. */
  readonly endpoints: readonly string[]
  /** The prefixes of its keys; without prefixes, it has its share of the slots. */
  readonly prefixes: readonly string[]
  readonly source: Source
}

/** A Redis Cluster. */
export interface RedisClusterConfig {
  /** `HOST:PORT` of nodes that are asked first. */
  readonly seeds: readonly string[]
  /** `HOST:PORT` in the place of what the nodes name. */
  readonly addresses: Readonly<Record<string, string>>
  readonly source: Source
}

/** A backend of Redis. */
export interface RedisBackendConfig {
  readonly name: string
  readonly source: Source
  readonly sources: Readonly<Record<string, Source>>
  /** True: over TLS. */
  readonly secure: boolean
  /** Empty with a cluster. */
  readonly shards: readonly RedisShardConfig[]
  readonly cluster: RedisClusterConfig | null
  readonly tls: BackendTlsConfig
  /** The checks by PING; null: none. */
  readonly check: {
    readonly intervalMs: number
    readonly timeoutMs: number
    readonly healthy: number
    readonly unhealthy: number
  } | null
}

// Routes

/** The use of a filter in a route. */
export interface FilterConfig {
  /** The name of the named filter, else its kind. */
  readonly name: string
  readonly kind: string
  /** The name by which its state is kept through reloads. */
  readonly identity: string
  /** The options, as plain data that the schema of its kind returned. */
  readonly options: unknown
  readonly onFailure: 'refuse' | 'pass'
  /** The place where the use is written. */
  readonly source: Source
}

/** A function of the program chooses the backend. */
export interface ChosenAction {
  readonly kind: 'chosen'
  readonly choose: BackendChooser
  /** The networks that it may name by URL besides public ones: none, these, or all. */
  readonly allowPrivate: boolean | readonly string[]
}

export interface RouteConfig {
  readonly name: string
  readonly match: RouteMatch
  readonly action: RouteAction | ChosenAction
  readonly timeouts: Timeouts
  readonly retry: RetryOptions
  readonly path: PathOptions
  /** The protocols that a request may switch to besides `websocket`, in lower case. */
  readonly upgrades: readonly string[]
  /** The detail in the body of our own errors. */
  readonly errors: 'plain' | 'detailed'
  /** The filters, outermost first. */
  readonly filters: readonly FilterConfig[]
  /** The place of each setting, by its path in this object: `timeouts.headMs`. */
  readonly sources: Readonly<Record<string, Source>>
  /** The place where the route begins. */
  readonly source: Source
}
