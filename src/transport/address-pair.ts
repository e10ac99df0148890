// The original source and destination of a client connection, even behind a trusted relay.

import type { Address, Socket } from '../pollset/index.js'

/**
 * The source and destination of a connection: a client's own address and the one it reached, whoever relays
 * between.
 */
export interface AddressPair {
  readonly from: Address
  readonly to: Address
}

/**
 * The ends of a connection as the operating system tells them. It is asked for the second where somebody
 * wants it.
 */
class SocketAddressPair implements AddressPair {
  private readonly socket: Socket
  constructor(socket: Socket) {
    this.socket = socket
  }
  get from(): Address {
    return this.socket.remote
  }
  get to(): Address {
    return this.socket.local
  }
}

export const addressPairOf = (socket: Socket): AddressPair => new SocketAddressPair(socket)
