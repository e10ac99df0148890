// The process log: what the operator should know of, as lines `TIME LEVEL TEXT` on standard error. A line
// that would repeat is written once, then counted: a backend that is down fails thousands of times a second.
// No text of a peer starts a line or reaches a terminal as more than text.

import { Deadline, type Pollset } from '../pollset/index.js'

export type Level = 'info' | 'warn' | 'error'

export interface ProcessLogLimits {
  /** ms in which lines of one kind about one backend are counted after one was written */
  readonly logRepeatMs: number
  /** characters of a line of the process log; the rest is cut */
  readonly logLineCharactersMax: number
}

export const processLogLimits: ProcessLogLimits = {
  logRepeatMs: 10_000,
  logLineCharactersMax: 1_000,
}

/** Control characters of both sets, line separators, and what changes the direction of text. */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

const escapedCharacter = (character: string): string => {
  const code = character.charCodeAt(0)
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`
}

/** Text as it may stand in a line: unprintable characters as `\x1b` or `\u202e`, and cut. */
export function printable(text: string, charactersMax: number): string {
  const escaped = text.slice(0, charactersMax + 1).replace(UNPRINTABLE, escapedCharacter)
  return escaped.length > charactersMax ? `${escaped.slice(0, charactersMax)}…` : escaped
}

/** Lines of one kind about one backend, since one of them was written. */
class Repeats extends Deadline {
  count = 0
  readonly level: Level
  readonly what: string
  private readonly over: (repeats: Repeats) => void

  constructor(level: Level, what: string, over: (repeats: Repeats) => void) {
    super()
    this.level = level
    this.what = what
    this.over = over
  }

  expire(): void {
    this.over(this)
  }
}

export class ProcessLog {
  private readonly pollset: Pollset
  private readonly limits: ProcessLogLimits
  private readonly write: (line: string) => void
  private readonly wallTime: () => Date
  /** By what repeats. As many as there are kinds and configured backends: no peer makes another. */
  private readonly repeats = new Map<string, Repeats>()

  /** `write` gets each line, without its end. */
  constructor(
    pollset: Pollset,
    limits: ProcessLogLimits,
    write: (line: string) => void,
    wallTime: () => Date = () => new Date(),
  ) {
    this.pollset = pollset
    this.limits = limits
    this.write = write
    this.wallTime = wallTime
  }

  tell(level: Level, text: string): void {
    const { logLineCharactersMax } = this.limits
    this.write(`${this.wallTime().toISOString()} ${level} ${printable(text, logLineCharactersMax)}`)
  }

  /**
   * Tells of something that may happen at any rate. `what`: the kind and what it is about, as in `502 from
   * h2c://a`; no part of it is a peer's. The first is written at once as `what: why`; those that follow
   * within logRepeatMs are counted, and the count is written after it. Returns whether it was written.
   */
  repeated(level: Level, what: string, why: () => string): boolean {
    const before = this.repeats.get(what)
    if (before !== undefined) {
      before.count++
      return false
    }
    const repeats = new Repeats(level, what, (each) => this.intervalOver(each))
    this.repeats.set(what, repeats)
    this.arm(repeats)
    this.tell(level, `${what}: ${why()}`)
    return true
  }

  /** Writes the counts that have not been written: the end is near. */
  flush(): void {
    for (const repeats of this.repeats.values()) {
      this.pollset.deadlines.disarm(repeats)
      this.tellCount(repeats)
    }
    this.repeats.clear()
  }

  private intervalOver(repeats: Repeats): void {
    if (repeats.count === 0) {
      this.repeats.delete(repeats.what)
      return
    }
    this.tellCount(repeats)
    this.arm(repeats)
  }

  private tellCount(repeats: Repeats): void {
    const { count, what, level } = repeats
    repeats.count = 0
    if (count > 0) this.tell(level, `${what}: ${count} more within ${this.limits.logRepeatMs / 1_000} s`)
  }

  private arm(repeats: Repeats): void {
    this.pollset.deadlines.every(this.limits.logRepeatMs).arm(repeats)
  }
}
