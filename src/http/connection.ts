// A connection of either HTTP version and either role, as a continuation on a socket: what it is to others,
// and how it parts. All that was pending is written, then FIN; then it waits for the peer's own end
// (linger.ts), so that the peer can read the last word. How octets become messages is each version's.

import { Continuation, type Fault, fault } from '../continuation/index.js'
import { CLOSED, type DurationList, type Pollable, Signal, type Socket } from '../pollset/index.js'
import {
  Linger,
  type LingerLimits,
  type SlabOutput,
  Transit,
  type TransitLimits,
} from '../transport/index.js'
import type { HttpWorld } from './world.js'

/** What all connections of one version and World share, as far as it matters here. */
export interface ConnectionContext {
  readonly world: HttpWorld
  readonly durations: readonly DurationList[]
  readonly limits: TransitLimits & LingerLimits
}

export abstract class HttpConnection<Context extends ConnectionContext> extends Continuation {
  readonly id: string
  /** The connection as something to wait for, beside its socket. */
  readonly pollable: Pollable
  protected readonly context: Context
  /** Where its peer is. */
  protected readonly side: 'frontend' | 'backend'
  protected readonly socket: Socket
  protected abstract readonly output: SlabOutput
  /** Why the connection is being given up; null while it is not. */
  protected failure: Fault | null = null
  protected draining = false
  /** What may still be on its way to the peer. */
  protected readonly transit: Transit
  /** From its last word on. */
  private lingering: Linger | null = null
  /** Its place is needed: it waits no longer. */
  private evicted = false

  /**
   * @param bitNames of its pollable
   * @param id unique in its World
   */
  constructor(
    context: Context,
    side: 'frontend' | 'backend',
    bitNames: readonly string[],
    socket: Socket,
    id = context.world.nextId('m'),
  ) {
    super(context.world, context.durations)
    this.id = id
    this.pollable = new Signal(this.id, 'connection', bitNames)
    this.context = context
    this.side = side
    this.socket = socket
    this.transit = new Transit(context.limits)
  }

  /** All streams are over, for this reason. */
  protected abstract failAll(why: Fault): void
  /** The last step: whoever counts it is told. */
  abstract closed(): void

  get kind(): string {
    return this.side
  }

  protected get now(): number {
    return this.context.world.pollset.now
  }

  /** Notes why it closes, unless that is known: then nothing was wrong. */
  protected noteReason(): Fault {
    this.failure ??= CONNECTION_CLOSED[this.side]
    return this.failure
  }

  /** See {@link Stream.arrivingUntil}. */
  get arrivingUntil(): number {
    const { socket } = this
    return this.transit.look(socket.writtenBytes, this.output.wroteAt)
  }

  /** It is being given up. */
  get failed(): boolean {
    return this.failure !== null
  }

  /** Lets the last word go, and FIN behind it; false where the socket is gone already. */
  protected finishOutput(): boolean {
    if ((this.socket.readiness & CLOSED) !== 0) return false
    this.output.finish()
    this.lingering = new Linger(this.context.limits, this.transit, this.now)
    this.lingerBegan()
    return true
  }

  /** Whoever counts it may be told that nobody but the peer's last reading needs it. */
  protected lingerBegan(): void {}

  /** Waits for the peer's end, whatever else it still says; false when there is nothing to wait for. */
  waitForPeerClose(): boolean {
    const socket = this.socket
    const { lingering } = this
    if (lingering === null || !lingering.keepsWaiting(socket, this.now)) return false
    this.waitOn(0, socket, lingering.bits)
    this.waitUntil(lingering.until)
    return true
  }

  /**
   * Takes a cancel while it lingers: once, it is ending already; twice, or as its place is needed, it goes.
   * False: wait no longer.
   */
  hurry(): boolean {
    if (this.draining || this.evicted) return false
    this.draining = true
    return true
  }

  /** Ends the lingering now: its place is needed. */
  evict(): void {
    this.evicted = true
    this.cancel()
  }

  /** Lets go of the socket. */
  protected release(): void {
    this.output.abandon()
    this.socket.destroy()
  }

  /** Nothing further is written, and by RST: what the peer has of a message must not look complete. */
  crashed(): void {
    this.output.abandon()
    this.socket.reset()
    this.failure ??= CRASHED
    this.failAll(this.failure)
    this.closed()
  }
}

const CONNECTION_CLOSED: Readonly<Record<'frontend' | 'backend', Fault>> = {
  frontend: fault('frontend-closed', 'frontend', 'connection', 'never', 'the client closed its connection'),
  backend: fault('backend-closed', 'backend', 'connection', 'never', 'the backend closed its connection'),
}
const CRASHED = fault('internal', 'internal', 'connection', 'never', 'a step of the connection failed')
