// The timing of an exchange: when bytes last moved, which side owes some, and when a wait of `awaitHead`,
// `transfer` or `tunnel` is over (spec/exchange.md, Bounds). Readiness may wake a wait though nothing moves,
// and bytes may leave without waking it. So a wait is cut into looks of a tenth of its limit, and each look
// compares the clock with the time at which bytes last left. An exchange ends never early, and at most a
// tenth of the limit late; two tenths where bytes may still be on their way.
//
// Nothing new is written to a slow reader while the kernels still hold much for it. So where a side does not
// take what waits for it, time counts from when all that it was sent may have arrived (transport/transit.ts).

import type { Stream } from '../http/index.js'
import type { ProxyLimits } from './limits.js'

/** Looks in each limit. */
const LOOKS = 10

/** Returns the ms between two looks of a wait with this limit. exchangeTimeoutMs ends the wait too. */
export const lookMs = (limitMs: number, { exchangeTimeoutMs }: ProxyLimits): number =>
  Math.min(limitMs, exchangeTimeoutMs) / LOOKS

export class Progress {
  /** It may be replaced until the request is sent. */
  limits: ProxyLimits
  receivedAt: number
  /** When the response head is late: ms of the pollset's clock, as are all times here. */
  headBy: number
  /** Bytes of the request that had left when {@link headBy} was set; -1 before. */
  private sentBefore: number
  /** The whole request had left when {@link headBy} was set. */
  private requestSent: boolean
  /** Bytes that had left, both ways, when the current period began, and the time when it began. */
  private moved: number
  private movedAt: number
  /**
   * Until when bytes that were written to the client, or the backend, before the period may be on their way.
   * Bytes written later, for other streams too, arrive behind them.
   */
  private clientHasBy: number
  private backendHasBy: number
  /** A side owes bytes, so at least bodyBytesMin must move. */
  private owed: boolean
  /** The client, or the backend, has not taken all that was granted to it before. */
  clientBlocked: boolean
  backendBlocked: boolean
  /** A debugger has made the current wait late. */
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
   * Moves its times on by these ms: the exchange was held so long. What left meanwhile counts from now, and
   * what left before from as much later.
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

  /** Restarts the time for the head: the backend reports that it works. */
  reported(now: number): void {
    this.headBy = now + this.limits.headTimeoutMs
  }

  /** Starts the time for the body: the response head has come. */
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

  /** All of headTimeoutMs is left, and exchangeTimeoutMs does not end before it. */
  headWaitIsWhole(now: number): boolean {
    return this.headBy - now === this.limits.headTimeoutMs && this.headBy <= this.oldAt
  }

  /** Moves the time for the head on, if more of the request has left, as of this time. */
  private noteSent(backend: Stream, at: number): void {
    const { sentBytes, localEnded } = backend
    if (localEnded === this.requestSent && sentBytes - this.sentBefore < this.leastBytes) return
    this.sentBefore = sentBytes
    this.requestSent = localEnded
    this.headBy = Math.max(this.headBy, at + this.limits.headTimeoutMs)
    this.backendHasBy = sentBytes === 0 ? 0 : backend.arrivingUntil
  }

  /** When exchangeTimeoutMs ends. */
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

  /** Returns since when no side moves. A slow reader may still be taking what it was sent before. */
  private waitingSince(frontend: Stream, backend: Stream): number {
    const { movedAt } = this
    const client = this.clientBlocked ? Math.min(this.clientHasBy, frontend.arrivingUntil) : movedAt
    const server = this.backendBlocked ? Math.min(this.backendHasBy, backend.arrivingUntil) : movedAt
    return Math.max(movedAt, client, server)
  }

  /**
   * Checks whether the response head is late. Only bytes of the request that are sent, and the backend's
   * report ({@link reported}), move {@link headBy}: other interim responses do not, nor does a trickle of an
   * owed body. A backend that was sent a body has its time from when all of it may have arrived.
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
