// A file of lines that is only appended to, such as an access log. Writing a line never waits: what a turn
// writes goes out in one write, with one write in flight. While the file takes lines too slowly, whole lines
// are dropped and counted (spec/access-log.md, File).

import type { SocketFault } from './door.js'
import { Pollable } from './pollable.js'

// Bits of a LineFile.
/** Lines were dropped; {@link LineFile.takeDropped} counts them. */
export const DROPPED = 1
/** A write or an opening has failed; {@link LineFile.takeFault} says why. It is tried again by itself. */
export const FAILED = 2
/** It was opened again, by its name. */
export const REOPENED = 4

/** Where lines are put, one behind the other. */
export class LineSlab {
  /** Bytes behind the room that may be overwritten, since short text is put as so many bytes. */
  static readonly SLACK = 32
  /** The bytes that lines take at most. */
  readonly room: number
  readonly bytes: Buffer
  /** The same bytes. */
  readonly view: DataView

  constructor(room: number) {
    this.room = room
    this.bytes = Buffer.allocUnsafeSlow(room + LineSlab.SLACK)
    const { buffer, byteOffset, length } = this.bytes
    this.view = new DataView(buffer, byteOffset, length)
  }
}

/**
 * Puts a line with its line end at this place of the slab, and returns where it ends: behind the
 * room of the slab if there is too little. It may overwrite what is behind the line.
 */
export type LineWriter<T> = (x: T, slab: LineSlab, at: number) => number

export abstract class LineFile extends Pollable {
  override get kind(): string {
    return 'file'
  }
  override get bitNames(): readonly string[] {
    return ['DROPPED', 'FAILED', 'REOPENED']
  }
  /** How it is named for people: its path, or `standard output`. */
  abstract readonly name: string
  /** The lines that were written, as far as the operating system has taken them, and those dropped. */
  abstract readonly lines: number
  abstract readonly dropped: number
  /** Writes the line of `x`, or drops it. */
  abstract append<T>(line: LineWriter<T>, x: T): void
  /** Opens it again by its name, since it was renamed. What was written before goes to the old one. */
  abstract reopen(): void
  /** Returns how many lines were dropped since the last call. Lowers DROPPED. */
  abstract takeDropped(): number
  /** Returns the last fault since the last call; null if there was none. Lowers FAILED. */
  abstract takeFault(): SocketFault | null
}
