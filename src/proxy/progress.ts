// The timing of an exchange: when octets last moved, what a side owes, and when each wait of `transfer` and
// `tunnel` is over (spec/exchange.md, Bounds). A wait may be woken by what moves nothing, and octets may
// leave without waking it. So a wait is cut into looks, each a tenth of its limit, and every look compares
// the clock with the time at which octets last left: an exchange ends at most a tenth of the limit late, two
// tenths where it waits for what may be on its way, and never early.
//
// A slow reader is given nothing new while the kernels have much for it. So where a side does not take what
// waits for it, the time is counted from when all that it was sent may have arrived (transport/transit.ts).

import type { Stream } from '../http/index.js'
import type { ProxyLimits } from './limits.js'

/** Looks in each limit. */
const LOOKS = 10

/** ms between two looks at a wait of this limit, which also ends when the exchange is too old. */
export const lookMs = (limitMs: number, { exchangeTimeoutMs }: ProxyLimits): number =>
  Math.min(limitMs, exchangeTimeoutMs) / LOOKS

export class Progress {
  private readonly limits: ProxyLimits
  /** ms of the pollset's clock, as all times here */
  readonly receivedAt: number
  /** When the response head is late. */
  headBy: number
  /** Octets of the request that had left when {@link headBy} was set; -1 before. */
  private sentBefore: number
  /** All of the request had left then. */
  private requestSent: boolean
  /** Octets that had left, both ways, when the present period began, and when that was. */
  private moved: number
  private movedAt: number
  /**
   * Until when what had been written to the client, the backend by then may be on its way. What is written
   * later, for other streams of the connection too, stands behind it.
   */
  private clientHasBy: number
  private backendHasBy: number
  /** A message owes octets: more than a trickle must move. */
  private owed: boolean
  /** The client, the backend had not taken all that was granted to it before. */
  clientBlocked: boolean
  backendBlocked: boolean

  constructor(limits: ProxyLimits, now: number) {
    this.limits = limits
    this.receivedAt = now
    this.headBy = 0
    this.sentBefore = -1
    this.requestSent = false
    this.moved = 0
    this.movedAt = now
    this.clientHasBy = 0
    this.backendHasBy = 0
    this.owed = false
    this.clientBlocked = false
    this.backendBlocked = false
  }

  /** The request is sent, for the first time or again. */
  sendingBegins(): void {
    this.sentBefore = -1
    this.requestSent = false
    this.backendHasBy = 0
  }

  /** The backend has reported that it is at work. */
  reported(now: number): void {
    this.headBy = now + this.limits.headTimeoutMs
  }

  /** The response head has come: the time for the body begins, however long the head took. */
  answered(now: number, frontend: Stream, backend: Stream): void {
    this.periodBegins(now, frontend, backend)
  }

  private periodBegins(at: number, frontend: Stream, backend: Stream): void {
    this.movedAt = at
    this.moved = frontend.sentBytes + backend.sentBytes
    this.clientHasBy = frontend.arrivingUntil
    this.backendHasBy = backend.arrivingUntil
  }

  /**
   * Before new octets are granted: does a side not take what it could, or not send what it promised? A tunnel
   * owes nothing.
   */
  beforeGrant(frontend: Stream, backend: Stream, tunnel: boolean): void {
    this.clientBlocked = frontend.blocked
    this.backendBlocked = backend.blocked
    this.owed = !tunnel && (this.clientBlocked || this.backendBlocked || frontend.owing || backend.owing)
  }

  /** After it: where nothing waited, the side that has something to take now has all its time from now on. */
  afterGrant(now: number, frontend: Stream, backend: Stream): void {
    if (this.owed || this.clientBlocked || this.backendBlocked) return
    if (!frontend.blocked && !backend.blocked) return
    this.periodBegins(now, frontend, backend)
  }

  /** octets that count as progress */
  private get leastBytes(): number {
    return this.owed ? this.limits.bodyBytesMin : 1
  }

  /** Whether all of headTimeoutMs lies ahead, and exchangeTimeoutMs does not end before it. */
  headWaitIsWhole(now: number): boolean {
    return this.headBy - now === this.limits.headTimeoutMs && this.headBy <= this.oldAt
  }

  /** When exchangeTimeoutMs is over. */
  get oldAt(): number {
    return this.receivedAt + this.limits.exchangeTimeoutMs
  }

  private tooOld(now: number): boolean {
    return now >= this.oldAt
  }

  /** Checks whether too little has moved for `limitMs`, or the exchange is too old. */
  check(now: number, limitMs: number, frontend: Stream, backend: Stream): boolean {
    const moved = frontend.sentBytes + backend.sentBytes
    if (moved - this.moved >= this.leastBytes)
      this.periodBegins(Math.max(this.movedAt, frontend.sentAt, backend.sentAt), frontend, backend)
    if (now - this.movedAt < limitMs) return this.tooOld(now)
    return now - this.waitsSince(frontend, backend) >= limitMs || this.tooOld(now)
  }

  /**
   * Since when nobody moves: a slow reader, who does not take what waits for it, may still be taking what it
   * was sent before.
   */
  private waitsSince(frontend: Stream, backend: Stream): number {
    const { movedAt } = this
    const client = this.clientBlocked ? Math.min(this.clientHasBy, frontend.arrivingUntil) : movedAt
    const server = this.backendBlocked ? Math.min(this.backendHasBy, backend.arrivingUntil) : movedAt
    return Math.max(movedAt, client, server)
  }

  /**
   * Checks whether the response head is late. Only what is sent of the request, and a backend's report
   * ({@link reported}), moves {@link headBy}: another interim response is no answer, and a trickle of what is
   * owed is no progress. A backend that was sent a body may not have all of it yet.
   * @param requestOwed the client has not sent all of it, and the backend has taken what came
   */
  checkHead(now: number, backend: Stream, requestOwed: boolean): boolean {
    const { sentBytes, localEnded } = backend
    const { headTimeoutMs } = this.limits
    if (this.sentBefore < 0) {
      this.sentBefore = 0
      this.headBy = now + headTimeoutMs
    } else if (localEnded !== this.requestSent || sentBytes - this.sentBefore >= this.leastBytes) {
      this.sentBefore = sentBytes
      this.headBy = Math.max(this.headBy, backend.sentAt + headTimeoutMs)
      this.backendHasBy = sentBytes === 0 ? 0 : backend.arrivingUntil
    }
    this.requestSent = localEnded
    if (now < this.headBy) return this.tooOld(now)
    if (requestOwed) return true
    return now - Math.min(this.backendHasBy, backend.arrivingUntil) >= headTimeoutMs || this.tooOld(now)
  }
}

/** One flow, for a person. */
export const flowOf = (from: Stream | null, to: Stream | null) => ({
  state: from?.fault ? 'reset' : from?.remoteEnded && to?.localEnded ? 'ended' : 'open',
  waitingBytes: from?.waitingBytes ?? 0,
  sentBytes: to?.sentBytes ?? 0,
})
