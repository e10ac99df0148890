// A connection for any protocol, as a continuation on a socket. It reads while it may. It closes by writing
// all pending output, sending FIN and waiting for the peer's close. After a cancel it stops reading, sends
// the answers that it owes, and closes.

import { Continuation, defineLife } from '../continuation/index.js'
import { CLOSED, ENDED, type Pollable, READABLE, Signal, type Socket } from '../pollset/index.js'
import { Linger, type LingerLimits, lingerLimits } from './linger.js'
import type { SlabOutput } from './slab-output.js'
import { Transit, type TransitLimits, transitLimits } from './transit.js'
import type { TransportWorld } from './world.js'

/** {@link SocketConnection.mayRead} or {@link SocketConnection.owes} may have changed. */
const CHANGED = 1
const CHANGE_BITS = ['CHANGED']

export const socketConnectionLife = defineLife({
  name: 'connection',
  source: import.meta.url,
  edges: {
    read: ['read', 'drain', 'finish', 'close'],
    drain: ['read'],
    finish: ['linger'],
    linger: ['linger', 'close'],
    close: ['done'],
  },
})

export abstract class SocketConnection extends Continuation {
  readonly id: string
  readonly socket: Socket
  /** Its output. The constructor that makes it must attach it to the socket. */
  abstract readonly output: SlabOutput
  /** True once the connection reads nothing more. */
  ending: boolean
  /** Raised by {@link changed}. */
  readonly pollable: Pollable
  /** The bytes of the output that may not have reached the peer yet. */
  protected readonly transit: Transit
  protected readonly world: TransportWorld
  private readonly limits: LingerLimits & TransitLimits
  private lingering: Linger | null

  constructor(
    world: TransportWorld,
    id: string,
    socket: Socket,
    limits: LingerLimits & TransitLimits = { ...lingerLimits, ...transitLimits },
  ) {
    super(world)
    this.id = id
    this.socket = socket
    this.ending = false
    this.pollable = new Signal(`${id}.change`, 'connection', CHANGE_BITS)
    this.transit = new Transit(limits)
    this.world = world
    this.limits = limits
    this.lingering = null
    steps.start(world, this, 'read')
  }

  /** Takes bytes from the socket, as long as {@link mayRead}. */
  abstract take(socket: Socket): void
  /** True while more may be read: there is room for its consequences. */
  abstract get mayRead(): boolean
  /** True while the peer is owed an answer that has not reached {@link output}. */
  abstract get owes(): boolean
  /** Reports that the connection has closed. */
  abstract closed(): void

  /** True if the connection must close now, without reading the rest from the socket. */
  get isGone(): boolean {
    return (this.socket.readiness & CLOSED) !== 0
  }

  /** Wakes the connection. Call it when {@link mayRead} or {@link owes} has changed. */
  changed(): void {
    this.pollable.raise(CHANGED)
  }

  crashed(): void {
    this.output.abandon()
    this.socket.reset()
    this.closed()
  }

  /** Reads what may be read. Returns true if the connection must wait for something before it closes. */
  advance(): boolean {
    const { socket } = this
    this.pollable.lower(CHANGED)
    if (this.isGone) return false
    if (!this.ending) this.take(socket)
    if (this.isGone || (this.ending && !this.owes)) return false
    const reads = this.mayRead && !this.ending
    if (reads) socket.unpause()
    else socket.pause()
    // Bits that stay raised would wake it forever. `changed` wakes it when they are of use.
    this.waitOn(0, socket, (reads ? READABLE | ENDED | CLOSED : ENDED | CLOSED) & ~socket.readiness)
    this.waitOn(1, this.pollable, CHANGED)
    return true
  }

  /** Writes all pending output, then FIN. Reads on, and discards, up to the peer's FIN. */
  finish(): void {
    this.output.finish()
    this.lingering = new Linger(this.limits, this.transit, this.world.pollset.now)
    this.socket.unpause()
  }

  /** Waits for the peer's end. Returns false when there is nothing to wait for. */
  lingers(): boolean {
    const lingering = this.lingering as Linger
    if (!lingering.keepsWaiting(this.socket, this.world.pollset.now)) return false
    this.waitOn(0, this.socket, lingering.bits)
    this.waitUntil(lingering.until)
    return true
  }

  override describe(): Readonly<Record<string, unknown>> {
    return { ending: this.ending, owes: this.owes, output: this.output.describe() }
  }
}

const { goto, done, suspend } = socketConnectionLife
const waitForBytes = suspend({ then: 'read', cancelled: 'drain' })
const waitForPeer = suspend({ then: 'linger', late: 'linger', cancelled: 'close' })

const steps = socketConnectionLife.steps<SocketConnection>({
  read(c) {
    if (c.advance()) return waitForBytes
    return c.isGone ? goto.close : goto.finish
  },
  drain(c) {
    c.ending = true
    return goto.read
  },
  finish(c) {
    c.finish()
    return goto.linger
  },
  linger: (c) => (c.lingers() ? waitForPeer : goto.close),
  close(c) {
    c.output.abandon()
    c.socket.destroy()
    c.closed()
    return done
  },
})
