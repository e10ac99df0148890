// A field line, as both HTTP versions share it: a name, a value, and what is worth knowing about
// them once. No wire format lives here.
//
// Fields travel by identity. A decoder hands out the same object for the same table entry, and
// an encoder finds the index it gave that object without touching a string. So a Field is
// immutable, everything derived from its text (token, validity) is worked out when it is made,
// and equal text that arrives on many connections is interned into one object (FieldTable).
//
// Strings are latin1: one character is one octet, so obs-text survives unaltered.

import { isLowerToken, isToken, isValue } from './characters.js'

/** Names the proxy itself must recognise (RFC 9110, 9113 §8.3). OTHER is everything else. */
export const Token = {
  OTHER: 0,
  METHOD: 1,
  SCHEME: 2,
  AUTHORITY: 3,
  PATH: 4,
  PROTOCOL: 5,
  STATUS: 6,
  /** A name that begins with a colon and is none of the above. */
  UNKNOWN_PSEUDO: 7,
  HOST: 8,
  CONTENT_LENGTH: 9,
  CONNECTION: 10,
  KEEP_ALIVE: 11,
  PROXY_CONNECTION: 12,
  TRANSFER_ENCODING: 13,
  UPGRADE: 14,
  TE: 15,
  TRAILER: 16,
  COOKIE: 17,
  SET_COOKIE: 18,
  AUTHORIZATION: 19,
  PROXY_AUTHORIZATION: 20,
  EXPECT: 21,
  VIA: 22,
  X_FORWARDED_FOR: 23,
  X_FORWARDED_PROTO: 24,
  CONTENT_TYPE: 25,
  ETAG: 26,
  LOCATION: 27,
  AGE: 28,
  IF_MODIFIED_SINCE: 29,
  IF_NONE_MATCH: 30,
  RANGE: 31,
  CONTENT_RANGE: 32,
  LAST_MODIFIED: 33,
  DATE: 34,
  SERVER: 35,
  HTTP2_SETTINGS: 36,
  SEC_WEBSOCKET_KEY: 37,
  SEC_WEBSOCKET_ACCEPT: 38,
  SEC_WEBSOCKET_VERSION: 39,
  FORWARDED: 40,
  X_FORWARDED_HOST: 41,
  X_REAL_IP: 42,
  IF_MATCH: 43,
  IF_UNMODIFIED_SINCE: 44,
  IF_RANGE: 45,
  MAX_FORWARDS: 46,
  CONTENT_ENCODING: 47,
  /** A name by which intermediaries say who asks and for what, beside those above (field-scope.ts). */
  CLAIM: 48,
  /** A name that frames messages, spelled with `_`. */
  FRAMING_LOOKALIKE: 49,
} as const

/** A set of tokens, asked by index: `set[token] === 1`. However many names are known, each has a place. */
export type TokenSet = Uint8Array

const TOKEN_COUNT = Object.keys(Token).length

export const tokenSet = (...members: readonly number[]): TokenSet =>
  Uint8Array.from({ length: TOKEN_COUNT }, (_, token) => (members.includes(token) ? 1 : 0))

/**
 * All spellings of a name. CGI and its like treat `-` and `_` alike, so a client could say with `_` what we
 * say with `-`.
 */
function spellings(name: string): string[] {
  let names = ['']
  for (const c of name) names = names.flatMap((each) => (c === '-' ? [`${each}-`, `${each}_`] : [each + c]))
  return names
}

const readAs = (name: string, token: number): [string, number][] =>
  spellings(name).map((each) => [each, token])

const lookalikes = (name: string): [string, number][] =>
  spellings(name)
    .filter((each) => each !== name)
    .map((each) => [each, Token.FRAMING_LOOKALIKE])

/**
 * Names by which clients claim an identity or another target, beside `x-forwarded-*` (spec/exchange.md,
 * Fields).
 */
const CLAIMED = [
  'x-client-ip',
  'true-client-ip',
  'client-ip',
  'x-cluster-client-ip',
  'x-original-url',
  'x-original-host',
  'x-rewrite-url',
  'front-end-https',
]
const FRAMING = ['content-length', 'transfer-encoding', 'keep-alive', 'proxy-connection', 'http2-settings']

/** `x-forwarded`, and whatever follows behind it, in all spellings. */
const FORWARDED_NAME = /^x[-_]forwarded(?:[-_]|$)/
const X = 0x78

const tokens: ReadonlyMap<string, number> = new Map([
  [':method', Token.METHOD],
  [':scheme', Token.SCHEME],
  [':authority', Token.AUTHORITY],
  [':path', Token.PATH],
  [':protocol', Token.PROTOCOL],
  [':status', Token.STATUS],
  ['host', Token.HOST],
  ['content-length', Token.CONTENT_LENGTH],
  ['connection', Token.CONNECTION],
  ['keep-alive', Token.KEEP_ALIVE],
  ['proxy-connection', Token.PROXY_CONNECTION],
  ['transfer-encoding', Token.TRANSFER_ENCODING],
  ['upgrade', Token.UPGRADE],
  ['te', Token.TE],
  ['trailer', Token.TRAILER],
  ['cookie', Token.COOKIE],
  ['set-cookie', Token.SET_COOKIE],
  ['authorization', Token.AUTHORIZATION],
  ['proxy-authorization', Token.PROXY_AUTHORIZATION],
  ['expect', Token.EXPECT],
  ['via', Token.VIA],
  ...readAs('x-forwarded-for', Token.X_FORWARDED_FOR),
  ...readAs('x-forwarded-proto', Token.X_FORWARDED_PROTO),
  ...readAs('x-forwarded-host', Token.X_FORWARDED_HOST),
  ...readAs('x-real-ip', Token.X_REAL_IP),
  ...CLAIMED.flatMap((name) => readAs(name, Token.CLAIM)),
  ...FRAMING.flatMap(lookalikes),
  ['forwarded', Token.FORWARDED],
  ['if-match', Token.IF_MATCH],
  ['if-unmodified-since', Token.IF_UNMODIFIED_SINCE],
  ['if-range', Token.IF_RANGE],
  ['max-forwards', Token.MAX_FORWARDS],
  ['content-encoding', Token.CONTENT_ENCODING],
  ['content-type', Token.CONTENT_TYPE],
  ['etag', Token.ETAG],
  ['location', Token.LOCATION],
  ['age', Token.AGE],
  ['if-modified-since', Token.IF_MODIFIED_SINCE],
  ['if-none-match', Token.IF_NONE_MATCH],
  ['range', Token.RANGE],
  ['content-range', Token.CONTENT_RANGE],
  ['last-modified', Token.LAST_MODIFIED],
  ['date', Token.DATE],
  ['server', Token.SERVER],
  ['http2-settings', Token.HTTP2_SETTINGS],
  ['sec-websocket-key', Token.SEC_WEBSOCKET_KEY],
  ['sec-websocket-accept', Token.SEC_WEBSOCKET_ACCEPT],
  ['sec-websocket-version', Token.SEC_WEBSOCKET_VERSION],
])

/** What is wrong with a field's text, whichever version carried it. */
export const NAME_INVALID = 1
export const VALUE_INVALID = 2
/** The value is good text, but not what a field of this name may hold. */
export const FORM_INVALID = 4

const COLON = 0x3a

/** RFC 3986 §3.1: a letter, then letters, digits, + - . */
const isScheme = (value: string) => /^[A-Za-z][A-Za-z0-9+\-.]*$/.test(value)
/**
 * A host that is not empty (RFC 9110 §4.2.1), as an address in brackets or a name (RFC 3986 §3.2.2), and a
 * port of digits; userinfo must not be there (RFC 9113 §8.3.1).
 */
const isAuthority = (value: string) =>
  /^(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)(?::[0-9]*)?$/.test(value)

/**
 * A path and query, or `*`: visible ASCII only (RFC 3986 §2), so that no HTTP/1 reader can see another line
 * in it.
 */
function isPath(value: string): boolean {
  const first = value.charCodeAt(0)
  if (first !== 0x2f && value !== '*') return false
  for (let i = 1; i < value.length; i++) {
    const c = value.charCodeAt(i)
    if (c <= 0x20 || c >= 0x7f || c === 0x23) return false
  }
  return true
}

/**
 * The control data of a message: what each pseudo-field, Host and content-length may hold (RFC 9113 §8.3).
 */
function formInvalid(token: number, value: string): boolean {
  switch (token) {
    case Token.METHOD:
    case Token.PROTOCOL:
      return !isToken(value)
    case Token.SCHEME:
      return !isScheme(value)
    case Token.AUTHORITY:
    case Token.HOST:
      return !isAuthority(value)
    case Token.PATH:
      return !isPath(value)
    case Token.STATUS:
      return !/^[1-9][0-9][0-9]$/.test(value)
    case Token.CONTENT_LENGTH:
      return !/^[0-9]{1,15}$/.test(value)
    default:
      return false
  }
}

/**
 * The one length that a list of several equal ones says, such as `5, 5` (RFC 9112 §6.3); null where it says
 * none.
 */
export function oneLength(value: string): string | null {
  if (!/^[0-9]{1,15}(?:[ \t]*,[ \t]*[0-9]{1,15})*$/.test(value)) return null
  const lengths = value.split(',').map(Number)
  return lengths.every((each) => each === lengths[0]) ? String(lengths[0]) : null
}

/** The token of a name that has none of its own. */
function unnamedToken(name: string): number {
  const first = name.charCodeAt(0)
  if (first === COLON) return Token.UNKNOWN_PSEUDO
  return first === X && FORWARDED_NAME.test(name) ? Token.CLAIM : Token.OTHER
}

/**
 * An immutable field line. Make one with {@link FieldTable.field} or `new Field` where it is not to be
 * shared.
 */
export class Field {
  readonly name: string
  readonly value: string
  /** One of {@link Token}. */
  readonly token: number
  /** NAME_INVALID, VALUE_INVALID and FORM_INVALID bits; 0 for a good field. */
  readonly faults: number
  /** RFC 7541 §6.2.3: whoever sends it on must keep it out of every compression table. */
  readonly neverIndexed: boolean
  /** RFC 9113 §6.5.2: octets of name and value, plus 32. */
  readonly size: number
  /** A small number, near-unique: encoders use it to find their cached place for this very object. */
  readonly uid: number
  /** A codec's own encoding of this field, kept for reuse. Opaque here; immutable once set. */
  memo: Uint8Array | null

  constructor(name: string, value: string, neverIndexed = false, uid = 0) {
    this.name = name
    this.value = value
    this.token = tokens.get(name) ?? unnamedToken(name)
    this.faults =
      (isLowerToken(name, name.charCodeAt(0) === COLON ? 1 : 0) ? 0 : NAME_INVALID) |
      (isValue(value) ? 0 : VALUE_INVALID) |
      (formInvalid(this.token, value) ? FORM_INVALID : 0)
    this.neverIndexed = neverIndexed
    this.size = name.length + value.length + 32
    this.uid = uid
    this.memo = null
  }
}

const CREDENTIALS = tokenSet(Token.COOKIE, Token.SET_COOKIE, Token.AUTHORIZATION, Token.PROXY_AUTHORIZATION)

/** Credentials are one client's: no table that connections share may keep them. */
export const isCredential = (token: number): boolean => CREDENTIALS[token] === 1

/**
 * The interned fields of one World: equal text gives one object, whichever connection it came by.
 * Bounded by two generations: when the young one is full it becomes the old one, and what is
 * asked for again moves up; the rest is let go.
 */
export class FieldTable {
  private young = new Map<string, Field>()
  private old = new Map<string, Field>()
  private uids = 1
  private readonly entriesMax: number

  /** @param entriesMax fields kept per generation (two generations) */
  constructor(entriesMax = 1024) {
    this.entriesMax = entriesMax
  }

  /** A field made but not kept: for text that is not expected to return (`:path`, an ETag). */
  make(name: string, value: string, neverIndexed = false): Field {
    this.uids = (this.uids + 1) & 0x3fffffff
    return new Field(name, value, neverIndexed, this.uids)
  }

  /**
   * The one field of this text. Fields marked never-indexed are never shared with unmarked ones, nor kept.
   */
  field(name: string, value: string): Field {
    // The length keeps (`a\0b`, `c`) and (`a`, `b\0c`) apart, both malformed.
    const key = `${name.length}\0${name}\0${value}`
    const found = this.young.get(key)
    if (found !== undefined) return found
    const field = this.old.get(key) ?? this.make(name, value)
    if (isCredential(field.token)) return field
    if (this.young.size >= this.entriesMax) {
      this.old = this.young
      this.young = new Map()
    }
    this.young.set(key, field)
    return field
  }

  /** Fields kept at present, both generations. */
  get size(): number {
    return this.young.size + this.old.size
  }
}
