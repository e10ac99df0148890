// A connection that writes plain bytes, to build a protocol on.

import type { Socket } from '../pollset/index.js'
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
