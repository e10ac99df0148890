// The process log of the configuration: its schema, and its effective values.

import { z } from 'zod'
import type { LogFormat, LogLevel, ProcessLogConfig } from './configuration.js'
import type { Part } from './parts.js'
import type { Scalars } from './scalars.js'

/** The levels, from the fewest messages to the most. */
export const LOG_LEVELS: readonly LogLevel[] = ['error', 'warn', 'info', 'debug']
export const LOG_FORMATS: readonly LogFormat[] = ['text', 'json']

export const processLog = (s: Scalars) =>
  z
    .strictObject({
      level: s.word('The level from which messages are written.', LOG_LEVELS).optional(),
      format: s.word('The form of a line: TIME LEVEL TEXT, or an object.', LOG_FORMATS).optional(),
    })
    .describe('Messages of the process, on standard error (spec/process-log.md).')
    .optional()

/** The level and the form of the process log, if they are given. */
export interface SomeProcessLog {
  readonly level?: LogLevel | undefined
  readonly format?: LogFormat | undefined
}

/** Returns the process log with its defaults. */
export const processLogConfig = ({ level, format }: SomeProcessLog): ProcessLogConfig => ({
  level: level ?? 'info',
  format: format ?? 'text',
})

export const processLogOf = ({ value }: Part): ProcessLogConfig => processLogConfig(value.processLog ?? {})
