// The listeners of a service and its open connections. It bounds and drains them. To drain within some time,
// wait for EMPTY with a deadline.

import type { Continuation, World } from '../continuation/index.js'
import { type Address, type ListenOptions, Pollable, type Socket } from '../pollset/index.js'
import { Listening, type ListeningEvents } from './listening.js'

/** No connection is open. */
export const EMPTY = 1

export class Connections extends Pollable {
  readonly id: string
  readonly kind = 'connections'
  readonly bitNames = ['EMPTY']
  /** The number of sockets that were closed when accepted, because the service was full. */
  refused = 0
  /** True while draining: new connections are told to close when they are added. */
  draining = false
  private readonly open = new Set<Continuation>()
  private readonly listeners = new Set<Listening>()
  private onDrained: (() => void) | null = null
  private readonly most: number

  /** @param most the most open connections */
  constructor(id: string, most: number) {
    super()
    this.id = id
    this.most = most
    this.readiness = EMPTY
  }

  get size(): number {
    return this.open.size
  }

  get isFull(): boolean {
    return this.open.size >= this.most
  }

  /** The open connections. */
  [Symbol.iterator](): IterableIterator<Continuation> {
    return this.open.values()
  }

  /** Listens at this address until the service is drained. */
  listen(world: World, address: Address, events: ListeningEvents, options?: ListenOptions): Listening {
    const listening = new Listening(world, address, events, options)
    this.listeners.add(listening)
    return listening
  }

  /** Listens at this address, and makes a connection of each socket for which there is room. */
  serve(
    world: World,
    address: Address,
    connectionOn: (socket: Socket) => Continuation,
    events: Omit<ListeningEvents, 'accepted'> = {},
    options?: ListenOptions,
  ): Listening {
    const accepted = (socket: Socket): void => {
      if (!this.refuse(socket)) this.add(connectionOn(socket))
    }
    return this.listen(world, address, { ...events, accepted }, options)
  }

  /** Closes one listener. */
  unlisten(listening: Listening): void {
    if (this.listeners.delete(listening)) listening.cancel()
  }

  /** Closes all listeners. */
  stopListening(): void {
    for (const listening of this.listeners) listening.cancel()
  }

  /** Closes the socket if the service is full. Returns true if it did. */
  refuse(socket: Socket): boolean {
    if (!this.isFull) return false
    this.refused++
    socket.destroy()
    return true
  }

  add(connection: Continuation): void {
    this.open.add(connection)
    this.lower(EMPTY)
    if (this.draining) connection.cancel()
  }

  /** Removes a connection that has closed. */
  delete(connection: Continuation): void {
    if (!this.open.delete(connection) || this.open.size > 0) return
    this.raise(EMPTY)
    this.tellDrained()
  }

  /** Replaces a continuation by another on the same socket: a handshake by the connection it leads to. */
  replace(before: Continuation, after: Continuation): void {
    this.add(after)
    this.delete(before)
  }

  /**
   * Closes the listeners, and cancels each connection, which closes when its work is done.
   * @param drained is called once, when no connection is left
   */
  drain(drained: () => void = () => {}): void {
    this.draining = true
    this.onDrained = drained
    this.stopListening()
    for (const connection of this.open) connection.cancel()
    if (this.open.size === 0) this.tellDrained()
  }

  private tellDrained(): void {
    const { onDrained } = this
    this.onDrained = null
    onDrained?.()
  }
}
