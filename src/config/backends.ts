// The backends of the configuration: defaults, and the checks that concern more than one key.

import type { ActiveHealthOptions, BalanceOptions, PassiveHealthOptions } from '../balancing/index.js'
import type {
  BackendConfig,
  BackendLimitsConfig,
  BackendTlsConfig,
  DiscoveryConfig,
  EndpointConfig,
  HealthConfig,
} from './configuration.js'
import type { Diagnostics, Path } from './diagnostics.js'
import { Sources } from './inheritance.js'
import { warnOfReaders } from './listeners.js'
import type { Named } from './parts.js'
import type { BackendFile } from './schema.js'

/** Settings of backends that are reached through the network. */
const ONLY_ENDPOINTS = [
  'protocol',
  'endpoints',
  'discovery',
  'tls',
  'sendProxy',
  'balance',
  'health',
] as const

/** Reads one backend. */
export class BackendReading {
  private readonly entry: Named<BackendFile>
  private readonly diagnostics: Diagnostics
  private readonly sources = new Sources()

  constructor(entry: Named<BackendFile>, diagnostics: Diagnostics) {
    this.entry = entry
    this.diagnostics = diagnostics
  }

  read(): BackendConfig {
    const { name, value, document, path } = this.entry
    const protocol = this.own('protocol', ['protocol'], value.protocol, 'http') as BackendConfig['protocol']
    if (value.handler !== undefined) this.checkHandler()
    if (value.shards !== undefined)
      this.error(['shards'], 'shards are of Redis; write protocol: redis in this backend, or endpoints')
    if (value.cluster !== undefined)
      this.error(['cluster'], 'a cluster is of Redis; write protocol: redis in this backend, or endpoints')
    if (value.endpoints !== undefined && value.discovery !== undefined)
      this.error(['discovery'], 'endpoints are written too; leave out endpoints or discovery')
    const hasNone = value.endpoints === undefined && value.discovery === undefined
    if (hasNone && value.handler === undefined && !document.isDamaged(path))
      this.error([], 'a backend needs endpoints or discovery; write endpoints: [HOST:PORT]')
    if (value.tls !== undefined && (protocol === 'http' || protocol === 'h2c') && !document.isDamaged(path))
      this.error(
        ['tls'],
        `the protocol ${protocol} has no TLS; write protocol: ${protocol === 'http' ? 'https' : 'h2'}, or leave out tls`,
      )
    return {
      name,
      source: document.keyPlace(path.slice(0, -1), name),
      protocol,
      endpoints: value.handler === undefined ? this.endpoints() : [{ address: name, weight: 1 }],
      handler: value.handler ?? null,
      discovery: this.discovery(),
      tls: this.tls(),
      share: this.own('share', ['share'], value.share, 'process'),
      sendProxy: this.own<'v1' | 'v2' | null>('sendProxy', ['sendProxy'], value.sendProxy, null),
      balance: this.balance(),
      health: this.health(),
      limits: this.limits(),
      retryBudget: {
        ratio: this.own('retryBudget.ratio', ['retryBudget', 'ratio'], value.retryBudget?.ratio, 0.2),
        perSecond: this.own(
          'retryBudget.perSecond',
          ['retryBudget', 'perSecond'],
          value.retryBudget?.perSecond,
          10,
        ),
      },
      sources: this.sources.all,
    }
  }

  /** Checks an app of the program: it is reached in one way, and is the only endpoint. */
  private checkHandler(): void {
    for (const name of ONLY_ENDPOINTS)
      if (this.entry.value[name] !== undefined)
        this.error([name], `a handler has no ${name}; leave out ${name} or handler`)
  }

  private own<T>(name: string, path: Path, value: T | undefined, builtIn: T): T {
    return this.sources.own(name, this.entry.document, [...this.entry.path, ...path], value, builtIn)
  }

  private error(path: Path, message: string): void {
    const { document, path: base } = this.entry
    const whole = [...base, ...path]
    const place =
      path.length === 0
        ? document.keyPlace(base.slice(0, -1), String(base.at(-1)))
        : document.keyPlace(whole.slice(0, -1), String(whole.at(-1)))
    this.diagnostics.error(place, whole, message)
  }

  private endpoints(): EndpointConfig[] {
    const { endpoints = [] } = this.entry.value
    const met = new Map<string, number>()
    const found: EndpointConfig[] = []
    for (const [at, each] of endpoints.entries()) {
      const endpoint =
        typeof each === 'string'
          ? { address: each, weight: 1 }
          : { address: each.address, weight: each.weight ?? 1 }
      const { document, path } = this.entry
      const other = met.get(endpoint.address)
      const whole = [...path, 'endpoints', at]
      if (other === undefined) found.push(endpoint)
      else
        this.diagnostics.error(
          document.place(whole),
          whole,
          `the endpoint ${endpoint.address} is endpoints[${other}] too; leave out one, or give it a weight`,
        )
      met.set(endpoint.address, at)
    }
    return found
  }

  private discovery(): DiscoveryConfig | null {
    const { discovery } = this.entry.value
    if (discovery === undefined) return null
    const { dns, srv, port, every } = discovery
    const { document, path } = this.entry
    const whole = !document.isDamaged([...path, 'discovery'])
    if (dns !== undefined && srv !== undefined)
      this.error(['discovery', 'srv'], 'dns is written too; leave out dns or srv')
    if (dns === undefined && srv === undefined && whole)
      this.error(['discovery'], 'it needs a name; write dns: NAME with port, or srv: NAME')
    if (srv !== undefined && dns === undefined && port !== undefined)
      this.error(['discovery', 'port'], 'SRV records have ports of their own; leave it out')
    if (dns !== undefined && port === undefined && whole)
      this.error(['discovery'], 'dns needs the port of the endpoints; write port: PORT')
    const leastMs = this.own('discovery.leastMs', ['discovery', 'every', 'least'], every?.least, 5_000)
    const mostMs = this.own(
      'discovery.mostMs',
      ['discovery', 'every', 'most'],
      every?.most,
      Math.max(30_000, leastMs),
    )
    if (leastMs > mostMs)
      this.error(['discovery', 'every'], 'least is more than most; write it the other way round')
    return {
      kind: dns === undefined ? 'srv' : 'dns',
      name: dns ?? srv ?? '',
      port: dns === undefined ? 0 : (port ?? 0),
      leastMs,
      mostMs,
    }
  }

  private tls(): BackendTlsConfig {
    const { tls } = this.entry.value
    const verify = this.own('tls.verify', ['tls', 'verify'], tls?.verify, true)
    if (!verify && tls?.ca !== undefined)
      this.error(['tls', 'ca'], 'verify is false, so nothing is checked against it; leave out one')
    return {
      ca: this.own<string | null>('tls.ca', ['tls', 'ca'], tls?.ca, null),
      name: this.own<string | null>('tls.name', ['tls', 'name'], tls?.name, null),
      verify,
    }
  }

  private balance(): BalanceOptions {
    const { balance } = this.entry.value
    const { document, path } = this.entry
    const policy = this.own('balance.policy', ['balance', 'policy'], balance?.policy, 'least-requests')
    const hash = policy === 'hash'
    const whole = !document.isDamaged([...path, 'balance'])
    if (hash && balance?.key === undefined && whole)
      this.error(
        ['balance', 'policy'],
        'the policy hash needs a key; write key: address, field.NAME or cookie.NAME',
      )
    for (const name of ['key', 'bound'] as const)
      if (!hash && balance?.[name] !== undefined && whole)
        this.error(['balance', name], `${name} is for the policy hash; write policy: hash, or leave it out`)
    return {
      policy,
      key: this.own<BalanceOptions['key']>('balance.key', ['balance', 'key'], balance?.key, null),
      bound: this.own('balance.bound', ['balance', 'bound'], balance?.bound, hash ? 1.25 : 0),
      slowStartMs: this.own('balance.slowStartMs', ['balance', 'slowStart'], balance?.slowStart, 30_000),
      affinity: this.affinity(),
    }
  }

  private affinity(): BalanceOptions['affinity'] {
    const affinity = this.entry.value.balance?.affinity
    if (affinity === undefined) return null
    const { document, path } = this.entry
    const whole = [...path, 'balance', 'affinity']
    if (affinity.key === undefined && !document.isDamaged(whole))
      this.diagnostics.warn(
        document.keyPlace(whole.slice(0, -1), 'affinity'),
        whole,
        'without a key the cookies of clients are worth nothing after a restart; write key: { credential: NAME }',
      )
    if (affinity.key !== undefined)
      warnOfReaders(affinity.key, document.place([...whole, 'key']), [...whole, 'key'], this.diagnostics)
    return {
      cookie: this.own('balance.affinity.cookie', ['balance', 'affinity', 'cookie'], affinity.cookie, ''),
      key: this.own<string | null>(
        'balance.affinity.key',
        ['balance', 'affinity', 'key'],
        affinity.key?.text,
        null,
      ),
    }
  }

  private health(): HealthConfig {
    const { health } = this.entry.value
    return {
      active: this.active(),
      passive: this.passive(),
      panic: this.own('health.panic', ['health', 'panic'], health?.panic, 0.5),
    }
  }

  private active(): ActiveHealthOptions | null {
    const active = this.entry.value.health?.active
    if (active === undefined) return null
    const { document, path } = this.entry
    const at = ['health', 'active']
    if (active.tcp === false) this.error([...at, 'tcp'], 'got false; write tcp: true, or leave it out')
    if (active.ping !== undefined)
      this.error([...at, 'ping'], 'PING is of Redis; write protocol: redis in this backend, or another check')
    const kinds = (['http', 'grpc', 'tcp'] as const).filter((each) => active[each] !== undefined)
    if (kinds.length > 1)
      this.error([...at, kinds[1]], `${kinds[0]} is written too; write one of http, grpc and tcp`)
    if (kinds.length === 0 && active.ping === undefined && !document.isDamaged([...path, ...at]))
      this.error(at, 'a check needs a kind; write http: { path: /healthz }, grpc: {} or tcp: true')
    const own = <T>(name: string, key: string, value: T | undefined, builtIn: T): T =>
      this.own(`health.active.${name}`, [...at, key], value, builtIn)
    const status = active.http?.status
    const ranges = status === undefined ? undefined : isRange(status) ? [status] : status
    const intervalMs = own('intervalMs', 'interval', active.interval, 10_000)
    return {
      kind: kinds[0] ?? 'tcp',
      path: own('path', 'http', active.http?.path, '/'),
      host: own<string | null>('host', 'http', active.http?.host, null),
      status: own<readonly (readonly [number, number])[]>('status', 'http', ranges, [[200, 399]]),
      service: own('service', 'grpc', active.grpc?.service, ''),
      intervalMs,
      timeoutMs: own('timeoutMs', 'timeout', active.timeout, 2_000),
      healthy: own('healthy', 'healthy', active.healthy, 2),
      unhealthy: own('unhealthy', 'unhealthy', active.unhealthy, 3),
      initial: own('initial', 'initial', active.initial, 'check'),
    }
  }

  private passive(): PassiveHealthOptions | null {
    const passive = this.entry.value.health?.passive
    if (passive === false) return null
    const own = <T>(name: string, key: string, value: T | undefined, builtIn: T): T =>
      this.own(`health.passive.${name}`, ['health', 'passive', key], value, builtIn)
    const ejectionMs = own('ejectionMs', 'ejection', passive?.ejection, 30_000)
    const ejectionMostMs = own(
      'ejectionMostMs',
      'ejectionMost',
      passive?.ejectionMost,
      Math.max(300_000, ejectionMs),
    )
    if (ejectionMs > ejectionMostMs)
      this.error(['health', 'passive', 'ejectionMost'], 'it is less than ejection; write a longer one')
    return {
      consecutive: own('consecutive', 'consecutive', passive?.consecutive, 5),
      rate: own('rate', 'rate', passive?.rate, 0.5),
      rateLeast: own('rateLeast', 'rateLeast', passive?.rateLeast, 20),
      rateMs: own('rateMs', 'rateTime', passive?.rateTime, 10_000),
      ejectionMs,
      ejectionMostMs,
      ejectedMax: own('ejectedMax', 'ejectedMax', passive?.ejectedMax, 0.5),
    }
  }

  private limits(): BackendLimitsConfig {
    const { limits } = this.entry.value
    const own = <T>(name: string, key: string, value: T | undefined, builtIn: T): T =>
      this.own(`limits.${name}`, ['limits', key], value, builtIn)
    return {
      sessions: own<number | null>('sessions', 'sessions', limits?.sessions, null),
      requests: own('requests', 'requests', limits?.requests, 0),
      pending: own('pending', 'pending', limits?.pending, 1_000),
      sessionAgeMs: own('sessionAgeMs', 'sessionAge', limits?.sessionAge, 0),
      streamsPerSession: own('streamsPerSession', 'streamsPerSession', limits?.streamsPerSession, 0),
    }
  }
}

type StatusRange = readonly [number, number]
const isRange = (status: StatusRange | readonly StatusRange[]): status is StatusRange =>
  typeof status[0] === 'number'
