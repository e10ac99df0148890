// The process log: lines `TIME LEVEL TEXT` on standard error, for the operator. A repeated line is written
// once and then counted: a backend that is down fails thousands of times a second. Text of a peer cannot
// start a line, nor a terminal sequence.

import { Deadline, type Pollset } from '../pollset/index.js'

export type Level = 'info' | 'warn' | 'error'

export interface ProcessLogLimits {
  /**
   * The time after a log line in which further lines of its kind about the same backend are counted, not
   * written, in ms.
   */
  readonly logRepeatMs: number
  /** The characters of a line of the process log. The rest is cut off. */
  readonly logLineCharactersMax: number
}

export const processLogLimits: ProcessLogLimits = {
  logRepeatMs: 10_000,
  logLineCharactersMax: 1_000,
}

/** Control characters (C0, C1), line separators, and characters that change the direction of text. */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

const escapedCharacter = (character: string): string => {
  const code = character.charCodeAt(0)
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`
}

/**
 * Returns text for one line: unprintable characters are escaped as `\x1b` or `\u202e`, and long text is cut.
 */
export function printable(text: string, charactersMax: number): string {
  const escaped = text.slice(0, charactersMax + 1).replace(UNPRINTABLE, escapedCharacter)
  return escaped.length > charactersMax ? `${escaped.slice(0, charactersMax)}…` : escaped
}

/** Counts the lines of one kind about one backend since the last one that was written. */
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
  /** By kind and backend. Peers cannot add entries: kinds and backends are ours. */
  private readonly repeats = new Map<string, Repeats>()

  /** @param write writes a line, which has no line end */
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
   * Logs something that may happen at any rate. Writes the first line at once as `what: why`, counts those
   * that follow within logRepeatMs, then writes the count. Returns whether the line was written.
   * @param what the kind and its subject, as in `502 from h2c://a`; no part of it comes from a peer
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

  /** Writes the counts that are still unwritten, before the process ends. */
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
