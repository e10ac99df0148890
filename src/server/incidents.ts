// Writes incidents of a serving server to the process log: the limit that was reached and how to raise it,
// the scheme to write. Clients get less (proxy/refusal.ts): no addresses, limits or words of a peer.

import type { BalanceEvent } from '../balancing/index.js'
import type { Fault } from '../continuation/index.js'
import { type Address, formatAddress } from '../pollset/index.js'
import {
  AMBIGUOUS_PATH,
  durationText,
  type EngineSet,
  type Exchange,
  type ExchangeWatcher,
  endingSetting,
  type Refusal,
} from '../proxy/index.js'
import type { BackendEvents } from './backends.js'
import type { ClientHandshake } from './client-handshake.js'
import { hinted, leaseShortage } from './hints.js'
import type { Limits } from './limits.js'
import type { Level } from './line-logger.js'
import type { ProcessLog } from './process-log.js'
import type { SettingNames } from './setting-names.js'

/** The most characters of a request's method, authority and path in a line. */
const REQUEST_CHARACTERS_MAX = 120

/** The outcomes of exchanges that are cut because a side was late. */
const LATE: ReadonlySet<string> = new Set(['body-late', 'request-late', 'response-unread', 'tunnel-idle'])

/** The most addresses of a backend in a line. */
const ADDRESSES_MAX = 10

interface Others {
  /** Is called once a backend in each logRepeatMs. */
  unreached?(backend: string, why: string): void
  checked?(endpoint: string, passed: boolean): void
}

export class Incidents implements ExchangeWatcher, BackendEvents {
  private readonly log: ProcessLog
  private readonly limits: Limits
  /** Returns the names of the settings in the configuration that serves. */
  private readonly names: () => SettingNames
  private readonly others: Others

  /** @param others are told of them too */
  constructor(log: ProcessLog, limits: Limits, names: () => SettingNames, others: Others = {}) {
    this.others = others
    this.log = log
    this.limits = limits
    this.names = names
  }

  /** Logs refusals that the operator can remedy, not the mistakes of clients (4xx, 501). */
  refused(x: Exchange, refusal: Refusal): void {
    const { status, code } = refusal
    if (refusal === AMBIGUOUS_PATH) {
      this.log.repeated('warn', `400 ${code}`, () => `${requestOf(x)}: ${refusal.text}`)
      return
    }
    if (status < 502) {
      // Mistakes of clients are logged for operators who look for them.
      if (this.log.writes('debug'))
        this.log.repeated('debug', `${status} ${code}`, () => `${requestOf(x)}: ${refusal.text}`)
      return
    }
    this.log.repeated(status === 502 ? 'error' : 'warn', `${status} ${code} ${whereTo(x)}`, () => {
      const setting = endingSetting(x, code)
      const shortage =
        code === 'lease-late' && x.engine !== null && x.backend !== null
          ? leaseShortage(x.engine, this.limits, this.names(), setting !== null)
          : null
      const why = shortage ?? hinted(x.cause, refusal.text, x.endpoint?.engines ?? null, this.names())
      return `${requestOf(x)}: ${why}${setting === null ? '' : `; ${setting}`}`
    })
  }

  /** Logs a response that was cut. A client that left is not logged. */
  aborted(x: Exchange): void {
    const { cause } = x
    // `refused` has logged it.
    if (x.refusal !== null) return
    const late = LATE.has(x.outcome)
    if (!late && (cause === null || cause.side !== 'backend' || cause.code !== x.outcome)) return
    const what = x.tunnelOpen ? 'tunnel closed' : 'response cut short'
    this.log.repeated('warn', `${what}, ${x.outcome} ${whereTo(x)}`, () =>
      late
        ? `${requestOf(x)}: ${endingSetting(x, x.outcome) ?? ''}`
        : `${requestOf(x)}: ${hinted(cause, cause?.message ?? '', null, this.names())}`,
    )
  }

  filterFailed(x: Exchange | null, filter: string, error: unknown): void {
    const what = x === null || x.route.name === '' ? '' : ` on route ${x.route.name}`
    const why = reasonOf(error)
    this.log.repeated(
      'error',
      `filter ${filter} failed${what}`,
      () => `${x === null ? 'in no request' : requestOf(x)}: ${why}`,
      why,
    )
  }

  /** Logs an error that an app of the program has thrown. */
  appFailed(backend: string, error: unknown): void {
    const why = reasonOf(error)
    this.log.repeated('error', `the handler of backend ${backend} failed`, () => why, why)
  }

  unreached(engines: EngineSet, why: Fault): void {
    const { name } = engines
    const first = this.log.repeated('error', `no connection to ${name}`, () =>
      hinted(why, why.message, engines, this.names()),
    )
    if (first) this.others.unreached?.(name, why.detail ?? why.message)
  }

  /** Logs an active check that has ended. */
  checked(endpoint: string, passed: boolean, why: string): void {
    this.others.checked?.(endpoint, passed)
    if (!passed) this.log.repeated('warn', `health check of ${endpoint} failed`, () => why, why)
    else if (this.log.writes('debug'))
      this.log.repeated('debug', `health check of ${endpoint} passed`, () => 'it may get requests')
  }

  /** Logs that the health of an endpoint or of a backend has changed. */
  health(backend: string, endpoint: string | null, event: BalanceEvent, ejectedMs: number): void {
    const [level, what, why] = HEALTH[event]
    const rest = event === 'ejected' ? `${why}; it gets none for ${durationText(Math.round(ejectedMs))}` : why
    this.log.repeated(
      level,
      `backend ${backend}: ${endpoint === null ? '' : `${endpoint} `}${what}`,
      () => rest,
    )
  }

  /** Logs the current endpoints of a backend in DNS. */
  discovered(backend: string, addresses: readonly string[], leftOut: number): void {
    const shown = addresses.slice(0, ADDRESSES_MAX).join(', ')
    const more = addresses.length - ADDRESSES_MAX
    this.log.tell('info', `backend ${backend}: endpoints ${shown}${more > 0 ? ` and ${more} more` : ''}`)
    if (leftOut > 0)
      this.log.tell(
        'warn',
        `backend ${backend}: ${leftOut} more endpoints are left out: proxy.discoveredEndpointsMax is reached`,
      )
  }

  /** Logs that the endpoints of a backend cannot be looked up. @param known the number of earlier ones */
  undiscovered(backend: string, name: string, why: string, known: number): void {
    const stay = known === 0 ? 'it has no endpoints yet' : 'its endpoints stay as they are'
    const text = hinted(null, why, null, this.names())
    this.log.tell('error', `backend ${backend}: ${name} is not found, ${stay}: ${text}`)
  }

  rediscovered(backend: string, name: string): void {
    this.log.tell('info', `backend ${backend}: ${name} is found again`)
  }

  dropped({ failure, addresses }: ClientHandshake): void {
    if (failure === null) return
    const { kind, text } = failure
    this.log.repeated('warn', WHAT[kind], () => {
      const setting = kind === 'proxy-header' ? `; ${this.names().proxyHeaders} asks for one` : ''
      return `${nameOf(addresses.from)}: ${text}${setting}`
    })
  }

  turnedAway(from: Address): void {
    const { connectionsMax } = this.limits.server
    this.log.repeated(
      'warn',
      'client connection refused',
      () =>
        `${nameOf(from)}: server.connectionsMax=${connectionsMax} are open; raise ${this.names().limit('server.connectionsMax')}`,
    )
  }

  notAdmitted(from: Address): void {
    const { abusesMax, connectionsPerAddressMax } = this.limits.server
    this.log.repeated(
      'warn',
      'client address refused',
      () =>
        `${nameOf(from)}: it has server.connectionsPerAddressMax=${connectionsPerAddressMax} open, or was cut off server.abusesMax=${abusesMax} times`,
    )
  }

  /** Logs a client connection that was closed for abuse. */
  abused(from: Address): void {
    this.log.repeated(
      'warn',
      'client connection closed for abuse',
      () => `${nameOf(from)}: it used up a budget, or left a request unfinished (spec/attacks.md)`,
    )
  }

  /** Logs that a client address is refused from now on. */
  blocked(from: Address): void {
    const { abusesMax, refusalMs } = this.limits.server
    this.log.repeated(
      'warn',
      'client address blocked',
      () =>
        `${nameOf(from)}: it was cut off server.abusesMax=${abusesMax} times, and is refused for ${durationText(refusalMs)}`,
    )
  }

  /** Logs the requests that still run when the drain timeout passes. */
  cut(exchanges: number, drainTimeoutMs: number): void {
    if (exchanges > 0)
      this.log.tell('warn', `${this.names().drainTimeout(drainTimeoutMs)} is over: ${areCut(exchanges)}`)
  }

  /** Logs the requests that still run when a second signal comes. */
  endedBySignal(exchanges: number): void {
    if (exchanges > 0) this.log.tell('warn', `ended by a second signal: ${areCut(exchanges)}`)
  }

  /** Logs that the server was told to stop, and still serves for this long. */
  leaves(delayMs: number): void {
    this.log.tell(
      'info',
      `stopping: /readyz fails, and requests are served for ${delayMs / 1_000}s more (shutdown.delay)`,
    )
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const areCut = (exchanges: number): string =>
  exchanges === 1 ? '1 request was cut' : `${exchanges} requests were cut`

/** The level of each event, the event in words, and its cause or consequence. */
const HEALTH: Readonly<Record<BalanceEvent, readonly [level: Level, what: string, why: string]>> = {
  up: ['info', 'is up', 'its health checks pass'],
  down: ['warn', 'is down', 'its health checks fail'],
  ejected: ['warn', 'is ejected', 'too many of its requests failed'],
  returned: ['info', 'is back', 'its ejection is over'],
  reached: ['info', 'is reached again', 'a connection to it was made'],
  'overlay-over': ['info', 'is as configured again', 'the time of its overlay is over'],
  panic: ['error', 'too few endpoints are healthy', 'unhealthy ones get requests too (health.panic)'],
  calm: ['info', 'enough endpoints are healthy again', 'unhealthy ones get no requests'],
}

const WHAT = {
  'proxy-header': 'client connection dropped',
  'tls-handshake': 'TLS handshake failed',
} as const

/** Names the backend. It uses only configured names, since lines are counted by them. */
function whereTo({ backend, filters }: Exchange): string {
  if (backend !== null) return `from ${backend.name}`
  return filters !== null && filters.answeredBy !== ''
    ? `by the filter ${filters.answeredBy}`
    : 'of a CONNECT'
}

const nameOf = (address: Address): string =>
  address.host === '' ? 'a client on a Unix-domain socket' : formatAddress(address)

/** Describes a request without its query, which may hold secrets. */
function requestOf({ id, request }: Exchange): string {
  const path = (request.path?.value ?? '').split('?', 1)[0]
  const whole = `${request.protocol?.value ?? request.method?.value ?? ''} ${request.host}${path}`
  return `${whole.length > REQUEST_CHARACTERS_MAX ? `${whole.slice(0, REQUEST_CHARACTERS_MAX)}…` : whole} (${id})`
}
