// A connection of a line protocol, to extend. A line ends in LF or CR LF. While the connection must not read,
// bytes after a line go back to the socket, so that it buffers the beginning of one line at most.

import { ENDED, type Socket } from '../pollset/index.js'
import { ByteConnection } from './byte-connection.js'
import { BARE_CR, LineReader, MORE, TOO_LONG } from './line-reader.js'
import type { TransportWorld } from './world.js'

export abstract class LineConnection extends ByteConnection {
  private readonly lines: LineReader

  /** @param lineBytesMax the bytes of a line, without its end */
  constructor(world: TransportWorld, id: string, socket: Socket, lineBytesMax: number) {
    super(world, id, socket)
    this.lines = new LineReader(lineBytesMax)
  }

  /** Takes a line, whose characters are bytes (latin1). */
  protected abstract line(text: string): void
  /** The input is not a valid line: nothing more is read, and the connection closes. */
  protected abstract badLine(why: string): void

  writeLine(text: string): void {
    this.output.write(Buffer.from(`${text}\n`, 'latin1'))
  }

  take(socket: Socket): void {
    while (this.mayRead && !this.ending) {
      const chunk = socket.take()
      if (chunk !== null) this.takeLines(socket, chunk)
      else if ((socket.readiness & ENDED) !== 0) this.ending = true
      else return
    }
  }

  private takeLines(socket: Socket, chunk: Buffer): void {
    const { lines } = this
    let at = 0
    while (at < chunk.length && this.mayRead && !this.ending) {
      at = lines.read(chunk, at, chunk.length)
      if (lines.found === TOO_LONG) this.refuse('the line is too long')
      else if (lines.found === BARE_CR) this.refuse('the line has a CR inside')
      else if (lines.found !== MORE) this.line(lines.buffer(chunk).toString('latin1', lines.start, lines.end))
    }
    if (at < chunk.length && !this.ending) socket.unread(chunk.subarray(at))
  }

  private refuse(why: string): void {
    this.ending = true
    this.lines.drop()
    this.badLine(why)
  }
}
