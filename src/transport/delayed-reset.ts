// A delayed TCP reset. A reset shows a peer that a message is cut, but it also discards whole, earlier
// messages that the peer has not read. FIN would make the cut message look whole. So nothing more is written,
// and the reset follows when the peer must have read the earlier messages. Meanwhile the connection reads and
// discards.

import { CLOSED, type Socket } from '../pollset/index.js'

export class DelayedReset {
  /** The time at which the reset is due, in ms of the pollset's clock. */
  readonly until: number
  private discardedBytes: number
  private readonly discardBytesMax: number

  constructor(until: number, discardBytesMax: number) {
    this.until = until
    this.discardedBytes = 0
    this.discardBytesMax = discardBytesMax
  }

  /** Discards the received bytes. Returns false when the reset is due or the socket has closed. */
  goesOn(socket: Socket, now: number): boolean {
    for (let chunk = socket.take(); chunk !== null; chunk = socket.take()) {
      this.discardedBytes += chunk.length
      if (this.discardedBytes > this.discardBytesMax) return false
    }
    return (socket.readiness & CLOSED) === 0 && now < this.until
  }
}
