// Fields that belong to one connection only, and fields that must not be trailers, in either HTTP version.

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

/** Fields in which an intermediary identifies the client (RFC 7239). Any client can forge them. */
export const IDENTITY_FIELDS: readonly number[] = [
  Token.FORWARDED,
  Token.X_FORWARDED_FOR,
  Token.X_FORWARDED_HOST,
  Token.X_FORWARDED_PROTO,
  Token.X_REAL_IP,
  Token.CLAIM,
]

/**
 * Fields that must not be trailers. RFC 9110 §6.5.1: a trailer must not frame or route a message,
 * authenticate or modify the request, or belong to one connection. A backend may merge trailers into the
 * head's fields, past the checks made there.
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
