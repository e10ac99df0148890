// Which fields are for one connection only, and which may not be trailers, whichever HTTP version carries
// them.

import { Token, tokenSet } from './token.js'

/** Tokens of fields that belong to one connection (RFC 9110 §7.6.1), or to its message framing. */
export const HOP_BY_HOP: readonly number[] = [
  Token.CONNECTION,
  Token.KEEP_ALIVE,
  Token.PROXY_CONNECTION,
  Token.TRANSFER_ENCODING,
  Token.UPGRADE,
  Token.TE,
  Token.HTTP2_SETTINGS,
]

/** Who asks, from where and for what host, as an intermediary tells it (RFC 7239); anyone can write that. */
export const IDENTITY_FIELDS: readonly number[] = [
  Token.FORWARDED,
  Token.X_FORWARDED_FOR,
  Token.X_FORWARDED_HOST,
  Token.X_FORWARDED_PROTO,
  Token.X_REAL_IP,
  Token.CLAIM,
]

/**
 * RFC 9110 §6.5.1: no trailer is what frames or routes a message, says who asks, or changes what is asked
 * for; nor what is a connection's own. A backend that adds trailers to the head's fields would take them for
 * what was checked there.
 */
const FORBIDDEN_TRAILERS = tokenSet(
  ...HOP_BY_HOP,
  Token.CONTENT_LENGTH,
  Token.FRAMING_LOOKALIKE,
  Token.HOST,
  Token.AUTHORITY,
  Token.TRAILER,
  Token.EXPECT,
  Token.AUTHORIZATION,
  Token.PROXY_AUTHORIZATION,
  Token.COOKIE,
  Token.SET_COOKIE,
  ...IDENTITY_FIELDS,
  Token.IF_MATCH,
  Token.IF_MODIFIED_SINCE,
  Token.IF_NONE_MATCH,
  Token.IF_RANGE,
  Token.IF_UNMODIFIED_SINCE,
  Token.MAX_FORWARDS,
  Token.CONTENT_ENCODING,
  Token.CONTENT_TYPE,
  Token.RANGE,
  Token.CONTENT_RANGE,
)

export const isForbiddenTrailer = (token: number): boolean => FORBIDDEN_TRAILERS[token] === 1
