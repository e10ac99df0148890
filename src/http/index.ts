// What both HTTP versions share: the message (fields, heads, bodies, streams), the way to a backend, and how
// a connection parts. No wire format.

export { type Ends, endsOf } from '../transport/index.js'
export { bindsConnection, sendsToken } from './bound.js'
export { isBlank, isText, isToken, isTokenChar, TOKEN_CHAR } from './characters.js'
export { type Client, type LingeringClient, marksOf, ownHost } from './client.js'
export { HttpConnection } from './connection.js'
export { dialledSessions, type SessionOn } from './dialled-sessions.js'
export {
  Field,
  FieldTable,
  FORM_INVALID,
  isCredential,
  NAME_INVALID,
  oneLength,
  Token,
  type TokenSet,
  tokenSet,
  VALUE_INVALID,
} from './field.js'
export { CLAIMS, HOP_BY_HOP, isForbiddenTrailer } from './field-scope.js'
export { Head, IDEMPOTENT, responseHead } from './head.js'
export { type InterimLimits, interimLimits } from './interims.js'
export { otherProtocol } from './other-protocol.js'
export { PulledStream, type StreamHome } from './pulled-stream.js'
export * from './stream.js'
export type { StreamFault } from './stream-fault.js'
export { createHttpWorld, type HttpWorld } from './world.js'
