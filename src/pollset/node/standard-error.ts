// Standard error as a LineFile, for messages of the process. Some come before a pollset begins its turns, or
// after it has ended.

import type { LineWriter } from '../line-file.js'
import { type LogFileOwner, NodeLogFile, STDERR } from './log-file.js'

/** Puts a line of text, in UTF-8. */
const utf8Line: LineWriter<string> = (line, { room, bytes }, at) => {
  const end = at + Buffer.byteLength(line) + 1
  if (end > room) return end
  bytes.write(line, at)
  bytes[end - 1] = 0x0a
  return end
}

export class StandardError {
  private readonly file: NodeLogFile

  /** @param slabBytes the bytes of each of the two slabs in which lines wait */
  constructor(slabBytes: number) {
    const owner: LogFileOwner = {
      mark: (pollable, bits) => pollable.raise(bits),
      flushLater: (output) => void setImmediate(() => output.flush()),
    }
    this.file = new NodeLogFile('stderr', STDERR, slabBytes, owner, 0)
    // A process without standard error has no log: it drops lines that find no room.
    this.file.openNow()
  }

  /** The number of lines dropped so far. */
  get dropped(): number {
    return this.file.dropped
  }

  /** Writes a line without its line end, or drops it: it never waits. */
  write(line: string): void {
    this.file.append(utf8Line, line)
  }

  /** Writes what it can at once, before the process ends. */
  writeNow(): void {
    this.file.writeNow()
  }

  /** Writes the rest, for at most 2 s. */
  end(): void {
    this.file.finish(() => {})
  }
}
