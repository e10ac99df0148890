// The original source and destination of a client connection, even behind a trusted relay.

import type { Address, Socket } from '../pollset/index.js'

/** The source and destination of a client connection. A relay's connection has those of its client. */
export interface AddressPair {
  readonly from: Address
  readonly to: Address
}

/** The addresses of a socket. The operating system is asked for the destination only when it is needed. */
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
