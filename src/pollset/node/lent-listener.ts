// The listener of a worker: the primary process has the listening socket, and gives each worker its share of
// the accepted connections.

import { type Address, LISTEN_FAILED, LISTENING, type ListenOptions, type SocketFault } from '../door.js'
import { AcceptQueue } from './accept-queue.js'
import { tcpKeepAlive } from './keep-alive.js'
import type { HandleAdopter, NodeListenerLimits } from './listener.js'
import type { RawConnection } from './process-link.js'

/** Lends listeners to the pollset of a worker. */
export interface ListenerLender {
  /** Asks for a listener. The answer comes by {@link LentListener.bound} or {@link LentListener.failed}. */
  lend(listener: LentListener): void
  giveBack(listener: LentListener): void
}

export class LentListener extends AcceptQueue {
  readonly id: string
  /** The requested address; the bound one, once LISTENING. */
  address: Address
  readonly asked: Address
  readonly isPrivate: boolean
  private readonly lender: ListenerLender
  private isClosed = false

  constructor(
    pollset: HandleAdopter,
    address: Address,
    id: string,
    limits: NodeListenerLimits,
    options: ListenOptions,
    lender: ListenerLender,
  ) {
    super(pollset, limits, tcpKeepAlive(options.keepAliveMs ?? limits.frontendTcpKeepAliveMs))
    this.id = id
    this.address = address
    this.asked = address
    this.isPrivate = options.isPrivate === true
    this.lender = lender
    lender.lend(this)
  }

  /** The primary listens at this address. */
  bound(address: Address): void {
    this.address = address
    this.pollset.mark(this, LISTENING)
  }

  failed(fault: SocketFault): void {
    this.fault = fault
    this.pollset.mark(this, LISTEN_FAILED)
  }

  /** Takes a connection that the primary has accepted. */
  given(connection: RawConnection): void {
    if (this.isClosed) connection.close()
    else this.arrivedRaw(connection)
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.pollset.drop(this)
    this.lender.giveBack(this)
    this.destroyQueue()
  }
}
