// Checks the options of createServer, which JavaScript passes unchecked. Each error says what to write.

import { type AccessLogOptions, LOG_FORMATS, LOG_LEVELS } from '../config/index.js'
import { checkAccessLog } from './access-log-options.js'
import { ConfigError, type Listen } from './address.js'
import { likelyLimits, limitsByRoom, type SomeLimits, valuesRange } from './limits.js'
import {
  BOOLEAN,
  check,
  checkKeys,
  checkNames,
  type Elsewhere,
  FUNCTION,
  hintFor,
  isFunction,
  isMap,
  isTextMap,
  isTexts,
  type Kind,
  MS,
  oneOf,
  TEXT,
} from './option-kinds.js'

const LISTENERS = 'listeners are added on the server: write'
const EVENTS = `${LISTENERS} server.on('exchange', listener)`
const APP = 'an app is a backend of a document: write listeners, and backends: { NAME: { handler: app } }'
const DOCUMENT = 'it is a key of a document: write listeners in place of listen (spec/configuration.md)'

/** Names that programs try, and keys of documents. */
const ELSEWHERE: Elsewhere = {
  on: EVENTS,
  events: EVENTS,
  handler: APP,
  handlers: APP,
  app: APP,
  target: 'write backend',
  port: "write listen: '127.0.0.1:8080'",
  host: "write listen: '127.0.0.1:8080'",
  cert: 'write certificates',
  key: 'write certificates',
  tls: 'write certificates for clients, or backendTls',
  logger: 'write log',
  trustProxy: 'write acceptProxy, or a document with trustedProxies',
  backends: `${DOCUMENT}, or backend: URL for one`,
  filters: DOCUMENT,
  trustedProxies: DOCUMENT,
  resolver: DOCUMENT,
  shutdown: DOCUMENT,
  admin: DOCUMENT,
  probes: DOCUMENT,
  defaults: DOCUMENT,
  include: DOCUMENT,
  version: DOCUMENT,
}

/** Names that programs give beside a document. */
const BESIDE_DOCUMENT: Elsewhere = { on: EVENTS, events: EVENTS, logger: 'write log' }

/** Throws a {@link ConfigError} if something that is not part of a document stands beside one. */
export function checkDocument(document: object): void {
  for (const name of Object.keys(document))
    if (Object.hasOwn(BESIDE_DOCUMENT, name))
      throw new ConfigError(`there is no option '${name}': ${BESIDE_DOCUMENT[name]}`)
}

const TEXTS: Kind = { is: isTexts, text: 'a list of texts' }
const BACKEND: Kind = {
  ...TEXT,
  text: 'the URL of a backend, as http://127.0.0.1:9000',
}
const ROUTES: Kind = {
  is: isTextMap,
  text: "an object with URLs by HOST/PREFIX, as { 'example.org/api': 'h2c://127.0.0.1:9000' }",
}
const CERTIFICATES: Kind = {
  is: isFunction,
  text: 'a function that returns { certificates: [{ cert, key }] }',
}
const BACKEND_TLS_ELSEWHERE: Elsewhere = {
  rejectUnauthorized: 'write verify: false',
  servername: 'write serverName',
  name: 'write serverName',
}

/** The keys of an option whose value is an object, with their kinds; null: checked where it is used. */
type Keys = Readonly<Record<string, Kind | null>>

const checkObject = (name: string, value: unknown, keys: Keys, elsewhere?: Elsewhere): void => {
  checkKeys(name, value, Object.keys(keys), elsewhere)
  for (const [key, kind] of Object.entries(keys))
    if (kind !== null && value[key] !== undefined) check(`${name}.${key}`, value[key], kind)
}

const BACKEND_TLS: Keys = { ca: TEXT, serverName: TEXT, verify: BOOLEAN }
const DEBUG: Keys = { listen: TEXT, token: TEXT, secrets: BOOLEAN }
const ACCESS_LOG: Keys = { file: null, format: null, fields: TEXTS, redact: null }
const REDACT: Keys = { query: null, fields: TEXTS, keys: null }
const PROCESS_LOG: Keys = { level: oneOf(...LOG_LEVELS), format: oneOf(...LOG_FORMATS) }

/** Checks the value of each option that may be there. `log` is checked where it is used. */
const CHECKS: Readonly<Record<string, (value: unknown) => void>> = {
  listen: checkListen,
  routes: (value) => check('routes', value, ROUTES),
  backend: checkBackend,
  certificates: (value) => check('certificates', value, CERTIFICATES),
  backendTls: (value) => checkObject('backendTls', value, BACKEND_TLS, BACKEND_TLS_ELSEWHERE),
  acceptProxy: (value) => check('acceptProxy', value, TEXTS),
  sendProxy: (value) => check('sendProxy', value, oneOf('v1', 'v2')),
  connect: (value) => check('connect', value, TEXTS),
  share: (value) => check('share', value, oneOf('process', 'connection')),
  limits: (value) => checkLimitValues(value as SomeLimits),
  drainTimeoutMs: (value) => check('drainTimeoutMs', value, MS),
  errors: (value) => check('errors', value, oneOf('plain', 'detailed')),
  accessLog: checkAccessLogKeys,
  processLog: (value) => checkObject('processLog', value, PROCESS_LOG),
  log: () => {},
  trace: (value) => check('trace', value, FUNCTION),
  debug: (value) => checkObject('debug', value, DEBUG),
}
const OPTIONS = Object.keys(CHECKS)

function checkBackend(backend: unknown): void {
  if (isFunction(backend)) throw new ConfigError(`backend: ${APP}`)
  check('backend', backend, BACKEND)
}

function checkAccessLogKeys(value: unknown): void {
  checkAccessLog(value as AccessLogOptions)
  checkObject('accessLog', value, ACCESS_LOG)
  const { redact } = value as AccessLogOptions
  if (redact !== undefined) checkObject('accessLog.redact', redact, REDACT)
}

const isListen = (value: unknown): boolean => {
  const { host, port, path } = (value ?? {}) as Partial<Listen>
  return typeof host === 'string' && (typeof port === 'number' || typeof path === 'string')
}

function checkListen(listen: unknown): void {
  const all: readonly unknown[] = Array.isArray(listen) ? listen : [listen]
  if (all.length === 0) throw new ConfigError('listen is empty: write an address, as in 127.0.0.1:8080')
  for (const each of all)
    if (typeof each !== 'string' && !isListen(each))
      throw new ConfigError(
        `listen: ${String(each)} is not an address: write '127.0.0.1:8080' or { host, port }`,
      )
}

/** Throws a {@link ConfigError} if a limit is unknown or out of its range. */
export function checkLimitValues(limits: SomeLimits): void {
  const rooms = Object.keys(limitsByRoom)
  check('limits', limits, { is: isMap, text: 'an object, as { http2: { lingerMs: 500 } }' })
  for (const [room, values] of Object.entries(limits)) {
    if (!Object.hasOwn(limitsByRoom, room))
      throw new ConfigError(`limits: there is no room '${room}'${hintFor(room, rooms)}`)
    check(`limits.${room}`, values, { is: isMap, text: 'an object with limits and their values' })
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

/** Throws a {@link ConfigError} if an option is unknown or wrong. */
export function checkOptions(options: object): void {
  checkNames(options, OPTIONS, ELSEWHERE)
  if (!('listen' in options)) checkListen(undefined)
  for (const [name, value] of Object.entries(options))
    if (value !== undefined || name === 'listen') CHECKS[name](value)
}
