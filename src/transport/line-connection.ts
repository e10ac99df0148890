// A connection of a line protocol, for subclasses. A line ends in LF or CR LF.

import type { Socket } from '../pollset/index.js'
import { ByteConnection } from './byte-connection.js'
import { BARE_CR, LineReader, MORE, TOO_LONG } from './line-reader.js'
import type { TransportWorld } from './world.js'

export abstract class LineConnection extends ByteConnection {
  private readonly lines: LineReader

  /** @param lineBytesMax the most bytes of a line, without its end */
  constructor(world: TransportWorld, id: string, socket: Socket, lineBytesMax: number) {
    super(world, id, socket)
    this.lines = new LineReader(lineBytesMax)
  }

  /** Takes a line, whose characters are bytes (latin1). */
  protected abstract line(text: string): void
  /** Handles input that is not a valid line: nothing more is read, and the connection closes. */
  protected abstract badLine(why: string): void

  writeLine(text: string): void {
    this.output.write(Buffer.from(`${text}\n`, 'latin1'))
  }

  protected takeBytes(chunk: Buffer, at: number): number {
    const { lines } = this
    const end = lines.read(chunk, at, chunk.length)
    if (lines.found === TOO_LONG) this.refuse('the line is too long')
    else if (lines.found === BARE_CR) this.refuse('the line has a CR inside')
    else if (lines.found !== MORE) this.line(lines.buffer(chunk).toString('latin1', lines.start, lines.end))
    return end
  }

  private refuse(why: string): void {
    this.ending = true
    this.lines.drop()
    this.badLine(why)
  }
}
