// The faults of the simulated network, and a pipe: one direction of a connection. A pipe keeps bytes and
// their order, as TCP does. The seed decides when they arrive, and in what pieces.

import type { Flushable } from '../door.js'
import type { Pollable } from '../pollable.js'
import type { Prng } from './prng.js'

/** The faults of the network. A percentage is the probability each time it could happen. All 0: no faults. */
export interface SimFaults {
  /** The longest time that a piece travels, in ms. */
  readonly latencyMs: number
  /** Writes, of either side, that are split at one to three places. */
  readonly splitPercent: number
  /** Arrivals that are joined to bytes not taken yet. */
  readonly coalescePercent: number
  /** The most bytes on their way from the World; 0: no bound. */
  readonly sendBufferBytes: number
  /**
   * The part of `sendBufferBytes` that must be free before the World may write: kernels report room in lumps.
   */
  readonly roomBytes: number
  /** Pieces that are delayed by up to `stallMs`. */
  readonly stallPercent: number
  readonly stallMs: number
  /** Connections that are reset, or vanish silently, within `faultWithinMs`. */
  readonly resetPercent: number
  readonly vanishPercent: number
  readonly faultWithinMs: number
  /** Connections on which the World's bytes are carried at `slowBytesPerSecond`. */
  readonly slowPercent: number
  readonly slowBytesPerSecond: number
  /** Connects that are refused or hang, and look-ups that fail. */
  readonly refusePercent: number
  readonly hangPercent: number
  readonly unresolvedPercent: number
  /** Tasks that fail in place of their result. Default 0. */
  readonly taskFailPercent?: number
}

export const noFaults: SimFaults = {
  latencyMs: 0,
  splitPercent: 0,
  coalescePercent: 0,
  sendBufferBytes: 0,
  roomBytes: 0,
  stallPercent: 0,
  stallMs: 0,
  resetPercent: 0,
  vanishPercent: 0,
  faultWithinMs: 0,
  slowPercent: 0,
  slowBytesPerSecond: 0,
  refusePercent: 0,
  hangPercent: 0,
  unresolvedPercent: 0,
}

/** The part of a network that a connection needs. */
export interface SimNet {
  readonly faults: SimFaults
  readonly chance: Prng
  readonly clock: number
  /** The number of times that each kind of fault happened. */
  readonly done: Record<string, number>
  /** The number of writes that the World has made. */
  writes: number
  mark(target: Pollable, bits: number): void
  at(time: number, act: () => void): void
  /** Notes a chunk that the World has taken: it is overwritten after this turn. */
  taken(chunk: Buffer): void
  flushLater(output: Flushable): void
}

/** The most bytes of a piece on a slow connection. */
const SLOW_PIECE = 4096

export const DATA = 0
export const FIN = 1
export const RST = 2

export interface Piece {
  readonly kind: number
  readonly bytes: Buffer | null
}

export const tally = (done: Record<string, number>, kind: string): void => {
  done[kind] = (done[kind] ?? 0) + 1
}

/** One direction of a connection. It delivers its pieces in order. */
export class Pipe {
  /** The bytes on their way. */
  bytes = 0
  /** True once it carries nothing any more. */
  cut = false
  /** Its rate in bytes per second; 0: no bound. */
  bytesPerSecond = 0
  private readonly net: SimNet
  private readonly deliver: (piece: Piece) => boolean
  private readonly pieces: Piece[] = []
  /** The number of pieces that are due but not taken. */
  private due = 0
  private lastAt = 0
  /** The number of calls of {@link drop}, each of which cancels deliveries planned before it. */
  private drops = 0

  constructor(net: SimNet, deliver: (piece: Piece) => boolean) {
    this.net = net
    this.deliver = deliver
  }

  get empty(): boolean {
    return this.pieces.length === 0
  }

  /** Sends bytes, which then belong to the pipe. */
  put(bytes: Buffer): void {
    const { chance, faults } = this.net
    this.bytes += bytes.length
    if (this.bytesPerSecond > 0) {
      for (let at = 0; at < bytes.length; at += SLOW_PIECE)
        this.send({ kind: DATA, bytes: bytes.subarray(at, at + SLOW_PIECE) })
      return
    }
    if (bytes.length < 2 || !chance.chance(faults.splitPercent)) {
      this.send({ kind: DATA, bytes })
      return
    }
    tally(this.net.done, 'split')
    let from = 0
    for (let cuts = chance.between(1, 3); cuts > 0 && bytes.length - from > 1; cuts--) {
      // Half of the cuts are in the first bytes, where frame headers are.
      const most = chance.chance(50) ? Math.min(20, bytes.length - from - 1) : bytes.length - from - 1
      const to = from + chance.between(1, most)
      this.send({ kind: DATA, bytes: bytes.subarray(from, to) })
      from = to
    }
    this.send({ kind: DATA, bytes: bytes.subarray(from) })
  }

  /** Sends FIN or RST. */
  finish(kind: number): void {
    this.send({ kind, bytes: null })
  }

  /** Drops everything that has not arrived, and carries nothing further. */
  drop(): void {
    this.pieces.length = 0
    this.due = 0
    this.bytes = 0
    this.cut = true
    this.drops++
  }

  /** Delivers the pieces that are due, as far as they are taken. */
  run(): void {
    const { drops } = this
    while (this.due > 0 && this.deliver(this.pieces[0])) {
      if (drops !== this.drops) return
      this.due--
      const piece = this.pieces.shift() as Piece
      if (piece.bytes !== null) this.bytes -= piece.bytes.length
    }
  }

  private send(piece: Piece): void {
    if (this.cut) return
    const { chance, faults, clock } = this.net
    let at = clock + chance.below(faults.latencyMs + 1)
    if (chance.chance(faults.stallPercent)) {
      at += chance.between(1, faults.stallMs)
      tally(this.net.done, 'stall')
    }
    this.lastAt = Math.max(this.lastAt, at)
    if (this.bytesPerSecond > 0 && piece.bytes !== null)
      this.lastAt += (piece.bytes.length * 1_000) / this.bytesPerSecond
    this.pieces.push(piece)
    const { drops } = this
    this.net.at(this.lastAt, () => {
      if (drops !== this.drops) return
      this.due++
      this.run()
    })
  }
}
