// What the simulated network may do, and one direction of a connection on it: a pipe, which keeps bytes and
// their order, as TCP does. When they arrive, and in what pieces, is drawn.

import type { Flushable } from '../door.js'
import type { Pollable } from '../pollable.js'
import type { Prng } from './prng.js'

/**
 * What the network may do to connections; percents are of the cases where it could. All 0: a network without
 * faults.
 */
export interface SimFaults {
  /** ms a piece travels, at most */
  readonly latencyMs: number
  /** of writes, either way: split at one to three places */
  readonly splitPercent: number
  /** of arrivals: joined with what has arrived and was not taken yet */
  readonly coalescePercent: number
  /** octets the network takes at once from the World; 0: all */
  readonly sendBufferBytes: number
  /**
   * octets of these that must have been read before more is taken: kernels tell of room in lumps, and a slow
   * reader's far between
   */
  readonly roomBytes: number
  /** of pieces: held up for up to stallMs */
  readonly stallPercent: number
  readonly stallMs: number
  /** of connections: reset, or gone without a word, within faultWithinMs */
  readonly resetPercent: number
  readonly vanishPercent: number
  readonly faultWithinMs: number
  /** of connections: what the World sends is carried at slowBytesPerSecond, steadily */
  readonly slowPercent: number
  readonly slowBytesPerSecond: number
  /** of connects and look-ups */
  readonly refusePercent: number
  readonly hangPercent: number
  readonly unresolvedPercent: number
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

/** What a link needs of its network. */
export interface SimNet {
  readonly faults: SimFaults
  readonly chance: Prng
  readonly clock: number
  /** How often each kind of fault was done. */
  readonly done: Record<string, number>
  /** Writes of the World to its sockets. */
  writes: number
  mark(target: Pollable, bits: number): void
  at(time: number, act: () => void): void
  /** A chunk that the World has taken: it is spoilt after this turn. */
  taken(chunk: Buffer): void
  flushLater(output: Flushable): void
}

/** octets of a piece on a slow connection */
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

/** One direction. What is put in comes out in order, some time. */
export class Pipe {
  /** octets on their way */
  bytes = 0
  cut = false
  /** octets a second that it carries; 0: any number at once */
  bytesPerSecond = 0
  private readonly net: SimNet
  private readonly deliver: (piece: Piece) => boolean
  private readonly pieces: Piece[] = []
  /** Pieces that are due and were not taken. */
  private due = 0
  private lastAt = 0
  /** Counts the droppings: what was planned before one does not happen. */
  private drops = 0

  constructor(net: SimNet, deliver: (piece: Piece) => boolean) {
    this.net = net
    this.deliver = deliver
  }

  get empty(): boolean {
    return this.pieces.length === 0
  }

  /** Its bytes belong to the pipe from here on. */
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
      // Half of the cuts lie in the first octets, where frame headers are.
      const most = chance.chance(50) ? Math.min(20, bytes.length - from - 1) : bytes.length - from - 1
      const to = from + chance.between(1, most)
      this.send({ kind: DATA, bytes: bytes.subarray(from, to) })
      from = to
    }
    this.send({ kind: DATA, bytes: bytes.subarray(from) })
  }

  finish(kind: number): void {
    this.send({ kind, bytes: null })
  }

  /** What has not arrived never will. */
  drop(): void {
    this.pieces.length = 0
    this.due = 0
    this.bytes = 0
    this.cut = true
    this.drops++
  }

  /** Deliver what is due, as far as it is taken. */
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
