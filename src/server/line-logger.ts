// Writes the messages of the process log as lines, by pino: those of the wanted levels, as text (`TIME LEVEL
// TEXT`) or as JSON. Only messages pass here, never a request.

import { type Logger as Pino, pino } from 'pino'
import type { LogFormat, LogLevel, ProcessLogConfig } from '../config/index.js'
import { ConfigError } from './address.js'

export type Level = LogLevel
export type ProcessLogOptions = ProcessLogConfig

/** Takes messages, like loggers of pino, winston and Fastify, and the console. */
export interface Logger {
  error(text: string): void
  warn(text: string): void
  info(text: string): void
  debug(text: string): void
}

/** Takes lines without their line ends, and may drop some when there is no room. */
export interface LogOutput {
  write(line: string): void
  /** The number of lines dropped so far. */
  readonly dropped: number
}

/** The receiver of the log. A function takes lines. */
export type LogTarget = ((line: string) => void) | LogOutput | Logger

/** Returns the receiver of lines or messages. Throws a {@link ConfigError} if `to` takes neither. */
export function targetOf(to: LogTarget): LogOutput | Logger {
  if (typeof to === 'function') return { write: to, dropped: 0 }
  const { error, warn, info, debug, write } = Object(to) as Partial<Logger & LogOutput>
  if ([error, warn, info, debug].every((each) => typeof each === 'function') || typeof write === 'function')
    return to
  throw new ConfigError(
    'log: write a function that takes a line, or a logger with error, warn, info and debug',
  )
}

export const isLogger = (to: LogOutput | Logger): to is Logger => typeof (to as Logger).error === 'function'

/** Returns the text form of a line made by pino. */
function textOf(line: string): string {
  const { time, level, worker, msg } = JSON.parse(line) as Readonly<Record<string, string | undefined>>
  return `${time} ${level} ${worker === undefined ? '' : `${worker}: `}${msg}`
}

export class LineLogger implements Logger {
  private readonly pino: Pino
  private format: LogFormat

  /** @param worker the name of this process among several */
  constructor(
    output: LogOutput,
    { level, format }: ProcessLogOptions,
    wallTime: () => Date,
    worker: string | null,
  ) {
    this.format = format
    this.pino = pino(
      {
        level,
        base: worker === null ? null : { worker },
        timestamp: () => `,"time":"${wallTime().toISOString()}"`,
        formatters: { level: (label) => ({ level: label }) },
      },
      { write: (line) => output.write(this.format === 'json' ? line.slice(0, -1) : textOf(line)) },
    )
  }

  configure({ level, format }: ProcessLogOptions): void {
    this.pino.level = level
    this.format = format
  }

  writes(level: Level): boolean {
    return this.pino.isLevelEnabled(level)
  }

  error(text: string): void {
    this.pino.error(text)
  }

  warn(text: string): void {
    this.pino.warn(text)
  }

  info(text: string): void {
    this.pino.info(text)
  }

  debug(text: string): void {
    this.pino.debug(text)
  }
}
