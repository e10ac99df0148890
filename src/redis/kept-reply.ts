// The reply to a command of the proxy's own, which is kept until it is whole. It is bounded: the rest of a
// longer one is dropped as it comes.

import { type Keeper, KeptBytes, KeptTotal } from '../transport/index.js'
import type { Ask } from './ask.js'
import type { RedisWorld } from './world.js'

const MINUS = 0x2d
/** The bytes of an error of the server that are told. */
const TOLD_BYTES_MAX = 200

export class KeptReply implements Ask, Keeper {
  readonly sharer = null
  readonly heldOwner = null
  readonly askedAt: number
  owed = 1
  /** The reason why there is no reply, as one clause; '' with one. An error is none. */
  why = 'it did not answer in time'
  /** True if it was longer than the bound. */
  isTooLong = false
  private isDropped = false
  /** Memory had no room for it. */
  private isForgotten = false
  private readonly most: number
  private readonly kept: KeptBytes
  private readonly settled: (isLost: boolean) => void

  /** @param settled is called once: the reply is whole, or its session has gone */
  constructor(world: RedisWorld, settled: (isLost: boolean) => void) {
    this.askedAt = world.pollset.now
    this.most = world.redisLimits.storeReplyBytesMax
    this.kept = new KeptBytes(world.pollset, world.memory, new KeptTotal(world, this))
    this.settled = settled
  }

  reply(buffer: Buffer, from: number, to: number, last: boolean): void {
    const { kept, most } = this
    if (kept.length + to - from > most) this.isTooLong = true
    if (this.isDropped || this.isForgotten || this.isTooLong) kept.clear()
    else kept.append(buffer, from, to)
    if (!last) return
    this.owed = 0
    this.why = this.judged()
    this.settled(false)
  }

  giveUp(): boolean {
    this.isForgotten = true
    this.kept.clear()
    return true
  }

  private judged(): string {
    const { kept } = this
    if (this.isForgotten) return 'its reply found no room in memory'
    if (this.isTooLong) return `its reply has more than ${this.most} bytes`
    if (kept.length === 0 || kept.bytes[0] !== MINUS) return ''
    return `it answered ${kept.bytes.toString('latin1', 0, Math.min(kept.length, TOLD_BYTES_MAX)).trim()}`
  }

  lost(): void {
    this.owed = 0
    this.why = 'the connection was closed'
    this.settled(true)
  }

  /** Returns a copy of the reply, and frees its memory. The rest of it, if any comes, is dropped. */
  end(): Buffer {
    const { kept } = this
    const bytes = Buffer.from(kept.bytes.subarray(0, kept.length))
    this.isDropped = true
    kept.clear()
    return bytes
  }
}
