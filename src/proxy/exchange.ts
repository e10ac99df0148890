// An exchange: a request and its response, as plain data and what its steps do with it. Its life, what may
// follow what, is in exchange-steps.ts.

import { Continuation, type Fault } from '../continuation/index.js'
import { type Engine, Lease } from '../engine/index.js'
import {
  BODY,
  type FrontendStream,
  HEAD,
  type Head,
  IDEMPOTENT,
  INTERIM,
  RESET,
  type ResetReason,
  SENT,
  type Stream,
  type StreamFault,
  Token,
} from '../http/index.js'
import type { ConnectTarget } from './connect.js'
import { interimPasses, reportsWork } from './interims.js'
import { flowOf, Progress } from './progress.js'
import type { ReverseProxy } from './proxy.js'
import {
  answer,
  badGateway,
  CONNECT_LATE,
  grpcAnswer,
  isGrpc,
  LEASE_LATE,
  NO_CONNECT,
  NO_PROTOCOL,
  type Refusal,
  STALLED,
  TUNNELS_FULL,
} from './refusal.js'
import type { Backend, ExchangeSession } from './routing.js'

/** What may come after a fault of the backend's. */
export type Recovery = 'retry' | 'refuse' | 'abort'

export class Exchange extends Continuation {
  readonly proxy: ReverseProxy
  readonly frontend: FrontendStream
  readonly request: Head
  backend: Stream | null
  engine: Engine<ExchangeSession> | null
  /** Whose engine it is. */
  target: Backend | null
  readonly lease: Lease<ExchangeSession>
  /** ms of the pollset's clock */
  readonly receivedAt: number
  attempts: number
  /** Attempts that are not counted in those. */
  private staleAttempts: number
  private neighbourAttempts: number
  /** The client asked for a tunnel: nothing passes before the backend has said yes. */
  readonly asksTunnel: boolean
  /** It is one of the proxy's {@link ReverseProxy.tunnels}. */
  countsAsTunnel: boolean
  /** Of a plain CONNECT: its engine is for this exchange alone. */
  connectTarget: ConnectTarget | null
  /** Some session was given it. */
  sent: boolean
  /** The client's FIN has come: it may have left, so the request is sent once. */
  clientMayBeGone: boolean
  /** It has said yes. */
  tunnelOpen: boolean
  /** A final head was queued to the client. */
  answered: boolean
  refusal: Refusal | null
  /** The fault that has ended an attempt, the last of them: what the operator is told. */
  cause: StreamFault | null
  /** How the client's stream ends when the exchange is aborted. */
  abortReason: ResetReason
  /** How it ended, stable and kebab-case: `ok`, a refusal's code, a fault's code. */
  outcome: string
  readonly progress: Progress

  constructor(proxy: ReverseProxy, frontend: FrontendStream) {
    super(proxy.world, proxy.durations)
    this.proxy = proxy
    this.frontend = frontend
    this.request = frontend.head as Head
    this.backend = null
    this.engine = null
    this.target = null
    this.lease = new Lease<ExchangeSession>(this)
    this.receivedAt = proxy.world.pollset.now
    this.attempts = 0
    this.staleAttempts = 0
    this.neighbourAttempts = 0
    this.asksTunnel = this.request.asksTunnel
    this.countsAsTunnel = false
    this.connectTarget = null
    this.sent = false
    this.clientMayBeGone = false
    this.tunnelOpen = false
    this.answered = false
    this.refusal = null
    this.cause = null
    this.abortReason = 'cancel'
    this.outcome = 'ok'
    this.progress = new Progress(proxy.limits, this.receivedAt)
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

  /** R11: once is enough for a client that may have left. */
  get sendsNoMore(): boolean {
    return this.sent && this.clientMayBeGone
  }

  halfClosed(): void {
    this.clientMayBeGone = true
    this.lease.doubt()
  }

  /** Why the tunnel that is asked for is none of ours; null where it may be. */
  tunnelRefused(): Refusal | null {
    const { protocol } = this.request
    if (protocol === null) {
      const target = this.proxy.connects?.targetOf(this.request.host) ?? NO_CONNECT
      if ('status' in target) return target
      this.connectTarget = target
    } else if (protocol.value !== 'websocket') return NO_PROTOCOL
    if (this.proxy.tunnels >= this.proxy.limits.tunnelsMax) return TUNNELS_FULL
    this.proxy.tunnels++
    this.countsAsTunnel = true
    return null
  }

  /** Of a plain CONNECT, the way to its target; null for all else. */
  openConnect(): Engine<ExchangeSession> | null {
    const { connectTarget } = this
    return connectTarget === null ? null : (this.proxy.connects?.engineTo(connectTarget) ?? null)
  }

  /** What no lease means: of a connection made for this exchange alone, that it could not be made. */
  refusalOf(why: Fault | null): Refusal {
    const connecting = this.connectTarget !== null
    if (why === null) return connecting ? CONNECT_LATE : LEASE_LATE
    return connecting && why.code === CONNECT_LATE.code ? CONNECT_LATE : badGateway(why.code, why.message)
  }

  /** The session that was leased carries no tunnel: is there another way to this backend? */
  goesElsewhere(): boolean {
    const other = this.target?.tunnelEngine ?? null
    if (other === null || other === this.engine) return false
    this.lease.release()
    this.engine = other
    return true
  }

  /** Send the request on the session that was leased. */
  sendRequest(session: ExchangeSession): void {
    const { frontend, request } = this
    const backend = session.openStream(request, frontend.client)
    this.backend = backend
    this.progress.sendingBegins()
    this.sent = true
    this.attempts++
    if (this.asksTunnel) {
      backend.sendHead(request, false)
      return
    }
    const empty = frontend.remoteEnded && frontend.waitingBytes === 0 && frontend.trailers === null
    if (!empty) frontend.retainBody(this.proxy.limits.replayBytesMax)
    backend.sendHead(request, empty)
    frontend.raise(BODY)
  }

  private get now(): number {
    return this.proxy.world.pollset.now
  }

  /** Let both flows go on, as far as they have come. */
  flow(backend: Stream): void {
    const { progress, frontend } = this
    progress.beforeGrant(frontend, backend, this.tunnelOpen)
    this.flowUp(backend)
    this.flowDown(backend)
    progress.afterGrant(this.now, frontend, backend)
  }

  /** The request's body, as far as it has come, may leave for the backend. */
  flowUp(backend: Stream): void {
    if (this.asksTunnel && !this.tunnelOpen) return
    if ((this.frontend.readiness & BODY) !== 0 && !backend.localEnded && backend.fault === null) {
      backend.forwardBody(this.frontend)
    }
  }

  /** The response, as far as it has come, may leave for the client. */
  flowDown(backend: Stream): void {
    const frontend = this.frontend
    if ((backend.readiness & INTERIM) !== 0 && !this.answered) {
      for (let head = backend.takeInterim(); head !== null; head = backend.takeInterim())
        this.passInterim(head)
    }
    if (!this.answered && backend.head !== null) {
      this.answered = true
      if (this.target !== null) this.target.hasAnswered = true
      this.proxy.world.date.stamp(backend.head)
      this.progress.answered(this.now, frontend, backend)
      this.lease.trust()
      // From here nothing is sent again.
      frontend.receiveBuffer?.letGo()
      this.tunnelOpen = this.asksTunnel && backend.head.isSuccess && !backend.declined
      frontend.declined = backend.declined
      const empty =
        !this.tunnelOpen && backend.remoteEnded && backend.waitingBytes === 0 && backend.trailers === null
      frontend.sendHead(backend.head, empty)
      if (empty) backend.lower(BODY)
    }
    if (!this.answered || (backend.readiness & BODY) === 0) return
    // What is written shows who is there: one that has left answers it by RST.
    this.lease.trust()
    frontend.forwardBody(backend)
  }

  private passInterim(head: Head): void {
    if (!interimPasses(head, this.request)) return
    if (reportsWork(head)) this.progress.reported(this.now)
    this.frontend.sendInterim(head)
  }

  /** Fill the slots with all that may move either flow. */
  waitForFlows(backend: Stream): void {
    // A side that is over raises nothing new, and what it has raised must not wake us for ever.
    const upOpen = !this.asksTunnel && !backend.localEnded && backend.fault === null
    this.waitOn(0, this.frontend, SENT | RESET | (upOpen ? BODY : 0))
    const early = this.answered ? 0 : HEAD | INTERIM
    this.waitOn(1, backend, BODY | early | (backend.fault === null ? RESET : 0))
  }

  /** What breaks a tunnel. A backend that has ended its half may refuse the rest of the client's. */
  tunnelFault(backend: Stream): Fault | null {
    const { fault } = backend
    const parting = fault !== null && backend.remoteEnded && fault.code === 'reset-no-error'
    return this.frontend.fault ?? (parting ? null : fault)
  }

  /** Both halves of the tunnel have ended; or the backend's has, and it takes no more of the client's. */
  tunnelOver(backend: Stream): boolean {
    return this.frontend.localEnded && (backend.localEnded || backend.fault !== null)
  }

  /** The same for a tunnel, where the end of one flow is not the end of the other. */
  waitForTunnel(backend: Stream): void {
    const { frontend } = this
    const upOpen = !backend.localEnded && backend.fault === null
    this.waitOn(0, frontend, RESET | (frontend.localEnded ? 0 : SENT) | (upOpen ? BODY : 0))
    this.waitOn(1, backend, BODY | (upOpen ? SENT : 0) | (backend.fault === null ? RESET : 0))
  }

  /** Whether too little has moved for too long (bodyTimeoutMs and bodyBytesMin; tunnelIdleMs). */
  flowsStand(backend: Stream): boolean {
    const { bodyTimeoutMs, tunnelIdleMs } = this.proxy.limits
    const limitMs = this.tunnelOpen ? tunnelIdleMs : bodyTimeoutMs
    return this.progress.stands(this.now, limitMs, this.frontend, backend)
  }

  /** Whether the response head is late. */
  headIsLate(backend: Stream): boolean {
    return this.progress.headIsLate(this.now, backend, this.requestIsOwed)
  }

  /** The whole wait for the head lies ahead, and nothing but the head can end it. */
  headWaitIsWhole(backend: Stream): boolean {
    const whole = this.asksTunnel || (this.frontend.remoteEnded && !backend.blocked)
    return whole && this.progress.headWaitIsWhole(this.now)
  }

  /** The client has not sent all of its request, and the backend has taken all that came. */
  get requestIsOwed(): boolean {
    return !this.asksTunnel && !this.frontend.remoteEnded && !this.progress.backendBlocked
  }

  /** Which side let the time for the body pass: the outcome that says so. */
  lateness(backend: Stream): string {
    const { frontend } = this
    if (this.progress.clientBlocked) return 'response-unread'
    return frontend.owing && !backend.owing && this.requestIsOwed ? 'request-late' : 'body-late'
  }

  /** What a fault of the backend's allows (spec/exchange.md, R1 to R7). */
  recover(why: StreamFault): Recovery {
    this.outcome = why.code
    this.cause = why
    if (this.answered) {
      this.abortReason = why.code === 'stall' ? 'calm' : this.tunnelOpen ? 'connect' : 'internal'
      return 'abort'
    }
    if (why.code === 'stall') {
      this.refusal = STALLED
      return 'refuse'
    }
    // Of what is meant for a tunnel nothing was sent.
    const replayable = this.asksTunnel || this.frontend.replayable
    if (why.retry === 'safe') {
      if (replayable) {
        this.excuse(why)
        return 'retry'
      }
      this.abortReason = 'refused'
      return 'abort'
    }
    this.refusal = badGateway(why.code, why.message)
    // A handshake that was not answered has done no more than a GET.
    const repeatable = this.asksTunnel || IDEMPOTENT.has(this.request.method?.value ?? '')
    if (why.scope !== 'connection' || !repeatable || !replayable) return 'refuse'
    this.excuse(why)
    return 'retry'
  }

  /** Takes the attempt back where it does not count (R8, R12, R13), and it may be made again (R11). */
  private excuse(why: StreamFault): void {
    if (this.clientMayBeGone) return
    const { staleAttemptsMax, neighbourAttemptsMax } = this.proxy.limits
    if (why.uncounted === 'neighbour') {
      if (++this.neighbourAttempts > neighbourAttemptsMax) return
    } else if (why.stale) {
      if (++this.staleAttempts > staleAttemptsMax) return
    } else if (why.uncounted !== 'not-begun') return
    this.attempts--
  }

  /** Take the request back from the session that did not serve it. */
  takeBack(): void {
    this.backend?.reset('cancel')
    this.backend = null
    this.frontend.receiveBuffer?.rewind()
  }

  /** Answer in the place of a backend; the whole of it. */
  respond(status: number, text: string, more: readonly [string, string][] = []): void {
    const { head, body } = answer(this.proxy.world.fields, status, text, more)
    this.answerWith(head, this.request.method?.value === 'HEAD' || body.length === 0 ? null : body)
  }

  private answerWith(head: Head, body: Buffer | null): void {
    this.answered = true
    this.proxy.world.date.stamp(head)
    this.frontend.sendHead(head, body === null)
    if (body !== null) this.frontend.sendWhole(body)
    // One that has stalled was told so, and stands: it gets its answer. One that is lost cancels us.
    this.waitOn(0, this.frontend, SENT | (this.frontend.fault === null ? RESET : 0))
  }

  /** Say what failed, in the form that the client's library reads. */
  sendRefusal(refusal: Refusal): void {
    const { status, code, text } = refusal
    if (isGrpc(this.request)) this.answerWith(grpcAnswer(this.proxy.world.fields, refusal), null)
    else this.respond(status, `${status} ${code}: ${text}\n`, [['x-fermata', code]])
  }

  /** Nothing of it may outlive it (property S1). Harmless where all has ended well. */
  letGo(reason: ResetReason): void {
    this.lease.release()
    this.backend?.reset('cancel')
    if (this.connectTarget !== null) this.engine?.close()
    this.frontend.owner = null
    // A client that still sends is told that its request is not needed (RFC 9113 §8.1).
    this.frontend.reset(reason)
  }

  crashed(): void {
    this.outcome = 'internal'
    this.letGo('internal')
    this.proxy.ended(this)
  }

  override describe() {
    const { request, backend, engine, refusal } = this
    return {
      method: request.method?.value ?? '',
      authority: request.host,
      path: request.path?.value ?? '',
      engine: engine?.id ?? null,
      backend: backend?.id ?? null,
      attempts: this.attempts,
      answered: this.answered,
      tunnel: this.asksTunnel ? (request.protocol?.value ?? 'tcp') : null,
      tunnelOpen: this.tunnelOpen,
      status: refusal?.status ?? backend?.head?.status ?? 0,
      up: flowOf(this.frontend, backend),
      down: flowOf(backend, this.frontend),
      via: request.find(Token.VIA)?.value ?? null,
    }
  }
}
