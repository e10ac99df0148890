// A connection for any protocol, as a continuation on a socket. It reads while it may. It closes by writing
// all pending output, sending FIN and waiting for the peer's close. After a cancel it reads nothing more,
// sends the answers that it owes, and closes.

import { Continuation, defineLife } from '../continuation/index.js'
import { CLOSED, ENDED, READABLE, Signal, type Socket } from '../pollset/index.js'
import { ByteOutput, type ByteOutputOwner } from './byte-output.js'
import { Linger, type LingerLimits, lingerLimits } from './linger.js'
import { Transit, type TransitLimits, transitLimits } from './transit.js'
import type { TransportWorld } from './world.js'

/** {@link ByteConnection.mayRead} or {@link ByteConnection.owes} may have changed. */
const CHANGED = 1
const CHANGE_BITS = ['CHANGED']

export const byteConnectionLife = defineLife({
  edges: {
    read: ['read', 'drain', 'finish', 'close'],
    drain: ['read'],
    finish: ['linger'],
    linger: ['linger', 'close'],
    close: ['done'],
  },
})

export abstract class ByteConnection extends Continuation implements ByteOutputOwner {
  readonly id: string
  readonly socket: Socket
  readonly output: ByteOutput
  /** The connection reads nothing more. */
  ending: boolean
  private readonly change: Signal
  private readonly transport: TransportWorld
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
    this.transport = world
    this.limits = limits
    this.ending = false
    this.lingering = null
    this.change = new Signal(`${id}.change`, 'connection', CHANGE_BITS)
    this.output = new ByteOutput(world, this)
    this.output.attach(socket, this)
    steps.start(world, this, 'read')
  }

  /** Takes bytes from the socket, as long as {@link mayRead}. */
  abstract take(socket: Socket): void
  /** More may be read: there is room for what it may cause. */
  abstract get mayRead(): boolean
  /** The peer is owed an answer that has not reached {@link output}. */
  abstract get owes(): boolean
  /** Reports that the connection has closed. */
  abstract closed(): void

  /** Wakes the connection. Must be called when {@link mayRead} or {@link owes} has changed. */
  changed(): void {
    this.change.raise(CHANGED)
  }

  sent(): void {
    this.changed()
  }

  stalled(): void {
    this.socket.reset()
  }

  crashed(): void {
    this.output.abandon()
    this.socket.reset()
    this.closed()
  }

  /** Reads what may be read. Returns whether the connection must wait for something before it closes. */
  advance(): boolean {
    const { socket } = this
    this.change.lower(CHANGED)
    if (!this.ending) this.take(socket)
    if (this.ending && !this.owes) return false
    const reads = this.mayRead && !this.ending
    if (reads) socket.unpause()
    else socket.pause()
    this.waitOn(0, socket, reads ? READABLE | ENDED | CLOSED : CLOSED)
    this.waitOn(1, this.change, CHANGED)
    return true
  }

  /** Writes all pending output, then FIN. */
  finish(): void {
    this.output.finish()
    this.lingering = new Linger(this.limits, new Transit(this.limits), this.transport.pollset.now)
  }

  /** Waits for the peer's close. Returns false if there is nothing to wait for. */
  lingers(): boolean {
    const lingering = this.lingering as Linger
    if (!lingering.keepsWaiting(this.socket, this.transport.pollset.now)) return false
    this.waitOn(0, this.socket, lingering.bits)
    this.waitUntil(lingering.until)
    return true
  }

  override describe() {
    return { ending: this.ending, owes: this.owes, waiting: this.output.waiting }
  }
}

const { goto, done, suspend } = byteConnectionLife
const waitForBytes = suspend({ then: 'read', cancelled: 'drain' })
const waitForPeer = suspend({ then: 'linger', late: 'linger', cancelled: 'close' })

const steps = byteConnectionLife.steps<ByteConnection>({
  read(c) {
    if ((c.socket.readiness & CLOSED) !== 0) return goto.close
    return c.advance() ? waitForBytes : goto.finish
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
