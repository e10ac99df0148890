// The timing of an exchange: when bytes last moved, which side owes some, and when a wait of `awaitHead`,
// `transfer` or `tunnel` is over (spec/exchange.md, Bounds). Readiness may wake a wait although nothing
// moves, and bytes may leave without waking it. So a wait is cut into looks of a tenth of its limit, and each
// look compares the clock with the time at which bytes last left. An exchange never ends early, and ends at
// most a tenth of the limit late; two tenths if bytes may still be on their way.
//
// Nothing new is written to a slow reader while the kernels still hold much for it. So if a side does not
// take the bytes that wait for it, time counts from when everything sent to it may have arrived
// (transport/transit.ts).

import type { Stream } from '../http/index.js'
import type { ProxyLimits } from './limits.js'

/** The number of looks in each limit. */
const LOOKS = 10

/** Returns the ms between two looks of a wait with this limit. exchangeTimeoutMs ends the wait too. */
export const lookMs = (limitMs: number, { exchangeTimeoutMs }: ProxyLimits): number =>
  Math.min(limitMs, exchangeTimeoutMs) / LOOKS

export class Progress {
  /** The limits. They may be replaced until the request is sent. */
  limits: ProxyLimits
  receivedAt: number
  /** The time at which the response head is late: ms of the pollset's clock, as are all times here. */
  headBy: number
  /** The bytes of the request that had left when {@link headBy} was set; -1 before. */
  private sentBefore: number
  /** True if the whole request had left when {@link headBy} was set. */
  private requestSent: boolean
  /** The bytes that had left, both ways, when the current period began, and the time of its beginning. */
  private moved: number
  private movedAt: number
  /**
   * The times until which bytes written to the client, or to the backend, before the period may be on their
   * way. Bytes written later, for other streams too, arrive after them.
   */
  private clientHasBy: number
  private backendHasBy: number
  /** True if a side owes bytes, so that at least bodyBytesMin must move. */
  private owed: boolean
  /** True if the client, or the backend, has not taken all bytes granted to it before. */
  clientBlocked: boolean
  backendBlocked: boolean
  /** True if a debugger has made the current wait late. */
  overdue: boolean

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
    this.overdue = false
  }

  /**
   * Moves its times on by these ms, for which the exchange was held. Bytes that left during the hold count
   * from now, and earlier bytes from that much later.
   */
  shifted(ms: number, now: number, frontend: Stream, backend: Stream | null): void {
    this.receivedAt += ms
    this.headBy += ms
    this.movedAt += ms
    if (backend === null) return
    const moved = frontend.sentBytes + backend.sentBytes - this.moved
    const sentAt = Math.min(now, Math.max(frontend.sentAt, backend.sentAt) + ms)
    if (moved >= this.leastBytes) this.periodBegins(Math.max(this.movedAt, sentAt), frontend, backend)
    if (this.sentBefore >= 0) this.noteSent(backend, Math.min(now, backend.sentAt + ms))
  }

  /** Starts the time of an attempt. */
  sendingBegins(): void {
    this.overdue = false
    this.sentBefore = -1
    this.requestSent = false
    this.backendHasBy = 0
  }

  /** Restarts the time for the head, since the backend reports that it works. */
  reported(now: number): void {
    this.headBy = now + this.limits.headTimeoutMs
  }

  /** Starts the time for the body, since the response head has come. */
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
   * Samples, before new bytes are granted, whether a side fails to read, or fails to send a body that it
   * promised. A tunnel promises nothing.
   */
  beforeGrant(frontend: Stream, backend: Stream, tunnel: boolean): void {
    this.clientBlocked = frontend.blocked
    this.backendBlocked = backend.blocked
    this.owed = !tunnel && (this.clientBlocked || this.backendBlocked || frontend.owing || backend.owing)
  }

  /** Starts a new period for a side that has something to take since this grant, and had nothing before. */
  afterGrant(now: number, frontend: Stream, backend: Stream): void {
    if (this.owed || this.clientBlocked || this.backendBlocked) return
    if (!frontend.blocked && !backend.blocked) return
    this.periodBegins(now, frontend, backend)
  }

  /** The bytes that count as progress. */
  private get leastBytes(): number {
    return this.owed ? this.limits.bodyBytesMin : 1
  }

  /** Returns true if all of headTimeoutMs is left, and exchangeTimeoutMs does not end before it. */
  headWaitIsWhole(now: number): boolean {
    return this.headBy - now === this.limits.headTimeoutMs && this.headBy <= this.oldAt
  }

  /** Moves the time for the head on, if more of the request has left by this time. */
  private noteSent(backend: Stream, at: number): void {
    const { sentBytes, localEnded } = backend
    if (localEnded === this.requestSent && sentBytes - this.sentBefore < this.leastBytes) return
    this.sentBefore = sentBytes
    this.requestSent = localEnded
    this.headBy = Math.max(this.headBy, at + this.limits.headTimeoutMs)
    this.backendHasBy = sentBytes === 0 ? 0 : backend.arrivingUntil
  }

  /** The time at which exchangeTimeoutMs ends. */
  get oldAt(): number {
    return this.receivedAt + this.limits.exchangeTimeoutMs
  }

  private isTooOld(now: number): boolean {
    return now >= this.oldAt || this.overdue
  }

  /** Checks whether too little has moved for `limitMs`, or exchangeTimeoutMs has passed. */
  check(now: number, limitMs: number, frontend: Stream, backend: Stream): boolean {
    const moved = frontend.sentBytes + backend.sentBytes
    if (moved - this.moved >= this.leastBytes)
      this.periodBegins(Math.max(this.movedAt, frontend.sentAt, backend.sentAt), frontend, backend)
    if (now - this.movedAt < limitMs) return this.isTooOld(now)
    return now - this.waitingSince(frontend, backend) >= limitMs || this.isTooOld(now)
  }

  /** Returns the time since which no side moves. A slow reader may still be taking earlier bytes. */
  private waitingSince(frontend: Stream, backend: Stream): number {
    const { movedAt } = this
    const client = this.clientBlocked ? Math.min(this.clientHasBy, frontend.arrivingUntil) : movedAt
    const server = this.backendBlocked ? Math.min(this.backendHasBy, backend.arrivingUntil) : movedAt
    return Math.max(movedAt, client, server)
  }

  /**
   * Checks whether the response head is late. Only sent bytes of the request, and the backend's report
   * ({@link reported}), move {@link headBy}. Other interim responses do not, nor does a trickle of an owed
   * body. For a backend that was sent a body, the time begins when all of it may have arrived.
   * @param requestOwed the client has not sent the whole request, and the backend has taken what came
   */
  checkHead(now: number, backend: Stream, requestOwed: boolean): boolean {
    const { headTimeoutMs } = this.limits
    if (this.sentBefore < 0) {
      this.sentBefore = 0
      this.headBy = now + headTimeoutMs
    } else this.noteSent(backend, backend.sentAt)
    this.requestSent = backend.localEnded
    if (now < this.headBy) return this.isTooOld(now)
    if (requestOwed) return true
    return now - Math.min(this.backendHasBy, backend.arrivingUntil) >= headTimeoutMs || this.isTooOld(now)
  }
}

/** Describes one direction, for snapshots. */
export const flowOf = (from: Stream | null, to: Stream | null) => ({
  state: from?.fault ? 'reset' : from?.remoteEnded && to?.localEnded ? 'ended' : 'open',
  waitingBytes: from?.waitingBytes ?? 0,
  sentBytes: to?.sentBytes ?? 0,
})
