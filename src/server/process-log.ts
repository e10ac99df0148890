// The process log: messages with a time and a level, for the operator. pino chooses by the level which are
// written, and writes them as lines (line-logger.ts); or a logger of the program takes them. A repeated
// message is written once and then counted, since a dead backend fails thousands of times a second. Text of a
// peer cannot begin a line, nor a terminal sequence.

import { processLogConfig } from '../config/index.js'
import { Deadline, type Pollset } from '../pollset/index.js'
import {
  isLogger,
  type Level,
  LineLogger,
  type Logger,
  type LogOutput,
  type LogTarget,
  type ProcessLogOptions,
  targetOf,
} from './line-logger.js'
import { counted } from './quantity.js'

export interface ProcessLogLimits {
  /**
   * The time after a log line in which further lines of its kind about the same backend are counted, not
   * written, in ms. Each worker counts its own.
   */
  readonly logRepeatMs: number
  /** The characters of a line of the process log. The rest is cut off. */
  readonly logLineCharactersMax: number
  /**
   * The bytes of lines that wait for standard error, in each of two buffers: for the running write, and for
   * the next. A line without room is dropped. Each worker counts its own.
   */
  readonly processLogBytesMax: number
}

export const processLogLimits: ProcessLogLimits = {
  logRepeatMs: 10_000,
  logLineCharactersMax: 1_000,
  processLogBytesMax: 256 * 1024,
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
  /** The reason of the last of them, where lines of the kind have different ones. */
  lastReason: string
  readonly firstReason: string
  readonly level: Level
  readonly what: string
  private readonly over: (repeats: Repeats) => void

  constructor(level: Level, what: string, reason: string, over: (repeats: Repeats) => void) {
    super()
    this.firstReason = reason
    this.lastReason = reason
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
  private readonly logger: Logger
  /**
   * The writer of lines; null if a logger of the program takes the messages: their level and
   * form are its own.
   */
  private readonly lines: LineLogger | null
  private readonly output: LogOutput | null
  /** The repeats by kind and backend. Peers cannot add entries: kinds and backends are ours. */
  private readonly repeats = new Map<string, Repeats>()
  /** The number of dropped lines that the log has reported. */
  private droppedTold = 0

  /**
   * @param to takes the lines, or the messages
   * @param worker the name of this process among several, which is then in each line
   */
  constructor(
    pollset: Pollset,
    limits: ProcessLogLimits,
    to: LogTarget = () => {},
    options: ProcessLogOptions = processLogConfig({}),
    worker: string | null = null,
    wallTime: () => Date = () => new Date(),
  ) {
    this.pollset = pollset
    this.limits = limits
    const target = targetOf(to)
    this.output = isLogger(target) ? null : target
    this.lines = this.output === null ? null : new LineLogger(this.output, options, wallTime, worker)
    this.logger = this.lines ?? (target as Logger)
  }

  /** Sets the level and the form of further lines. */
  configure(options: ProcessLogOptions): void {
    this.lines?.configure(options)
  }

  /** Returns true if messages of this level are written. */
  writes(level: Level): boolean {
    return this.lines?.writes(level) ?? true
  }

  /** The number of lines dropped so far, since they could not be written fast enough. */
  get droppedLines(): number {
    return this.output?.dropped ?? 0
  }

  tell(level: Level, text: string): void {
    this.tellDropped()
    this.put(level, text)
  }

  /**
   * Logs an event that may happen at any rate. Writes the first line at once as `what: why`, counts those
   * that follow within logRepeatMs, then writes the count. Returns true for the first.
   * @param what the kind and its subject, such as `502 from h2c://a`; no part of it comes from a peer
   * @param reason the reason, if lines of the kind have different ones: the count then names the last
   */
  repeated(level: Level, what: string, why: () => string, reason = ''): boolean {
    const before = this.repeats.get(what)
    if (before !== undefined) {
      before.count++
      before.lastReason = reason
      return false
    }
    const repeats = new Repeats(level, what, reason, (each) => this.intervalOver(each))
    this.repeats.set(what, repeats)
    this.arm(repeats)
    if (this.writes(level)) this.tell(level, `${what}: ${why()}`)
    return true
  }

  /** Writes the remaining counts before the process ends. */
  flush(): void {
    for (const repeats of this.repeats.values()) {
      this.pollset.deadlines.disarm(repeats)
      this.tellCount(repeats)
    }
    this.repeats.clear()
    this.tellDropped()
  }

  private put(level: Level, text: string): void {
    this.logger[level](printable(text, this.limits.logLineCharactersMax))
  }

  /** Reports the number of missing lines, at their place. */
  private tellDropped(): void {
    const { droppedLines } = this
    const lines = droppedLines - this.droppedTold
    if (lines === 0) return
    const were = `${counted(lines, 'line')} ${lines === 1 ? 'was' : 'were'}`
    this.put('warn', `process log: ${were} dropped, since they were not taken fast enough`)
    // This line may be dropped too. Then it is not one that was lost before.
    const isTold = this.droppedLines === droppedLines
    this.droppedTold = isTold ? droppedLines : this.droppedTold + 1
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
    const { count, what, level, firstReason, lastReason } = repeats
    repeats.count = 0
    if (count === 0) return
    const other = lastReason === firstReason ? '' : `, the last: ${lastReason}`
    this.tell(level, `${what}: ${count} more within ${this.limits.logRepeatMs / 1_000} s${other}`)
  }

  private arm(repeats: Repeats): void {
    this.pollset.deadlines.every(this.limits.logRepeatMs).arm(repeats)
  }
}
