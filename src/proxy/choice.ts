// Chooses for an exchange its route, its backend, and the endpoint of each attempt (spec/routing.md,
// spec/balancing.md). It tells the balancer the result of each endpoint.

import { backoffMs } from '../balancing/index.js'
import { type Fault, fault } from '../continuation/index.js'
import { type Head, IDEMPOTENT, type StreamFault } from '../http/index.js'
import type { Backend } from './backend.js'
import type { Endpoint } from './endpoint.js'
import { EndpointWait, USABLE } from './endpoint-wait.js'
import type { Exchange } from './exchange.js'
import { filtering } from './filter/filtering.js'
import { isReplayable } from './filter/run.js'
import { forwardedByUs } from './forwarding.js'
import { normalisedTarget } from './path.js'
import { locationOf } from './redirect.js'
import * as refusals from './refusal.js'
import { cookieOf } from './request-view.js'
import { CONNECT_MS_MAX, type CompiledAction } from './routes.js'
import { AMBIGUOUS } from './routing.js'
import type { Weighted } from './weighted.js'

/** The longest Retry-After that a retry waits for, in ms. A longer one passes to the client. */
const RETRY_AFTER_MS_MAX = 1_000

/** Returns true for a status of a gateway: the endpoint has failed the request. */
const isFailure = (status: number): boolean => status === 502 || status === 503 || status === 504

const CONNECT_LATE = fault(
  'connect-late',
  'backend',
  'connection',
  'safe',
  'no connection to the backend was open in time',
)

/** An object, so that the simulator can plant defects in it. */
export const choice = {
  /** Finds the route. Returns the next step. */
  route(x: Exchange): 'filterRequest' | 'balance' | 'respond' | 'refuse' {
    const { proxy } = x
    forwardedByUs(x)
    const route = x.given ?? proxy.routes.find(proxy.requestView.of(x))
    if (route === null) {
      x.refusal = refusals.NO_ROUTE
      return 'refuse'
    }
    if (route === AMBIGUOUS) {
      x.refusal = refusals.AMBIGUOUS_PATH
      return 'refuse'
    }
    x.pin(route)
    if (route.action.kind === 'backend' && route.path.forward === 'normalised') choice.normalise(x)
    if (x.filters === null) return choice.act(x)
    if (route.action.kind === 'backend') x.filters.aimAt(choice.ofRoute(x, route.action.to))
    return 'filterRequest'
  },

  ofRoute: ({ proxy }: Exchange, to: Weighted<Backend>): Backend => to.only ?? to.choose(proxy.chance.next()),

  /** Takes the action of the route, or that of a filter in its place. Returns the next step. */
  act(x: Exchange): 'balance' | 'respond' | 'refuse' {
    const { route, request } = x
    const chosen = x.filters?.backend ?? null
    if (route.action.kind !== 'backend' && chosen === null) return choice.answer(x, route.action)
    const { protocol } = request
    if (
      x.asksTunnel &&
      protocol !== null &&
      protocol.value !== 'websocket' &&
      !route.upgrades.has(protocol.value)
    ) {
      x.refusal = refusals.UNSUPPORTED_PROTOCOL
      return 'refuse'
    }
    if (x.frontend.upgrade !== '' && route.upgrades.size > 0) {
      x.upgrade = allowedUpgrade(x.frontend.upgrade, route.upgrades)
      x.refusal = x.upgrade === '' ? null : x.countTunnel()
      if (x.refusal !== null) return 'refuse'
    }
    if (chosen !== null) x.goTo(chosen)
    else if (route.action.kind === 'backend') x.goTo(choice.ofRoute(x, route.action.to))
    return 'balance'
  },

  /** Answers in place of a backend. */
  answer(x: Exchange, action: Exclude<CompiledAction, { kind: 'backend' }>): 'respond' | 'refuse' {
    if (action.kind === 'answer') {
      const { status, body, fields } = action
      x.ownAnswer = { status, outcome: 'answered', text: body, fields }
      return 'respond'
    }
    const location = locationOf(action, x.proxy.requestView.of(x))
    if (location === null) {
      x.refusal = refusals.NO_HOST
      return 'refuse'
    }
    x.ownAnswer = { status: action.status, outcome: 'redirected', text: '', fields: [['location', location]] }
    return 'respond'
  },

  /** Replaces the client's spelling by the normalised path. */
  normalise(x: Exchange): void {
    const target = x.request.path?.value ?? '*'
    const other = normalisedTarget(target)
    if (other !== target) x.request = x.request.withControl('path', other)
  },

  /** Chooses the endpoint of an attempt. */
  balance(x: Exchange): 'filterAttempt' | 'lease' | 'refuse' | 'wait' {
    const backend = x.backend as Backend
    choice.leave(x)
    if (backend.isFull) {
      x.refusal = refusals.REQUESTS_FULL
      return 'refuse'
    }
    const endpoint = choice.endpointOf(x, backend)
    if (endpoint === null) return choice.awaitEndpoint(x, backend)
    // It counts once: after a session that closed before the request was sent, the next attempt is
    // still the first.
    if (x.engine === null) backend.budget?.first(x.now)
    choice.take(x, backend, endpoint)
    return filtering.attemptBegins(x) ? 'filterAttempt' : 'lease'
  },

  endpointOf: (x: Exchange, backend: Backend): Endpoint | null =>
    backend.boundTo(x.frontend.client) ?? choice.byAffinity(x, backend) ?? choice.byPolicy(x, backend),

  take(x: Exchange, backend: Backend, endpoint: Endpoint): void {
    x.endpoint = endpoint
    x.attemptBegins(endpoint.name)
    backend.begin(endpoint)
    x.engine = endpoint.engines.engineFor(x.frontend.client)
  },

  /** Finds no endpoint: waits for an expected one, for at most timeouts.connect. */
  awaitEndpoint(x: Exchange, backend: Backend): 'wait' | 'refuse' {
    if (x.endpointBy === 0) x.endpointBy = Math.min(x.progress.oldAt, x.now + x.route.connectMs)
    const until = Math.min(x.endpointBy, backend.awaitsUntil())
    if (until <= x.now) {
      x.refusal = refusals.NO_ENDPOINT
      return 'refuse'
    }
    if (backend.waits.size >= backend.options.waitingMax) {
      x.refusal = refusals.QUEUE_FULL
      return 'refuse'
    }
    x.endpointWait = new EndpointWait(x.id, backend)
    backend.waits.add(x.endpointWait)
    x.waitOn(0, x.endpointWait, USABLE)
    x.waitUntil(until)
    return 'wait'
  },

  byAffinity(x: Exchange, backend: Backend): Endpoint | null {
    const { affinity } = backend.options.balancer.balance
    if (affinity === null || x.tried.length > 0) return null
    const value = cookieOf(x, affinity.cookie)
    return value === null ? null : backend.byAffinity(value)
  },

  byPolicy(x: Exchange, backend: Backend): Endpoint | null {
    const { policy, key } = backend.options.balancer.balance
    if (policy !== 'hash' || key === null) return backend.choose(null, x.tried)
    const value =
      key.kind === 'address'
        ? x.clientAddress
        : key.kind === 'cookie'
          ? cookieOf(x, key.name)
          : x.proxy.requestView.of(x).field(key.name)
    return backend.choose(value, x.tried)
  },

  /** Gives the endpoint back, if it has one, and stops waiting for one. */
  leave(x: Exchange): void {
    const { endpoint, endpointWait } = x
    if (endpointWait !== null) {
      x.backend?.waits.delete(endpointWait)
      x.endpointWait = null
    }
    if (endpoint === null) return
    x.endpoint = null
    x.backend?.end(endpoint)
  },

  /** Handles an endpoint that could not be reached: the request goes to another one, or is refused. */
  unreached(x: Exchange, why: Fault): 'retry' | 'refuse' {
    x.cause = why
    x.attemptEnds(why.code)
    const { endpoint, backend } = x
    if (endpoint !== null && backend !== null) {
      backend.balancer.unreached(endpoint.member, x.now, why)
      x.tried = [...x.tried, endpoint.member]
      x.unreached++
      if (choice.goesElsewhere(x, backend)) {
        x.lease.release()
        return 'retry'
      }
    }
    x.refusal = x.refusalOf(why)
    return 'refuse'
  },

  /** Returns true if the request can go to another endpoint than those that could not be reached. */
  goesElsewhere(x: Exchange, backend: Backend): boolean {
    if (!x.route.retry.connectFailure || !backend.hasOther(x.tried)) return false
    return x.mayRetry && choice.affords(x)
  },

  /** Notes that a connection to the endpoint is open. */
  reached({ endpoint, backend, now }: Exchange): void {
    if (endpoint !== null && endpoint.member.trialAt > 0) backend?.balancer.reached(endpoint.member, now)
  },

  /**
   * Returns the ms for which it waits for a connection; 0 if its route has no timeouts.connect: then it
   * waits for its lease.
   */
  connectMs({ route, endpoint }: Exchange): number {
    if (endpoint === null) return 0
    const { connectMs } = endpoint.engines
    if (route.connectMs !== Number.POSITIVE_INFINITY) return Math.min(route.connectMs, connectMs)
    return connectMs === CONNECT_MS_MAX ? connectMs : 0
  },

  /** Handles the end of timeouts.connect without an open connection. */
  connectLate: (x: Exchange): 'retry' | 'refuse' => choice.unreached(x, CONNECT_LATE),

  /**
   * Tells the balancer of a fault before the response head. Faults caused by others or by the
   * client do not count.
   */
  failed(x: Exchange, why: StreamFault): void {
    const { endpoint, backend, backendStream } = x
    if (endpoint === null || backend === null || why.side !== 'backend') return
    if (why.stale || (why.uncounted ?? null) !== null) return
    x.tried = [...x.tried, endpoint.member]
    if (why.retry === 'safe') return
    const lost = why.scope === 'connection' ? (backendStream?.connection ?? null) : null
    backend.balancer.failed(endpoint.member, x.now, lost)
  },

  /** Tells the balancer that the response head was late. */
  late({ endpoint, backend, now }: Exchange): void {
    if (endpoint !== null) backend?.balancer.failed(endpoint.member, now, null)
  },

  /** Tells the balancer of the endpoint's answer. */
  answered({ endpoint, backend, now }: Exchange, status: number): void {
    if (endpoint === null || backend === null) return
    if (isFailure(status)) backend.balancer.failed(endpoint.member, now, null)
    else backend.balancer.succeeded(endpoint.member, now)
  },

  /**
   * Returns true if a response of this status is refused and the request is sent again
   * (spec/exchange.md, R14).
   */
  refusesStatus(x: Exchange, head: Head): boolean {
    const { retry } = x.route
    if (retry.statuses.length === 0 || !retry.statuses.includes(head.status) || x.asksTunnel) return false
    if (!IDEMPOTENT.has(x.request.method?.value ?? '') || !isReplayable(x) || !x.mayRetry) return false
    const afterMs = retryAfterMs(head)
    if (afterMs > RETRY_AFTER_MS_MAX) return false
    const waitMs = Math.max(afterMs, choice.backoff(x))
    // A retry that would come too late is none: the present response is passed on.
    if (x.now + waitMs >= x.progress.oldAt || !choice.affords(x)) return false
    choice.answered(x, head.status)
    x.attemptEnds(`status-${head.status}`)
    if (x.endpoint !== null) x.tried = [...x.tried, x.endpoint.member]
    x.retryAt = x.now + waitMs
    return true
  },

  /** Takes a retry from the backend's budget; false if it is spent. */
  affords: (x: Exchange): boolean => x.backend?.budget?.take(x.now) ?? true,

  backoff(x: Exchange): number {
    const { firstMs, mostMs } = x.route.retry
    return backoffMs(x.tries, firstMs, mostMs, x.proxy.chance.next)
  },
}

/** Returns the first protocol of an Upgrade field that the route allows, as it is written; '' for none. */
function allowedUpgrade(field: string, allowed: ReadonlySet<string>): string {
  for (const each of field.split(',')) {
    const protocol = each.trim()
    if (allowed.has(protocol.toLowerCase()) && protocol.toLowerCase() !== 'websocket') return protocol
  }
  return ''
}

function retryAfterMs(head: Head): number {
  const value = head.fields.find((each) => each.name === 'retry-after')?.value
  if (value === undefined) return 0
  return /^\d{1,9}$/.test(value) ? Number(value) * 1_000 : Number.POSITIVE_INFINITY
}

/** Returns the affinity cookie for a response; null if the client has it already. */
export function affinityCookie(x: Exchange): string | null {
  const { backend, endpoint } = x
  const affinity = backend?.options.balancer.balance.affinity ?? null
  if (affinity === null || backend === null || endpoint === null) return null
  const value = backend.balancer.affinityOf(endpoint.member)
  if (cookieOf(x, affinity.cookie) === value) return null
  const secure = x.proxy.requestView.of(x).scheme === 'https' ? '; Secure' : ''
  return `${affinity.cookie}=${value}; Path=/; HttpOnly; SameSite=Lax${secure}`
}
