// The values that options of createProxy may have. Each of another kind is refused when it is given, with
// what to write: not by the first request that meets it.

import { didYouMean } from '../../config/nearest.js'
import { ConfigError } from '../address.js'
import type { RequestOptions } from './options.js'

interface Kind {
  readonly is: (value: unknown) => boolean
  /** Says what to write. */
  readonly text: string
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isText = (value: unknown): value is string => typeof value === 'string'
const isFunction = (value: unknown): boolean => typeof value === 'function'
const isTextMap = (value: unknown): boolean => isMap(value) && Object.values(value).every(isText)
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText)

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp
  } catch {
    return false
  }
}

const BOOLEAN: Kind = { is: (value) => typeof value === 'boolean', text: 'true or false' }
const TEXT: Kind = { is: isText, text: 'text' }
const FUNCTION: Kind = { is: isFunction, text: 'a function' }
const REWRITE: Kind = {
  is: (value) => value === false || isText(value) || isTextMap(value),
  text: 'text, a map of texts, or false',
}
const TIMEOUTS = ['connect', 'lease', 'head', 'idle', 'tunnel', 'request']
const TLS = ['verify', 'ca', 'name']
/** Options of Node's TLS, and what they are called here. */
const TLS_ELSEWHERE: Readonly<Record<string, string>> = {
  rejectUnauthorized: ': write verify: false',
  servername: ': write name',
}

const KINDS: Readonly<Record<Exclude<keyof RequestOptions, 'target' | 'mirror' | 'timeouts' | 'tls'>, Kind>> =
  {
    host: { is: (value) => value === 'client' || value === 'target', text: "'client' or 'target'" },
    reverse: BOOLEAN,
    hostRewrite: TEXT,
    autoRewrite: BOOLEAN,
    protocolRewrite: TEXT,
    locationRewrite: FUNCTION,
    cookieDomainRewrite: REWRITE,
    cookiePathRewrite: REWRITE,
    pathRewrite: {
      is: (value) => isFunction(value) || (isTextMap(value) && Object.keys(value as object).every(isPattern)),
      text: 'a function, or a map of regular expressions to text',
    },
    prependPath: BOOLEAN,
    ignorePath: BOOLEAN,
    xfwd: BOOLEAN,
    headers: {
      is: (value) => isMap(value) && Object.values(value).every((each) => isText(each) || isTexts(each)),
      text: 'a map of texts, or of lists of texts',
    },
    auth: TEXT,
    method: TEXT,
    body: {
      is: (value) =>
        isText(value) ||
        isFunction((value as Partial<NodeJS.ReadableStream> | null)?.pipe) ||
        Buffer.isBuffer(value),
      text: 'text, a Buffer or a Readable',
    },
    selfHandleResponse: BOOLEAN,
    transform: { is: isFunction, text: 'a function that returns a Transform or null' },
  }

const shown = (value: unknown): string => {
  if (isText(value)) return `'${value}'`
  if (isFunction(value)) return 'a function'
  if (Array.isArray(value)) return 'a list'
  return isMap(value) ? `an object with ${Object.keys(value).join(', ') || 'no keys'}` : String(value)
}

function check(name: string, value: unknown, { is, text }: Kind): void {
  if (!is(value)) throw new ConfigError(`${name} must be ${text}, not ${shown(value)}`)
}

function checkKeys(name: string, value: unknown, keys: readonly string[], elsewhere = {}): void {
  const text = `an object with ${keys.join(', ')}`
  check(name, value, { is: isMap, text })
  for (const key of Object.keys(value as object)) {
    if (keys.includes(key)) continue
    const hint = (elsewhere as Record<string, string>)[key] ?? didYouMean(key, keys)
    throw new ConfigError(`${name}: there is no '${key}'${hint}`)
  }
}

function checkTimeouts(timeouts: unknown): void {
  checkKeys('timeouts', timeouts, TIMEOUTS)
  for (const [name, value] of Object.entries(timeouts as object))
    if (value !== undefined && (typeof value !== 'number' || !(value >= 0)))
      throw new ConfigError(`timeouts.${name} must be 0 or more ms, not ${String(value)}`)
}

function checkTls(tls: unknown): void {
  checkKeys('tls', tls, TLS, TLS_ELSEWHERE)
  const { verify, ca, name } = tls as Record<string, unknown>
  if (verify !== undefined) check('tls.verify', verify, BOOLEAN)
  if (name !== undefined) check('tls.name', name, TEXT)
  const isPem = (value: unknown): boolean => isText(value) && value.includes('-----BEGIN CERTIFICATE-----')
  if (ca !== undefined && !isPem(ca))
    throw new ConfigError('tls.ca must be the text of certificates in PEM: read the file, and give its text')
}

/** Checks the values of options whose names are known. Throws a {@link ConfigError}. */
export function checkValues(options: RequestOptions): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (name === 'timeouts') checkTimeouts(value)
    else if (name === 'tls') checkTls(value)
    else if (Object.hasOwn(KINDS, name)) check(name, value, KINDS[name as keyof typeof KINDS])
  }
}

/** Checks the options that only a proxy has. */
export function checkTrust(trusted: unknown, allowPrivate: unknown): void {
  if (allowPrivate !== undefined && typeof allowPrivate !== 'boolean' && !isTexts(allowPrivate))
    throw new ConfigError(`allowPrivate must be true or a list of networks, not ${shown(allowPrivate)}`)
  if (trusted === undefined) return
  checkKeys('trustedProxies', trusted, ['addresses', 'fields'])
  for (const key of ['addresses', 'fields'] as const)
    check(`trustedProxies.${key}`, (trusted as Record<string, unknown>)[key], {
      is: isTexts,
      text: key === 'fields' ? "a list, as ['x-forwarded-for']" : "a list, as ['10.0.0.0/8']",
    })
}
