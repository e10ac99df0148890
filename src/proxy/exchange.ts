// An exchange: a request and its response, as plain data. Its steps are in exchange-steps.ts, the flow of
// bodies in flows.ts, retries in attempts.ts.

import type { Member } from '../balancing/index.js'
import { Continuation, type Fault, WaitTimes } from '../continuation/index.js'
import { type Engine, Lease } from '../engine/index.js'
import {
  type FrontendStream,
  type Head,
  type ResetReason,
  type Stream,
  type StreamFault,
  Token,
} from '../http/index.js'
import type { Backend } from './backend.js'
import { changes } from './changes.js'
import { choice } from './choice.js'
import type { ConnectTarget } from './connect-pattern.js'
import type { Endpoint } from './endpoint.js'
import type { EndpointWait } from './endpoint-wait.js'
import type { ExchangeSession } from './engine-set.js'
import { FilterCall } from './filter/call.js'
import { filtering } from './filter/filtering.js'
import type { FilterRun } from './filter/run.js'
import type { OwnAnswer } from './forwarding.js'
import type { Draft } from './own-answer.js'
import { flowOf, Progress } from './progress.js'
import type { ReverseProxy } from './proxy.js'
import { badGateway, CONNECT_LATE, NO_CONNECT, type Refusal, TUNNELS_FULL } from './refusal.js'
import type { Route } from './routes.js'
import { noteParts } from './step-times.js'
import type { ClientView } from './trusted-proxies.js'

/** An attempt that has not given the client its response. */
export type EndedAttempt = {
  /** The URL of the endpoint; the target of a plain CONNECT. */
  readonly endpoint: string
  /** The backend connection; '' if the attempt got none. */
  readonly session: string
  /** The code of the event that ended it. */
  readonly outcome: string
  /** ms from the choice of the endpoint on */
  readonly ms: number
}

const NONE: readonly never[] = []

export class Exchange extends Continuation {
  readonly proxy: ReverseProxy
  readonly frontend: FrontendStream
  /** The request. Its fields may be changed before it is sent. */
  request: Head
  /** The name of the listener that accepted its connection; '' if there is none. */
  readonly listener: string
  /** Its route, which it keeps when the routes change; before `route`, the proxy's settings. */
  route: Route
  /** The route with which it is accepted; null: its route must be found. */
  given: Route | null
  /** Its client as reported by trusted proxies; null: as the connection says. */
  readonly view: ClientView | null
  /** The backend of its route; null before `route`, and for a plain CONNECT. */
  backend: Backend | null
  /** True while its backend counts it. */
  private pinsBackend: boolean
  /** The endpoint of the current attempt; null before `balance`, and for a plain CONNECT. */
  endpoint: Endpoint | null
  /** Its wait for an endpoint, in `balance`. */
  endpointWait: EndpointWait | null
  /** The end of its wait for an endpoint, in ms of the pollset's clock; 0 if it has not waited. */
  endpointBy: number
  /** The endpoints that have failed it. */
  tried: readonly Member[]
  /** True if its wait for a lease ends with timeouts.connect, since no connection is open. */
  connecting: boolean
  /** True if it waits for a lease, and no connection to its endpoint was open when the wait began. */
  unconnected: boolean
  /** The time at which the next attempt may begin, in ms of the pollset's clock; 0 for at once. */
  retryAt: number
  /** The stream of the current attempt; null between attempts. */
  backendStream: Stream | null
  engine: Engine<ExchangeSession> | null
  readonly lease: Lease<ExchangeSession>
  /** the time of its receipt, in ms of the pollset's clock, without its time in holds */
  receivedAt: number
  /** The number of times that the request was sent, without uncounted attempts (attempts.ts). */
  attempts: number
  /** The number of attempts that could not reach an endpoint. They count, although nothing was sent. */
  unreached: number
  /** Attempts that are not counted, by kind (attempts.ts). */
  staleAttempts: number
  neighbourAttempts: number
  /** The time at which the current attempt began, in ms of the pollset's clock; -1 between attempts. */
  attemptAt: number
  /** The endpoint of the current or last attempt, for logs: see {@link EndedAttempt}. */
  attemptTo: string
  sessionId: string
  /** True if the session of the current or last attempt had served before. */
  sessionReused: boolean
  /** The attempts before the current one, for logs. */
  endedAttempts: readonly EndedAttempt[]
  /** True if the client asked for a tunnel: no byte of it passes before the backend agrees. */
  readonly asksTunnel: boolean
  /** The requested protocol of an upgrade, as the client spells it; '' for none. */
  upgrade: string
  /** True if {@link ReverseProxy.tunnels} includes this exchange. */
  countsAsTunnel: boolean
  /** The target of a plain CONNECT, whose engine serves this exchange alone; null otherwise. */
  connectTarget: ConnectTarget | null
  /** True if the request was given to a session at least once. */
  sent: boolean
  /** True once the client has sent FIN. It may have left, so the request is not sent again. */
  clientHalfClosed: boolean
  /** True once the backend has agreed to the tunnel. */
  tunnelOpen: boolean
  /** The refusal. The step before `refuse` sets it. */
  refusal: Refusal | null
  /** Our own answer. The step before `respond` sets it. */
  ownAnswer: OwnAnswer | null
  /** The message made from {@link ownAnswer} or {@link refusal}; null before. */
  draft: Draft | null
  /** The filters of its route; null before `route`, and without any. */
  filters: FilterRun | null
  /** The request of the current attempt, if a filter has changed it; null for {@link request}. */
  attemptHead: Head | null
  /** The response head for the client, from `filterResponse` on. */
  responseHead: Head | null
  /** The fault that ended the last attempt, for the process log. */
  cause: StreamFault | null
  /** The reason for resetting the client's stream when the exchange is aborted. */
  abortReason: ResetReason
  /** The status of the answer to the client; 0 without an answer. */
  status: number
  /** The outcome: `ok`, or the code of a refusal or fault. Stable, kebab-case. */
  outcome: string
  readonly progress: Progress

  constructor(proxy: ReverseProxy, frontend: FrontendStream, listener: string, refusal: Refusal | null) {
    super(proxy.world, proxy.unrouted.durations)
    this.proxy = proxy
    this.frontend = frontend
    this.request = frontend.head as Head
    this.listener = listener
    this.route = proxy.unrouted
    this.given = null
    this.view = proxy.trusted.viewOf(frontend.client, this.request)
    this.backend = null
    this.pinsBackend = false
    this.endpoint = null
    this.endpointWait = null
    this.endpointBy = 0
    this.tried = NONE
    this.connecting = false
    this.unconnected = false
    this.retryAt = 0
    this.backendStream = null
    this.engine = null
    this.lease = new Lease<ExchangeSession>(this)
    this.receivedAt = proxy.world.pollset.now
    this.attempts = 0
    this.unreached = 0
    this.staleAttempts = 0
    this.neighbourAttempts = 0
    this.attemptAt = -1
    this.attemptTo = ''
    this.sessionId = ''
    this.sessionReused = false
    this.endedAttempts = NONE
    this.asksTunnel = this.request.asksTunnel
    this.countsAsTunnel = false
    this.connectTarget = null
    this.sent = false
    this.clientHalfClosed = false
    this.upgrade = ''
    this.tunnelOpen = false
    this.refusal = refusal
    this.ownAnswer = null
    this.draft = null
    this.filters = null
    this.attemptHead = null
    this.responseHead = null
    this.cause = null
    this.abortReason = 'cancel'
    this.status = 0
    this.outcome = 'ok'
    this.progress = new Progress(this.route.limits, this.receivedAt)
    if (proxy.measuresSteps) this.waitTimes = new WaitTimes()
  }

  get id(): string {
    return this.frontend.id
  }
  get kind(): string {
    return 'exchange'
  }
  override get holdable(): boolean {
    return true
  }
  override released(ms: number): void {
    this.receivedAt += ms
    if (this.endpointBy > 0) this.endpointBy += ms
    if (this.draft !== null) this.draft.movedAt += ms
    this.progress.shifted(ms, this.now, this.frontend, this.backendStream)
    this.lease.heldNoMore()
  }
  override waited(ms: number): void {
    if (this.waitTimes !== null) noteParts(this, this.waitTimes, ms)
    this.filters?.waited(ms)
  }
  override madeLate(): void {
    this.progress.overdue = true
    if (this.endpointBy > 0) this.endpointBy = this.now
  }
  override stepDetail(step: number, ran: boolean): string {
    return this.filters === null ? '' : this.filters.detail(this.program.names[step], ran)
  }
  override mayEnter(step: string): string | null {
    return changes.mayEnter(this, step)
  }
  /** ms of the pollset's clock */
  get now(): number {
    return this.proxy.world.pollset.now
  }
  /** Keeps this route from now on. */
  pin(route: Route): void {
    this.route = route
    this.durations = route.durations
    this.progress.limits = route.limits
    if (route.filters !== null) this.filters = FilterCall.runOf(this, route.filters)
  }
  /** Forgets our own answer. */
  dropDraft(): void {
    this.filters?.dropDown()
    this.draft?.source?.leave()
    this.draft = null
  }
  /** Assigns this backend, until the exchange ends or gets another one. */
  goTo(backend: Backend): void {
    this.leaveBackend()
    this.backend = backend
    this.pinsBackend = true
    backend.pin()
  }
  private leaveBackend(): void {
    choice.leave(this)
    if (!this.pinsBackend) return
    this.pinsBackend = false
    this.backend?.unpin()
  }
  /** The client's address, if it is known. */
  get clientAddress(): string {
    return this.view?.address ?? this.frontend.client.addresses.from.host
  }
  /** {@link backendStream}, in the steps that have one. */
  get stream(): Stream {
    return this.backendStream as Stream
  }
  /** True if the request was sent, and must not be sent again for a client that may have left (R11). */
  get sendsNoMore(): boolean {
    return this.sent && this.clientHalfClosed
  }
  /** Notes the endpoint of the next attempt. */
  attemptBegins(to: string): void {
    this.attemptAt = this.now
    this.attemptTo = to
    this.sessionId = ''
    this.sessionReused = false
  }
  /** Notes the reason why the current attempt has not given the client its response. */
  attemptEnds(outcome: string): void {
    if (this.attemptAt < 0) return
    const { attemptTo: endpoint, sessionId: session } = this
    const ms = this.now - this.attemptAt
    this.attemptAt = -1
    this.endedAttempts = [...this.endedAttempts, { endpoint, session, outcome, ms }]
  }

  /** The number of attempts that count (R8). */
  get tries(): number {
    return this.attempts + this.unreached
  }

  /** True if it may be sent once more: attempts and time are left, and its client waits (R8, R11). */
  get mayRetry(): boolean {
    const { attemptsMax, retryTimeoutMs } = this.route.limits
    return this.tries < attemptsMax && this.now - this.receivedAt < retryTimeoutMs && !this.sendsNoMore
  }

  halfClosed(): void {
    this.clientHalfClosed = true
    this.lease.doubt()
  }

  /** Counts it as a tunnel; returns why the requested tunnel is refused, or null if it is allowed. */
  tunnelRefused(): Refusal | null {
    const { protocol } = this.request
    if (protocol === null) {
      const target = this.proxy.connects?.targetOf(this.request.host) ?? NO_CONNECT
      if ('status' in target) return target
      this.connectTarget = target
    }
    return this.countTunnel()
  }

  /** Counts it as a tunnel; returns why it is refused, or null. */
  countTunnel(): Refusal | null {
    if (this.countsAsTunnel) return null
    if (this.proxy.tunnels >= this.proxy.limits.tunnelsMax) return TUNNELS_FULL
    this.proxy.tunnels++
    this.countsAsTunnel = true
    return null
  }

  /** Returns a new engine to the target of a plain CONNECT; null for every other request. */
  openConnect(): Engine<ExchangeSession> | null {
    const { connectTarget } = this
    return connectTarget === null ? null : (this.proxy.connects?.engineTo(connectTarget) ?? null)
  }

  /** Returns the refusal for a fault of the lease. */
  refusalOf(why: Fault): Refusal {
    return why.code === CONNECT_LATE.code ? CONNECT_LATE : badGateway(why.code, why.message)
  }

  /** Takes the engine for tunnels, if the leased session carries none. False: none, or it was tried. */
  tryTunnelEngine(): boolean {
    const other = this.endpoint?.engines.tunnelEngine() ?? null
    if (other === null || other === this.engine) return false
    this.lease.release()
    this.engine = other
    return true
  }

  /** Checks whether fewer than bodyBytesMin bytes have moved for `limitMs`. */
  checkProgress(stream: Stream, limitMs: number): boolean {
    return this.progress.check(this.now, limitMs, this.frontend, stream)
  }

  /** Checks whether the response head is late. */
  checkHead(stream: Stream): boolean {
    return this.progress.checkHead(this.now, stream, this.requestIsOwed)
  }

  /** True if all of headTimeoutMs is left, and only the response head can end the wait. */
  headWaitIsWhole(stream: Stream): boolean {
    const whole = this.asksTunnel || (this.frontend.remoteEnded && !stream.blocked)
    return whole && this.progress.headWaitIsWhole(this.now)
  }

  /** True if the client has not sent its whole request, and the backend has taken all that has arrived. */
  get requestIsOwed(): boolean {
    return !this.asksTunnel && !this.frontend.remoteEnded && !this.progress.backendBlocked
  }

  /** Returns the outcome that names the side whose body was late. */
  bodyLateness(stream: Stream): string {
    if (this.progress.clientBlocked) return 'response-unread'
    return this.frontend.owing && !stream.owing && this.requestIsOwed ? 'request-late' : 'body-late'
  }

  /** Releases lease and streams (property S1). Does nothing to those that have ended. */
  release(reason: ResetReason): void {
    this.lease.release()
    this.leaveBackend()
    this.backendStream?.reset('cancel')
    this.dropDraft()
    if (this.connectTarget !== null) this.engine?.close()
    this.frontend.owner = null
    // Tells a client that still sends that the rest of its request is not needed (RFC 9113 §8.1).
    this.frontend.reset(reason)
  }

  crashed(): void {
    this.outcome = 'internal'
    this.release('internal')
    filtering.release(this)
    this.proxy.ended(this)
  }

  override describe() {
    const { request, backendStream, engine, refusal } = this
    return {
      method: request.method?.value ?? '',
      authority: request.host,
      path: request.path?.value ?? '',
      engine: engine?.id ?? null,
      backend: backendStream?.id ?? null,
      attempts: this.attempts,
      tunnel: this.asksTunnel ? (request.protocol?.value ?? 'tcp') : this.upgrade || null,
      tunnelOpen: this.tunnelOpen,
      status: refusal?.status ?? backendStream?.head?.status ?? 0,
      up: flowOf(this.frontend, backendStream),
      down: flowOf(backendStream, this.frontend),
      via: request.find(Token.VIA)?.value ?? null,
      filter: this.filters?.name ?? null,
    }
  }
}
