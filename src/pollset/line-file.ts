// A file of lines that is only appended to, such as an access log. Writing a line never waits: the lines of a
// turn go out in one write, and one write is in flight at a time. While the file takes lines too slowly,
// whole lines are dropped and counted (spec/access-log.md, File).

import type { SocketFault } from './door.js'
import { Pollable } from './pollable.js'

// Bits of a LineFile.
/** Lines were dropped; {@link LineFile.takeDropped} counts them. */
export const DROPPED = 1
/** A write or an opening has failed; {@link LineFile.takeFault} says why. The file tries again by itself. */
export const FAILED = 2
/** It was opened again, by its name. */
export const REOPENED = 4

/** A buffer into which lines are put, one behind the other. */
export class LineSlab {
  /** Bytes behind the room that may be overwritten: short text is put in pieces of this many bytes. */
  static readonly SLACK = 32
  /** The most bytes that lines may take. */
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
  /** Its name for people: its path, or `standard output`. */
  abstract readonly name: string
  /** The number of lines that the operating system has taken, and of those that were dropped. */
  abstract readonly lines: number
  abstract readonly dropped: number
  /** Writes the line of `x`, or drops it. */
  abstract append<T>(line: LineWriter<T>, x: T): void
  /** Opens the file again by its name, after it was renamed. Earlier lines go to the renamed file. */
  abstract reopen(): void
  /** Returns the number of lines dropped since the last call, and lowers DROPPED. */
  abstract takeDropped(): number
  /** Returns the last fault since the last call, or null, and lowers FAILED. */
  abstract takeFault(): SocketFault | null
}
