// Standard error as a LineFile, for messages of the process: they also come before a pollset begins its turns
// and after it has ended.

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

  /** @param slabBytes the bytes of lines that wait at most, twice */
  constructor(slabBytes: number) {
    const owner: LogFileOwner = {
      mark: (pollable, bits) => pollable.raise(bits),
      flushLater: (output) => void setImmediate(() => output.flush()),
    }
    this.file = new NodeLogFile('stderr', STDERR, slabBytes, owner, 0)
    // A process without standard error has no log: a line that finds no room is dropped.
    this.file.openNow()
  }

  /** The lines that were dropped so far. */
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

  /** Writes what is left, for at most 2 s. */
  end(): void {
    this.file.finish(() => {})
  }
}
