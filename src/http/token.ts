// The field names that the proxy itself must recognise, as small numbers. A name is looked up once, when its
// field is made.

/** One number for each recognised name (RFC 9110, RFC 9113 §8.3). OTHER is every other name. */
export const Token = {
  OTHER: 0,
  METHOD: 1,
  SCHEME: 2,
  AUTHORITY: 3,
  PATH: 4,
  PROTOCOL: 5,
  STATUS: 6,
  /** A name that begins with a colon and is not listed above. */
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
  /** Any other name in which an intermediary identifies the client or its target (field-scope.ts). */
  CLAIM: 48,
  /** A name that frames messages, spelled with `_`. */
  FRAMING_LOOKALIKE: 49,
} as const

/** A set of tokens: `set[token] === 1` for each member. */
export type TokenSet = Uint8Array

const TOKEN_COUNT = Object.keys(Token).length

export const tokenSet = (...members: readonly number[]): TokenSet =>
  Uint8Array.from({ length: TOKEN_COUNT }, (_, token) => (members.includes(token) ? 1 : 0))

/**
 * Returns all spellings of a name with `-` or `_`. CGI-style backends treat the two alike, so a client could
 * spoof our forwarding fields with the other spelling.
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
 * Names in which a client could claim an identity or another target, beyond `x-forwarded-*`
 * (spec/exchange.md, Fields).
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

/** `x-forwarded` and `x-forwarded-*`, in all spellings. */
const FORWARDED_NAME = /^x[-_]forwarded(?:[-_]|$)/
const X = 0x78

/** Names with a token of their own. */
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

const COLON = 0x3a

/** Returns the token of a name that is not in `tokens`. */
function unnamedToken(name: string): number {
  const first = name.charCodeAt(0)
  if (first === COLON) return Token.UNKNOWN_PSEUDO
  return first === X && FORWARDED_NAME.test(name) ? Token.CLAIM : Token.OTHER
}

/** Returns the token of a name: one of {@link Token}. */
export const tokenOf = (name: string): number => tokens.get(name) ?? unnamedToken(name)

const CREDENTIALS = tokenSet(Token.COOKIE, Token.SET_COOKIE, Token.AUTHORIZATION, Token.PROXY_AUTHORIZATION)

/** Returns true if a field holds credentials, which a table that connections share must not keep. */
export const isCredential = (token: number): boolean => CREDENTIALS[token] === 1
