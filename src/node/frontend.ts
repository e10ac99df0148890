// The frontend inside a program of Node, as a continuation: it accepts, in the turn, the requests that the
// program hands on, and drains. The calls of the program only queue and mark.

import { Continuation, defineLife, type World } from '../continuation/index.js'
import type { Client, FieldTable, HttpWorld, ResetReason } from '../http/index.js'
import { type NodePollset, Pollable, type Secured } from '../pollset/index.js'
import { NodeClient } from './client.js'
import type { NodeFrontendLimits } from './limits.js'
import type { NodeConnection } from './messages.js'
import type { NodeFrontendStream } from './stream.js'

const ARRIVED = 1
/** No stream is open. */
const EMPTY = 2
/** The ms that exchanges have to end after they were cut. */
const CUT_MS = 1_000

/** Requests that the program has handed on since the last turn. */
class Arrivals extends Pollable {
  readonly id: string
  readonly kind = 'arrivals'
  readonly bitNames = ['ARRIVED', 'EMPTY']
  marked = 0
  queued: (() => void)[] = []

  constructor(id: string) {
    super()
    this.id = id
    this.readiness = EMPTY
  }
}

/** The events of a frontend, for the program's side. All but `closed` are called in the turn. */
export interface NodeFrontendEvents {
  /** A client's connection has closed, and all its streams have failed. */
  clientClosed(client: Client): void
  /** An exchange ends without a whole response: the handler answers the client, or cuts its response. */
  gaveUp(stream: NodeFrontendStream, reason: ResetReason): void
  /** An internal error has ended a stream. */
  crashed(stream: NodeFrontendStream, error: unknown): void
  /** The frontend is drained: no stream is open. */
  closed(): void
}

/** The things that the streams of a frontend share. */
export interface NodeFrontendContext {
  readonly world: HttpWorld
  readonly pollset: NodePollset
  readonly fields: FieldTable
  readonly limits: NodeFrontendLimits
  readonly flushBytesMax: number
  gaveUp(stream: NodeFrontendStream, reason: ResetReason): void
  streamCrashed(stream: NodeFrontendStream, error: unknown): void
}

export const nodeFrontendLife = defineLife({
  name: 'node.frontend',
  source: import.meta.url,
  edges: {
    accept: ['accept', 'drain'],
    drain: ['drain', 'cut', 'close'],
    cut: ['close'],
    close: ['done'],
  },
})

export class NodeFrontend extends Continuation implements NodeFrontendContext {
  readonly id: string
  readonly world: HttpWorld
  readonly pollset: NodePollset
  readonly fields: FieldTable
  readonly limits: NodeFrontendLimits
  readonly flushBytesMax: number
  readonly arrivals: Arrivals
  private draining = false
  /** The time for which it drains before it cuts the rest, in ms. */
  private drainMs = 0
  /** The time of the cut, in ms of the pollset's clock. */
  private cutAt = 0
  private readonly open = new Set<{ cut(): void }>()
  private readonly clients = new WeakMap<object, NodeClient>()
  private readonly events: NodeFrontendEvents

  /** @param flushBytesMax bytes of a body that are handed to Node at once */
  constructor(
    world: HttpWorld,
    pollset: NodePollset,
    limits: NodeFrontendLimits,
    flushBytesMax: number,
    events: NodeFrontendEvents,
  ) {
    super(world as World)
    this.id = world.nextId('n')
    this.world = world
    this.pollset = pollset
    this.fields = world.fields
    this.limits = limits
    this.flushBytesMax = flushBytesMax
    this.events = events
    this.arrivals = new Arrivals(`${this.id}.arrivals`)
    nodeFrontendSteps.start(world, this, 'accept')
  }

  get kind(): string {
    return 'frontend'
  }

  /** True while it takes requests. */
  get isOpen(): boolean {
    return !this.draining && !this.finished
  }

  /** The number of running requests and tunnels. */
  get running(): number {
    return this.open.size
  }

  /** Takes no more requests, and cuts those that still run after `ms`. */
  drain(ms: number): void {
    this.drainMs = ms
    this.draining = true
    this.cancel()
  }

  /** Calls `arrival` in the next turn. It may itself be called from outside a turn. */
  inTurn(arrival: () => void): void {
    this.arrivals.queued.push(arrival)
    this.pollset.mark(this.arrivals, ARRIVED)
  }

  /** Returns the client of a connection. @param secured is called once a connection */
  clientOf(connection: NodeConnection, isHttp2: boolean, secured: () => Secured | null): NodeClient {
    const known = this.clients.get(connection)
    if (known !== undefined) return known
    const client = new NodeClient(this.world, connection, isHttp2, secured())
    this.clients.set(connection, client)
    const { once } = connection as { once?(event: 'close', listener: () => void): void }
    once?.call(connection, 'close', () => this.inTurn(() => this.events.clientClosed(client)))
    return client
  }

  /** Notes that a request or a tunnel runs from now on. */
  begin(stream: { cut(): void }): void {
    if (this.open.size === 0) this.pollset.busy(true)
    this.open.add(stream)
    this.arrivals.lower(EMPTY)
  }

  /** Notes that it no longer runs. */
  end(stream: { cut(): void }): void {
    if (!this.open.delete(stream) || this.open.size > 0) return
    this.pollset.busy(false)
    this.arrivals.raise(EMPTY)
  }

  gaveUp(stream: NodeFrontendStream, reason: ResetReason): void {
    this.events.gaveUp(stream, reason)
  }

  streamCrashed(stream: NodeFrontendStream, error: unknown): void {
    this.events.crashed(stream, error)
  }

  crashed(): void {
    this.closeNow()
  }

  // Steps

  acceptAll(): void {
    const { arrivals } = this
    arrivals.lower(ARRIVED)
    const { queued } = arrivals
    arrivals.queued = []
    for (const each of queued) each()
    this.waitOn(0, arrivals, ARRIVED)
  }

  /** Returns false if nothing runs or the time is over. */
  keepsDraining(): boolean {
    const { now } = this.pollset
    if (this.cutAt === 0) this.cutAt = now + this.drainMs
    this.acceptAll()
    if (this.open.size === 0 || now >= this.cutAt) return false
    this.waitOn(0, this.arrivals, ARRIVED | EMPTY)
    this.waitUntil(this.cutAt)
    return true
  }

  /** Cuts everything that runs, and waits until the exchanges have ended. */
  cut(): void {
    for (const each of [...this.open]) each.cut()
    this.waitOn(0, this.arrivals, EMPTY)
    this.waitUntil(this.pollset.now + CUT_MS)
  }

  closeNow(): void {
    this.events.closed()
  }

  override describe() {
    return { running: this.open.size }
  }
}

const { goto, done, suspend } = nodeFrontendLife
const waitToAccept = suspend({ then: 'accept', cancelled: 'drain' })
const waitToDrain = suspend({ then: 'drain', late: 'drain' })
const waitToClose = suspend({ then: 'close', late: 'close' })

const nodeFrontendSteps = nodeFrontendLife.steps<NodeFrontend>({
  /** Accepts all requests that have come since the last turn. */
  accept(f) {
    f.acceptAll()
    return waitToAccept
  },
  /** Waits until nothing runs, or too long. */
  drain(f) {
    if (f.keepsDraining()) return waitToDrain
    return f.running === 0 ? goto.close : goto.cut
  },
  cut(f) {
    f.cut()
    return waitToClose
  },
  close(f) {
    f.closeNow()
    return done
  },
})
