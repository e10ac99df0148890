// A TCP reset that waits for what was sent before. A reset shows a peer that a message is cut, and it
// destroys what the peer has not read yet: also whole messages that left before the cut one. So nothing more
// is written, no FIN is sent, as it would make the cut message look whole, and the reset follows when the
// earlier messages must have been read. Meanwhile the connection reads, and discards what it reads.

import { CLOSED, type Socket } from '../pollset/index.js'

export class DelayedReset {
  /** ms of the pollset's clock: when the reset is due */
  readonly until: number
  private discardedBytes: number
  private readonly discardBytesMax: number

  constructor(until: number, discardBytesMax: number) {
    this.until = until
    this.discardedBytes = 0
    this.discardBytesMax = discardBytesMax
  }

  /** Discards what has come. Returns false when the reset is due, or the socket is gone. */
  goesOn(socket: Socket, now: number): boolean {
    for (let chunk = socket.take(); chunk !== null; chunk = socket.take()) {
      this.discardedBytes += chunk.length
      if (this.discardedBytes > this.discardBytesMax) return false
    }
    return (socket.readiness & CLOSED) === 0 && now < this.until
  }
}
