// The values that options of createProxy may have. Each of another kind is refused when it is given, with
// what to write: not by the first request that meets it.

import { ConfigError } from '../address.js'
import {
  BOOLEAN,
  check,
  checkKeys,
  FUNCTION,
  isFunction,
  isMap,
  isText,
  isTextMap,
  isTexts,
  type Kind,
  MS,
  oneOf,
  shown,
  TEXT,
} from '../option-kinds.js'
import type { ProxyOptions, RequestOptions } from './options.js'

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp
  } catch {
    return false
  }
}

const REWRITE: Kind = {
  is: (value) => value === false || isText(value) || isTextMap(value),
  text: 'text, a map of texts, or false',
}
const TIMEOUTS = ['connect', 'lease', 'head', 'idle', 'tunnel', 'request']
const TLS = ['verify', 'ca', 'name']
/** Options of Node's TLS, and what they are called here. */
const TLS_ELSEWHERE: Readonly<Record<string, string>> = {
  rejectUnauthorized: 'write verify: false',
  servername: 'write name',
}

const KINDS: Readonly<Record<Exclude<keyof RequestOptions, 'target' | 'mirror' | 'timeouts' | 'tls'>, Kind>> =
  {
    host: oneOf('client', 'target'),
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

function checkTimeouts(timeouts: unknown): void {
  checkKeys('timeouts', timeouts, TIMEOUTS)
  for (const [name, value] of Object.entries(timeouts))
    if (value !== undefined) check(`timeouts.${name}`, value, MS)
}

function checkTls(tls: unknown): void {
  checkKeys('tls', tls, TLS, TLS_ELSEWHERE)
  const { verify, ca, name } = tls
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

/** Checks the options that only a proxy has, and that are not checked where they are used. */
export function checkOwn({ share, errors, log, trustedProxies, allowPrivate }: Partial<ProxyOptions>): void {
  if (share !== undefined) check('share', share, oneOf('process', 'connection'))
  if (errors !== undefined) check('errors', errors, oneOf('plain', 'detailed'))
  if (log !== undefined) check('log', log, { ...FUNCTION, text: 'a function that takes a line' })
  checkTrust(trustedProxies, allowPrivate)
}

function checkTrust(trusted: unknown, allowPrivate: unknown): void {
  if (allowPrivate !== undefined && typeof allowPrivate !== 'boolean' && !isTexts(allowPrivate))
    throw new ConfigError(`allowPrivate must be true or a list of networks, not ${shown(allowPrivate)}`)
  if (trusted === undefined) return
  checkKeys('trustedProxies', trusted, ['addresses', 'fields'])
  for (const key of ['addresses', 'fields'] as const)
    check(`trustedProxies.${key}`, trusted[key], {
      is: isTexts,
      text: key === 'fields' ? "a list, as ['x-forwarded-for']" : "a list, as ['10.0.0.0/8']",
    })
}
