// Checks an HTTP/2 connection every few seconds: the peer must be alive (liveness.ts), must finish the
// handshake in time, and must finish each frame that it begins.

import type { Socket } from '../pollset/index.js'
import type { Transit } from '../transport/index.js'
import { ErrorCode } from './codes.js'
import type { Http2Context } from './context.js'
import { Handshake, type Overdue } from './handshake.js'
import { Liveness } from './liveness.js'
import { UnfinishedFrame } from './unfinished-frame.js'

const ENDLESS_FRAME: Overdue = {
  code: ErrorCode.ENHANCE_YOUR_CALM,
  message: 'a frame or field block that does not end',
  blamesFrame: true,
}

export class Health {
  readonly handshake: Handshake
  readonly liveness: Liveness
  private readonly unfinished: UnfinishedFrame
  private readonly context: Http2Context
  private readonly transit: Transit
  /** The time of the last check: ms of the pollset's clock. */
  private checkedAt: number

  constructor(context: Http2Context, side: 'frontend' | 'backend', transit: Transit, now: number) {
    const { limits } = context
    this.handshake = new Handshake(now + limits.prefaceMs)
    this.liveness = new Liveness(limits, side, transit, now)
    this.unfinished = new UnfinishedFrame()
    this.context = context
    this.transit = transit
    this.checkedAt = now
  }

  /** Notes that bytes have come. `unfinished`: the number of the frame that has not ended; 0 for none. */
  read(unfinished: number, now: number): void {
    this.liveness.read(now)
    this.unfinished.note(unfinished, now)
  }

  /** True while the peer owes the handshake, or the rest of a frame. */
  get owes(): boolean {
    return this.unfinished.isThere || !this.handshake.isDone
  }

  /** Returns true if a check is due, although bytes keep arriving. `inHaste`: checks are frequent. */
  isDue(inHaste: boolean, now: number): boolean {
    return now - this.checkedAt >= (inHaste ? this.context.hastyCheckMs : this.context.checkMs)
  }

  /** Returns the overdue part for which the connection must end, or null. */
  check(socket: Socket, now: number): Overdue | null {
    this.checkedAt = now
    this.transit.look(socket.writtenBytes, now)
    const endless = this.unfinished.isOlder(this.context.limits.frameMs, now)
    return this.handshake.overdue(now) ?? (endless ? ENDLESS_FRAME : null)
  }
}
