// Checks the options of createServer, which JavaScript passes unchecked. Each error says what to write.

import { type AccessLogOptions, LOG_FORMATS, LOG_LEVELS, type SomeProcessLog } from '../config/index.js'
import { checkAccessLog } from './access-log-options.js'
import { ConfigError, type Listen } from './address.js'
import { likelyLimits, limitsByRoom, type SomeLimits, valuesRange } from './limits.js'

const OPTIONS: readonly string[] = [
  'listen',
  'routes',
  'backend',
  'certificates',
  'backendTls',
  'acceptProxy',
  'sendProxy',
  'connect',
  'share',
  'limits',
  'drainTimeoutMs',
  'errors',
  'accessLog',
  'processLog',
  'log',
  'trace',
  'debug',
]

/** Returns the known name that begins like this one, as a hint. */
const meant = (name: string, known: readonly string[]): string => {
  const found = known.find((each) => each.toLowerCase().startsWith(name.slice(0, 4).toLowerCase()))
  return found === undefined ? `known are ${known.join(', ')}` : `did you mean ${found}?`
}

function checkNames(options: object): void {
  for (const name of Object.keys(options))
    if (!OPTIONS.includes(name))
      throw new ConfigError(`there is no option '${name}': ${meant(name, OPTIONS)}`)
}

function checkListen(listen: unknown): void {
  const all: readonly unknown[] = Array.isArray(listen) ? listen : [listen]
  if (all.length === 0) throw new ConfigError('listen is empty: write an address, as in 127.0.0.1:8080')
  for (const each of all)
    if (typeof each !== 'string' && typeof (each as Listen | null)?.port !== 'number')
      throw new ConfigError(
        `listen: ${String(each)} is not an address: write '127.0.0.1:8080' or { host, port }`,
      )
}

/** Throws a {@link ConfigError} if a limit is unknown or out of its range. */
export function checkLimitValues(limits: SomeLimits): void {
  const rooms = Object.keys(limitsByRoom)
  for (const [room, values] of Object.entries(limits)) {
    if (!Object.hasOwn(limitsByRoom, room))
      throw new ConfigError(`limits: there is no room '${room}': ${meant(room, rooms)}`)
    for (const [name, value] of Object.entries(values as Readonly<Record<string, unknown>>)) {
      if (!Object.hasOwn(limitsByRoom[room], name))
        throw new ConfigError(`limits: there is no limit '${room}.${name}': ${likelyLimits(name)}`)
      const [least, most] = valuesRange(room, name)
      if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most)
        throw new ConfigError(
          `limits: ${room}.${name} must be a whole number from ${least} to ${most}, not ${String(value)}`,
        )
    }
  }
}

const checkWord = (name: string, value: unknown, words: readonly string[]): void => {
  if (value !== undefined && !words.includes(value as string))
    throw new ConfigError(`${name} must be '${words.join("' or '")}', not '${String(value)}'`)
}

/** The options, unchecked as JavaScript may pass them. */
export interface UncheckedOptions {
  readonly listen: unknown
  readonly share?: unknown
  readonly errors?: unknown
  readonly sendProxy?: unknown
  readonly drainTimeoutMs?: unknown
  readonly limits?: SomeLimits
  readonly accessLog?: AccessLogOptions
  readonly processLog?: SomeProcessLog
}

/** Throws a {@link ConfigError} if an option is unknown or wrong. */
export function checkOptions(options: UncheckedOptions): void {
  checkNames(options)
  checkListen(options.listen)
  checkWord('share', options.share, ['process', 'connection'])
  checkWord('errors', options.errors, ['plain', 'detailed'])
  checkWord('sendProxy', options.sendProxy, ['v1', 'v2'])
  const { drainTimeoutMs } = options
  if (drainTimeoutMs !== undefined && !(typeof drainTimeoutMs === 'number' && drainTimeoutMs >= 0))
    throw new ConfigError(`drainTimeoutMs must be 0 or more ms, not ${String(drainTimeoutMs)}`)
  checkLimitValues(options.limits ?? {})
  checkAccessLog(options.accessLog)
  checkWord('processLog.level', options.processLog?.level, LOG_LEVELS)
  checkWord('processLog.format', options.processLog?.format, LOG_FORMATS)
}
