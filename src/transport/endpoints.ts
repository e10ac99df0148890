// Between whom a connection is: the original source and destination of a client connection, even behind a
// trusted relay.

import type { Address, Socket } from '../pollset/index.js'

/**
 * The source and destination of a connection: a client's own address and the one it reached, whoever relays
 * between.
 */
export interface Ends {
  readonly from: Address
  readonly to: Address
}

/** The ends of a connection as the operating system tells them. */
export const endsOf = (socket: Socket): Ends => ({ from: socket.remote, to: socket.local })
