// Which fields are for one connection only, and which may not be trailers, whichever HTTP version carries them.

import { Token, tokenSet } from './field.js'

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

/** RFC 9110 §6.5.1: fields that frame or route a message, or are a connection's own, are no trailers. */
const NO_TRAILERS = tokenSet(
  ...HOP_BY_HOP,
  Token.CONTENT_LENGTH,
  Token.HOST,
  Token.AUTHORITY,
  Token.TRAILER,
  Token.EXPECT,
)

export const isForbiddenTrailer = (token: number): boolean => NO_TRAILERS[token] === 1
