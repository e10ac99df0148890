// A connection of either HTTP version and either role, as a continuation on a socket: its interface, and its
// close. It writes all pending output, then FIN, then waits for the peer's FIN (linger.ts), so that the peer
// can read everything. Each version turns bytes into messages itself.

import { Continuation, type Fault, fault } from '../continuation/index.js'
import {
  CLOSED,
  type DurationList,
  formatAddress,
  type Holder,
  type Pollable,
  type Secured,
  Signal,
  type Socket,
} from '../pollset/index.js'
import {
  Linger,
  type LingerLimits,
  type SlabOutput,
  Transit,
  type TransitLimits,
} from '../transport/index.js'
import type { Stream } from './stream.js'
import type { HttpWorld } from './world.js'

/** The things that all connections of one version and World share. */
export interface ConnectionContext {
  readonly world: HttpWorld
  readonly durations: readonly DurationList[]
  readonly limits: TransitLimits & LingerLimits
}

export abstract class HttpConnection<Context extends ConnectionContext> extends Continuation {
  readonly id: string
  /** The connection as a pollable, apart from its socket. */
  readonly pollable: Pollable
  protected readonly context: Context
  /** The side of its peer. */
  protected readonly side: 'frontend' | 'backend'
  protected readonly socket: Socket
  protected abstract readonly output: SlabOutput
  /** The reason why the connection is failing; null while it is not. */
  protected failure: Fault | null = null
  protected draining = false
  /** The bytes of the output that may not have reached the peer yet. */
  protected readonly transit: Transit
  /** Set once FIN is sent. */
  private lingering: Linger | null = null
  /** True if its place is needed, so that it stops lingering. */
  private evicted = false

  /**
   * @param bitNames the bit names of its pollable
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

  /** Fails all streams with this fault. */
  protected abstract failAll(why: Fault): void
  /** Reports that it has closed; called in its last step. */
  abstract closed(): void

  get kind(): string {
    return this.side
  }
  /** The result of its TLS handshake; null in clear text. */
  get secured(): Secured | null {
    return this.socket.secured
  }

  protected get now(): number {
    return this.context.world.pollset.now
  }

  /** Returns the reason of its close. Unless one is known already, the peer closed it. */
  protected noteReason(): Fault {
    this.failure ??= CONNECTION_CLOSED[this.side]
    return this.failure
  }

  /** See {@link Stream.arrivingUntil}. */
  get arrivingUntil(): number {
    const { socket } = this
    return this.transit.look(socket.writtenBytes, this.output.wroteAt)
  }

  /** The streams that are open on it, oldest first. For debuggers: it may allocate. */
  abstract openStreams(): readonly Stream[]

  /** The exchanges of its streams, which keep its places. */
  override holders(): readonly Holder[] {
    return this.openStreams().flatMap(({ user }) =>
      user === null ? [] : [{ subject: user, reason: `has a place on ${this.id}` }],
    )
  }

  /** See {@link StreamConnection.peerName}. */
  get peerName(): string {
    return `the ${this.side === 'frontend' ? 'client' : 'backend'} ${formatAddress(this.socket.remote)}`
  }

  /** True while it is failing. */
  get failed(): boolean {
    return this.failure !== null
  }

  /** Sends pending output, then FIN. Returns false if the socket has closed already. */
  protected finishOutput(): boolean {
    if ((this.socket.readiness & CLOSED) !== 0) return false
    this.output.finish()
    this.lingering = new Linger(this.context.limits, this.transit, this.now)
    this.lingerBegan()
    return true
  }

  /** Is called when it begins to linger. */
  protected lingerBegan(): void {}

  /** Waits for the peer's FIN and discards what still arrives. Returns false if it need not wait. */
  waitForPeerClose(): boolean {
    const socket = this.socket
    const { lingering } = this
    if (lingering === null || !lingering.keepsWaiting(socket, this.now)) return false
    this.waitOn(0, socket, lingering.bits)
    this.waitUntil(lingering.until)
    return true
  }

  /** Takes a cancel while it lingers. Returns false, to stop waiting, at the second cancel or if evicted. */
  hurry(): boolean {
    if (this.draining || this.evicted) return false
    this.draining = true
    return true
  }

  /** Ends lingering now, because its place is needed. */
  evict(): void {
    this.evicted = true
    this.cancel()
  }

  /** Destroys its socket and drops its output. */
  protected release(): void {
    this.output.abandon()
    this.socket.destroy()
  }

  /** Closes by RST and writes nothing further, so that a cut message cannot look complete. */
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
