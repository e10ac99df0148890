// An exchange: a request and its response, as plain data. Its life, what may follow what, is in
// exchange-steps.ts; what moves its bytes in flows.ts; what follows a fault in attempts.ts.

import { Continuation, type Fault } from '../continuation/index.js'
import { type Engine, Lease } from '../engine/index.js'
import {
  type FrontendStream,
  type Head,
  type ResetReason,
  type Stream,
  type StreamFault,
  Token,
} from '../http/index.js'
import type { Backend, ExchangeSession } from './backend.js'
import type { ConnectTarget } from './connect-pattern.js'
import type { OwnAnswer } from './forwarding.js'
import { flowOf, Progress } from './progress.js'
import type { ReverseProxy } from './proxy.js'
import {
  badGateway,
  CONNECT_LATE,
  NO_CONNECT,
  type Refusal,
  TUNNELS_FULL,
  UNSUPPORTED_PROTOCOL,
} from './refusal.js'

export class Exchange extends Continuation {
  readonly proxy: ReverseProxy
  readonly frontend: FrontendStream
  readonly request: Head
  /** Which backend its route leads to; null before, and of a plain CONNECT. */
  backend: Backend | null
  /** The backend's stream of the present attempt. */
  backendStream: Stream | null
  engine: Engine<ExchangeSession> | null
  readonly lease: Lease<ExchangeSession>
  /** ms of the pollset's clock */
  readonly receivedAt: number
  /** How often the request was sent, as far as it counts. */
  attempts: number
  /** Attempts that are not counted in those, by kind (attempts.ts). */
  staleAttempts: number
  neighbourAttempts: number
  /** The client asked for a tunnel: nothing passes before the backend has said yes. */
  readonly asksTunnel: boolean
  /** It is one of the proxy's {@link ReverseProxy.tunnels}. */
  countsAsTunnel: boolean
  /** Of a plain CONNECT: its engine is for this exchange alone. */
  connectTarget: ConnectTarget | null
  /** Some session was given it. */
  sent: boolean
  /** The client's FIN has come: it may have left, so the request is sent once. */
  clientHalfClosed: boolean
  /** The backend has agreed to the tunnel. */
  tunnelOpen: boolean
  /** Why it is refused: set by the step before `refuse`. */
  refusal: Refusal | null
  /** Our own answer: set by the step before `respond`. */
  ownAnswer: OwnAnswer | null
  /** The fault that has ended an attempt, the last of them: what the operator is told. */
  cause: StreamFault | null
  /** How the client's stream ends when the exchange is aborted. */
  abortReason: ResetReason
  /** How it ended, stable and kebab-case: `ok`, a refusal's code, a fault's code. */
  outcome: string
  readonly progress: Progress

  constructor(proxy: ReverseProxy, frontend: FrontendStream, refusal: Refusal | null) {
    super(proxy.world, proxy.durations)
    this.proxy = proxy
    this.frontend = frontend
    this.request = frontend.head as Head
    this.backend = null
    this.backendStream = null
    this.engine = null
    this.lease = new Lease<ExchangeSession>(this)
    this.receivedAt = proxy.world.pollset.now
    this.attempts = 0
    this.staleAttempts = 0
    this.neighbourAttempts = 0
    this.asksTunnel = this.request.asksTunnel
    this.countsAsTunnel = false
    this.connectTarget = null
    this.sent = false
    this.clientHalfClosed = false
    this.tunnelOpen = false
    this.refusal = refusal
    this.ownAnswer = null
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
  /** ms of the pollset's clock */
  get now(): number {
    return this.proxy.world.pollset.now
  }
  /** The backend's stream, in the steps that have one. */
  get stream(): Stream {
    return this.backendStream as Stream
  }

  /** R11: once is enough for a client that may have left. */
  get sendsNoMore(): boolean {
    return this.sent && this.clientHalfClosed
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
    } else if (protocol.value !== 'websocket') return UNSUPPORTED_PROTOCOL
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

  /** The refusal that follows from a lease's fault. */
  refusalOf(why: Fault): Refusal {
    const late = this.connectTarget !== null && why.code === CONNECT_LATE.code
    return late ? CONNECT_LATE : badGateway(why.code, why.message)
  }

  /** The session that was leased carries no tunnel: goes to the backend's other engine, where it has one. */
  tryTunnelEngine(): boolean {
    const other = this.backend?.tunnelEngine() ?? null
    if (other === null || other === this.engine) return false
    this.lease.release()
    this.engine = other
    return true
  }

  /** Checks whether too little has moved for this time (ms; bodyBytesMin). */
  checkProgress(stream: Stream, limitMs: number): boolean {
    return this.progress.check(this.now, limitMs, this.frontend, stream)
  }

  /** Checks whether the response head is late. */
  checkHead(stream: Stream): boolean {
    return this.progress.checkHead(this.now, stream, this.requestIsOwed)
  }

  /** The whole wait for the head lies ahead, and nothing but the head can end it. */
  headWaitIsWhole(stream: Stream): boolean {
    const whole = this.asksTunnel || (this.frontend.remoteEnded && !stream.blocked)
    return whole && this.progress.headWaitIsWhole(this.now)
  }

  /** The client has not sent all of its request, and the backend has taken all that came. */
  get requestIsOwed(): boolean {
    return !this.asksTunnel && !this.frontend.remoteEnded && !this.progress.backendBlocked
  }

  /** Which side let the time for the body pass: the outcome that says so. */
  bodyLateness(stream: Stream): string {
    if (this.progress.clientBlocked) return 'response-unread'
    return this.frontend.owing && !stream.owing && this.requestIsOwed ? 'request-late' : 'body-late'
  }

  /** Lets go of all that it has (property S1). Harmless where all has ended well. */
  release(reason: ResetReason): void {
    this.lease.release()
    this.backendStream?.reset('cancel')
    if (this.connectTarget !== null) this.engine?.close()
    this.frontend.owner = null
    // A client that still sends is told that its request is not needed (RFC 9113 §8.1).
    this.frontend.reset(reason)
  }

  crashed(): void {
    this.outcome = 'internal'
    this.release('internal')
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
      tunnel: this.asksTunnel ? (request.protocol?.value ?? 'tcp') : null,
      tunnelOpen: this.tunnelOpen,
      status: refusal?.status ?? backendStream?.head?.status ?? 0,
      up: flowOf(this.frontend, backendStream),
      down: flowOf(backendStream, this.frontend),
      via: request.find(Token.VIA)?.value ?? null,
    }
  }
}
