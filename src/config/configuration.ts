// The configuration as plain data, after includes, defaults and inheritance: names are checked, durations are
// in ms, sizes in bytes, and the texts of files are read. It can be cloned to and from a worker thread,
// unless it came from code and has functions of the program. server/ makes a running server of it.

import type { FormatName } from '../access-log/index.js'
import type { ActiveHealthOptions, BalanceOptions, PassiveHealthOptions } from '../balancing/index.js'
import type { PathOptions, RetryOptions, RouteAction, RouteMatch, Timeouts } from '../proxy/index.js'
import type { LogRedaction } from './access-log.js'
import type { Place } from './diagnostics.js'
import type { BackendChooser, HeldApp } from './live.js'

/** Where a value was written. In a document from code `line` is 0; for a value that is built in, -1. */
export type Source = Place

export interface Configuration {
  /** How it was written: messages name settings so. */
  readonly form: 'options' | 'document'
  readonly listeners: readonly ListenerConfig[]
  readonly trustedProxies: TrustedProxiesConfig
  /** Allowed targets of plain CONNECT. */
  readonly connect: readonly string[]
  /** Those of HTTP. */
  readonly backends: readonly BackendConfig[]
  readonly redisBackends: readonly RedisBackendConfig[]
  /** In the order of the file; includes follow, sorted by name. */
  readonly routes: readonly RouteConfig[]
  /** Limits that differ from the defaults, by room: `{ http2: { lingerMs: 500 } }`. */
  readonly limits: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly resolver: ResolverConfig
  /** The processes that carry requests, with a primary process; 1: it carries them itself. */
  readonly workers: number
  readonly shutdown: ShutdownConfig
  readonly debug: DebugConfig | null
  /** Null: there is no access log. */
  readonly accessLog: AccessLogConfig | null
  readonly processLog: ProcessLogConfig
  readonly admin: AdminConfig | null
  /** Where health, readiness and metrics are told without a token. */
  readonly probes: { readonly address: string } | null
  /** Where settings that belong to no name were written: `limits.http2.lingerMs`, `shutdown.delayMs`. */
  readonly sources: Readonly<Record<string, Source>>
}

export interface ListenerConfig {
  readonly name: string
  readonly source: Source
  /** `HOST:PORT`, `:PORT`, `PORT` or `unix:PATH`. */
  readonly address: string
  /** Null in clear text. */
  readonly tls: ListenerTlsConfig | null
  /** In order of preference. */
  readonly protocols: readonly ('h2' | 'http/1.1')[]
  /** Null: it serves HTTP. */
  readonly redis: RedisListenerConfig | null
}

export interface RedisListenerConfig {
  /** The name of a backend of Redis. */
  readonly backend: string
  readonly share: 'never' | 'auto' | 'always'
  readonly allowAdmin: boolean
}

export interface ListenerTlsConfig {
  /** The first serves clients that name no server, or an unknown one. */
  readonly certificates: readonly CertificateConfig[]
  /** PEM of the authorities for client certificates; null asks for none. */
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
  /** Networks whose forwarding fields are believed. */
  readonly addresses: readonly string[]
  /** The fields that are believed, in lower case. All others of the family are dropped. */
  readonly fields: readonly string[]
  /** Their connections must begin with a PROXY header, which is believed. */
  readonly proxyProtocol: boolean
}

export interface ResolverConfig {
  /** `ADDRESS` or `ADDRESS:PORT`; empty: as the system has them. */
  readonly servers: readonly string[]
  /** Null: as the system has it. */
  readonly search: readonly string[] | null
}

export interface ShutdownConfig {
  /** ms of accepting on after the signal, while load balancers learn of it */
  readonly delayMs: number
  /** ms that running requests may take to finish */
  readonly timeoutMs: number
}

export interface DebugConfig {
  readonly address: string
  readonly token: string | null
  readonly secrets: boolean
}

/** See spec/access-log.md. */
export interface AccessLogConfig {
  /** A path; `-` for standard output. */
  readonly file: string
  readonly format: FormatName | { readonly template: string }
  /** The fields of json and logfmt, in order. */
  readonly fields: readonly string[]
  readonly redact: LogRedaction
}

/** From the fewest messages to the most. */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug'
export type LogFormat = 'text' | 'json'

/** See spec/process-log.md. */
export interface ProcessLogConfig {
  /** The level from which messages are written. */
  readonly level: LogLevel
  readonly format: LogFormat
}

export interface AdminConfig {
  readonly address: string
  /** Null on a Unix-domain socket. */
  readonly token: string | null
  /** The names in Host; null: those of the address. */
  readonly hosts: readonly string[] | null
}

// Backends

export interface BackendConfig {
  readonly name: string
  /** Where the backend begins. */
  readonly source: Source
  /** Where each setting was written, by its path in this object: `balance.slowStartMs`. */
  readonly sources: Readonly<Record<string, Source>>
  readonly protocol: 'http' | 'https' | 'h2c' | 'h2'
  /** Empty with {@link discovery}. With a {@link handler} it is the only one. */
  readonly endpoints: readonly EndpointConfig[]
  /** The app of the program that is the backend; null for endpoints. A file has none. */
  readonly handler: HeldApp | null
  readonly discovery: DiscoveryConfig | null
  /** For `https` and `h2`. */
  readonly tls: BackendTlsConfig
  readonly share: 'process' | 'connection'
  readonly sendProxy: 'v1' | 'v2' | null
  readonly balance: BalanceOptions
  readonly health: HealthConfig
  readonly limits: BackendLimitsConfig
  /** Null for no bound on retries. */
  readonly retryBudget: {
    /** Of the first attempts, 0 to 1. */
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
  /** For `dns`. */
  readonly port: number
  /** Bounds of the time between two look-ups: the TTL is kept between them. */
  readonly leastMs: number
  readonly mostMs: number
}

export interface BackendTlsConfig {
  /** PEM of trusted authorities; null: those of the runtime. */
  readonly ca: string | null
  /** The server name that is sent and checked; null: the endpoint's. */
  readonly name: string | null
  readonly verify: boolean
}

export interface HealthConfig {
  readonly active: ActiveHealthOptions | null
  readonly passive: PassiveHealthOptions | null
  /** Below this share of usable endpoints, 0 to 1, ejections are ignored; 0 for never. */
  readonly panic: number
}

export interface BackendLimitsConfig {
  /** Sessions to each endpoint; null: that of the room `engine`, or `server` for HTTP/1.1. */
  readonly sessions: number | null
  /** Requests in flight and waiting, over all endpoints; 0 for no limit. */
  readonly requests: number
  /** Requests that wait for a stream, at each endpoint. */
  readonly pending: number
  /** After this time a session takes no new request, in ms; 0 for never. */
  readonly sessionAgeMs: number
  /** Requests at once on a session; 0: what the backend allows. */
  readonly streamsPerSession: number
}

/** A share of the keys of a backend of Redis. */
export interface RedisShardConfig {
  /** `HOST:PORT` or `unix:PATH`, in order of preference. */
  readonly endpoints: readonly string[]
  /** It has the keys that begin so; without prefixes, its share of the slots. */
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
  /** Over TLS. */
  readonly secure: boolean
  /** Empty with a cluster. */
  readonly shards: readonly RedisShardConfig[]
  readonly cluster: RedisClusterConfig | null
  readonly tls: BackendTlsConfig
  /** Checks by PING; null: none. */
  readonly check: {
    readonly intervalMs: number
    readonly timeoutMs: number
    readonly healthy: number
    readonly unhealthy: number
  } | null
}

// Routes

/** A filter as a route uses it. */
export interface FilterConfig {
  /** That of the named filter, else its kind. */
  readonly name: string
  readonly kind: string
  /** Its state is kept by this name through reloads. */
  readonly identity: string
  /** As the schema of its kind returns them: plain data. */
  readonly options: unknown
  readonly onFailure: 'refuse' | 'pass'
  /** Where the use is written. */
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
  /** Protocols that a request may switch to besides `websocket`, in lower case. */
  readonly upgrades: readonly string[]
  /** What the body of our own errors tells. */
  readonly errors: 'plain' | 'detailed'
  /** The outermost first. */
  readonly filters: readonly FilterConfig[]
  /** Where each setting was written, by its path in this object: `timeouts.headMs`. */
  readonly sources: Readonly<Record<string, Source>>
  /** Where the route begins. */
  readonly source: Source
}
