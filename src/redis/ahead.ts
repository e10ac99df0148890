// The bytes of a client that came while none of its commands could be begun. Clients write many commands
// before they read the first reply: if such a client were not read, it would wait for us, and we for it.

import { KeptBytes, type KeptTotal } from '../transport/index.js'
import type { RedisWorld } from './world.js'

export class Ahead {
  /** As they came. Commands of this turn point at them, so none is moved. */
  private readonly pieces: KeptBytes[] = []
  /** The bytes of the first piece that were taken. */
  private offset = 0
  /** The bytes of memory that the pieces lie in. */
  private held = 0
  private readonly world: RedisWorld
  private readonly total: KeptTotal
  private readonly most: number

  constructor(world: RedisWorld, total: KeptTotal, most: number) {
    this.world = world
    this.total = total
    this.most = most
  }

  get isEmpty(): boolean {
    return this.pieces.length === 0
  }

  get hasRoom(): boolean {
    return this.held < this.most
  }

  /** Keeps the bytes of this turn's read buffer from an offset on. */
  append(chunk: Buffer, from: number): void {
    const { pieces, world } = this
    const last = pieces.at(-1)
    const fits = last === undefined ? 0 : Math.min(last.bytes.length - last.length, chunk.length - from)
    if (fits > 0) last?.append(chunk, from, from + fits)
    if (from + fits === chunk.length) return
    const piece = new KeptBytes(world.pollset, world.memory, this.total)
    piece.append(chunk, from + fits, chunk.length)
    pieces.push(piece)
    this.held += piece.bytes.length
  }

  /** The bytes that came first. */
  get first(): Buffer {
    const [piece] = this.pieces
    return piece.bytes.subarray(this.offset, piece.length)
  }

  /** The first bytes are not needed beyond this turn. */
  taken(bytes: number): void {
    const [piece] = this.pieces
    this.offset += bytes
    if (this.offset < piece.length) return
    this.held -= piece.bytes.length
    piece.clear()
    this.pieces.shift()
    this.offset = 0
  }

  clear(): void {
    for (const each of this.pieces.splice(0)) each.clear()
    this.held = 0
    this.offset = 0
  }
}
