// What both HTTP versions share: the message (fields, heads, bodies, streams), the way to a backend, and how a connection parts.
// No wire format.

export { type AttemptLimits, Attempts, attemptLimits } from './attempts.js'
export { bindsConnection, sendsToken } from './bound.js'
export { isBlank, isText, isToken, isTokenChar, TOKEN_CHAR } from './characters.js'
export { type Client, type Ends, endsOf, type LingeringClient, marksOf, ownHost } from './client.js'
export { HttpConnection } from './connection.js'
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
export { HeldByConnection, HeldBytes, type HeldLimits, heldLimits, STALL } from './held.js'
export { Inbox, type Receiving } from './inbox.js'
export { type InterimLimits, interimLimits } from './interims.js'
export { Linger, type LingerLimits, lingerLimits } from './linger.js'
export { PulledStream, type StreamHome } from './pulled-stream.js'
export * from './stream.js'
export { type BackendTarget, notConnected, otherProtocol } from './target.js'
export { Transit, type TransitLimits, transitLimits } from './transit.js'
export { createHttpWorld, type HttpWorld } from './world.js'
