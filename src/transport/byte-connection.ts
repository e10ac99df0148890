// A connection of plain bytes, for protocols to extend. While it must not read, bytes go back to the socket,
// so the protocol buffers at most the beginning of one message.

import { CLOSED, ENDED, type Socket } from '../pollset/index.js'
import { ByteOutput, type ByteOutputOwner } from './byte-output.js'
import type { LingerLimits } from './linger.js'
import { SocketConnection } from './socket-connection.js'
import type { TransitLimits } from './transit.js'
import type { TransportWorld } from './world.js'

export abstract class ByteConnection extends SocketConnection implements ByteOutputOwner {
  readonly output: ByteOutput

  constructor(world: TransportWorld, id: string, socket: Socket, limits?: LingerLimits & TransitLimits) {
    super(world, id, socket, limits)
    this.output = new ByteOutput(world, this)
    this.output.attach(socket, this)
  }

  /**
   * Takes one message, or a part of one, from the chunk. Returns the offset after it. Bytes that it does not
   * take come again while {@link mayRead}.
   */
  protected abstract takeBytes(chunk: Buffer, at: number): number

  take(socket: Socket): void {
    while (this.mayRead && !this.ending && (socket.readiness & CLOSED) === 0) {
      const chunk = socket.take()
      if (chunk === null) {
        if ((socket.readiness & ENDED) !== 0) this.inputEnded()
        return
      }
      let at = 0
      while (at < chunk.length && this.mayRead && !this.ending) at = this.takeBytes(chunk, at)
      if (at < chunk.length && !this.ending) socket.unread(chunk.subarray(at))
    }
  }

  /** Handles the end of the peer's input: nothing more is read, and the connection closes. */
  protected inputEnded(): void {
    this.ending = true
  }

  sent(): void {
    this.changed()
  }

  stalled(): void {
    this.socket.reset()
  }

  override describe(): Readonly<Record<string, unknown>> {
    return { ...super.describe(), waiting: this.output.waiting }
  }
}
