// The connections that a service has accepted and that have not ended: how many there may be, and how they
// are drained. A caller that drains waits for EMPTY, with its own deadline.

import type { Continuation } from '../continuation/index.js'
import { Pollable, type Socket } from '../pollset/index.js'

/** No connection is open. */
export const EMPTY = 1

export class Connections extends Pollable {
  readonly id: string
  readonly kind = 'connections'
  readonly bitNames = ['EMPTY']
  /** Sockets closed as they came, for want of room. */
  refused = 0
  /** New ones are told to end as they are added. */
  draining = false
  private readonly open = new Set<Continuation>()
  private readonly most: number

  /** @param most connections at once */
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

  /** Closes a socket for which there is no room. Returns whether it did. */
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

  /** This one has ended. */
  delete(connection: Continuation): void {
    if (this.open.delete(connection) && this.open.size === 0) this.raise(EMPTY)
  }

  /** One goes on as another: a handshake as the connection of the protocol that it settled. */
  replace(before: Continuation, after: Continuation): void {
    this.add(after)
    this.delete(before)
  }

  /** Asks each to end when its work is done, and those that come from here on. */
  drain(): void {
    this.draining = true
    for (const connection of this.open) connection.cancel()
  }
}
