// What goes wrong while the server serves, as sentences for its operator: which bound was reached and how to
// raise it, which scheme to write. Clients are told less (proxy/refusal.ts): addresses, limits and a peer's
// own words are not for them.

import type { Fault } from '../continuation/index.js'
import { type Address, formatAddress } from '../pollset/index.js'
import type { Backend, Exchange, ExchangeWatcher, Refusal } from '../proxy/index.js'
import type { ClientHandshake } from './client-handshake.js'
import { hinted, leaseShortage } from './hints.js'
import type { Limits } from './limits.js'
import type { ProcessLog } from './process-log.js'

/** Characters of a request's authority and path in a line. */
const REQUEST_CHARACTERS_MAX = 120

export class Incidents implements ExchangeWatcher {
  private readonly log: ProcessLog
  private readonly limits: Limits

  constructor(log: ProcessLog, limits: Limits) {
    this.log = log
    this.limits = limits
  }

  /** Mistakes of clients (4xx, 501) are theirs to mend: the access log is the place for them. */
  refused(x: Exchange, refusal: Refusal): void {
    const { status, code } = refusal
    if (status < 502) return
    this.log.repeated(status === 502 ? 'error' : 'warn', `${status} ${code} ${whereTo(x)}`, () => {
      const shortage =
        code === 'lease-late' && x.engine !== null && x.backend !== null
          ? leaseShortage(x.engine, this.limits)
          : null
      return `${requestOf(x)}: ${shortage ?? hinted(x.cause, refusal.text, x.backend)}`
    })
  }

  /** A response that had begun and did not end. A client that left is not told of. */
  aborted(x: Exchange): void {
    const { cause } = x
    const late = x.outcome === 'body-late' || x.outcome === 'tunnel-idle'
    if (!late && (cause === null || cause.side !== 'backend' || cause.code !== x.outcome)) return
    this.log.repeated('warn', `response cut short, ${x.outcome} ${whereTo(x)}`, () =>
      late ? requestOf(x) : `${requestOf(x)}: ${hinted(cause, cause?.message ?? '', null)}`,
    )
  }

  unreached(backend: Backend, why: Fault): boolean {
    return this.log.repeated('error', `no connection to ${backend.name}`, () =>
      hinted(why, why.message, backend),
    )
  }

  dropped({ failure, addresses: ends }: ClientHandshake): void {
    if (failure === null) return
    this.log.repeated('warn', WHAT[failure.kind], () => `${nameOf(ends.from)}: ${failure.text}`)
  }

  turnedAway(from: Address): void {
    const { connectionsMax } = this.limits.server
    this.log.repeated(
      'warn',
      'client connection refused',
      () =>
        `${nameOf(from)}: server.connectionsMax=${connectionsMax} are open; raise it with --limit server.connectionsMax=N`,
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

  /** Requests that run when the time to drain is over. */
  cut(exchanges: number, drainTimeoutMs: number): void {
    if (exchanges > 0)
      this.log.tell('warn', `--drain-timeout=${drainTimeoutMs / 1_000}s is over: ${areCut(exchanges)}`)
  }

  /** Requests that run when a second signal comes. */
  endedBySignal(exchanges: number): void {
    if (exchanges > 0) this.log.tell('warn', `ended by a second signal: ${areCut(exchanges)}`)
  }
}

const areCut = (exchanges: number): string =>
  exchanges === 1 ? '1 request was cut' : `${exchanges} requests were cut`

const WHAT = {
  'proxy-header': 'client connection dropped',
  'tls-handshake': 'TLS handshake failed',
} as const

/** Configured names only: they are what lines are counted by. */
const whereTo = (x: Exchange): string => (x.backend === null ? 'of a CONNECT' : `from ${x.backend.name}`)

const nameOf = (address: Address): string =>
  address.host === '' ? 'a client on a Unix-domain socket' : formatAddress(address)

/** Without the query, which may hold secrets. */
function requestOf({ id, request }: Exchange): string {
  const path = (request.path?.value ?? '').split('?', 1)[0]
  const whole = `${request.method?.value ?? ''} ${request.host}${path}`
  return `${whole.length > REQUEST_CHARACTERS_MAX ? `${whole.slice(0, REQUEST_CHARACTERS_MAX)}…` : whole} (${id})`
}
