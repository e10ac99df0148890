// The accepted sockets of a listener, until its continuation takes them.

import { Socket as NetSocket } from 'node:net'
import { ACCEPTABLE, type Address, Listener, type Socket } from '../door.js'
import type { TcpKeepAlive } from './keep-alive.js'
import type { HandleAdopter, NodeListenerLimits } from './listener.js'
import { numericHost } from './networks.js'
import type { RawConnection } from './process-link.js'
import type { Reading } from './reading.js'
import { type Marked, NodeSocket } from './socket.js'

export abstract class AcceptQueue extends Listener implements Marked {
  marked = 0
  protected readonly pollset: HandleAdopter
  protected readonly limits: NodeListenerLimits
  protected readonly keepAlive: TcpKeepAlive
  private readonly accepted: Socket[] = []
  private accepts = 0

  constructor(pollset: HandleAdopter, limits: NodeListenerLimits, keepAlive: TcpKeepAlive) {
    super()
    this.pollset = pollset
    this.limits = limits
    this.keepAlive = keepAlive
  }

  abstract override readonly id: string
  abstract override readonly address: Address

  /** Takes a connection that has no socket of Node's yet, and reads it into our buffers. */
  arrivedRaw(connection: RawConnection): void {
    const { keepAlive, keepAliveInitialDelay } = this.keepAlive
    const onread = this.pollset.newReading()
    const net = new NetSocket({ handle: connection, allowHalfOpen: true, onread } as object)
    // On Linux an accepted socket inherits these options from the listening one: five system calls fewer.
    if (process.platform !== 'linux') {
      net.setNoDelay()
      if (keepAlive) net.setKeepAlive(true, keepAliveInitialDelay)
    }
    this.arrived(net, onread)
  }

  arrived(net: NetSocket, reading: Reading | null): void {
    const { pollset, limits, accepted } = this
    // A client that has left already has no address. It must not pass for a peer on a Unix-domain socket.
    const isLost = this.address.path === undefined && net.remoteAddress === undefined
    if (isLost || accepted.length >= limits.acceptQueueMax) {
      net.destroy()
      return
    }
    const remote = { host: numericHost(net.remoteAddress ?? ''), port: net.remotePort ?? 0 }
    const id = `${this.id}.${++this.accepts}`
    accepted.push(pollset.note(new NodeSocket(net, remote, id, pollset, limits, reading)))
    pollset.mark(this, ACCEPTABLE)
  }

  accept(): Socket | null {
    const socket = this.accepted.shift() ?? null
    if (this.accepted.length === 0) this.lower(ACCEPTABLE)
    return socket
  }

  protected destroyQueue(): void {
    for (const socket of this.accepted) socket.destroy()
    this.accepted.length = 0
  }
}
