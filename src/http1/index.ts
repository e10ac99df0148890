// fermata-proxy/http1: HTTP/1.1 (RFC 9112), both roles, and the codec under them.

export type { Http1Connection } from './connection.js'
export { createHttp1, type Http1Context, type Http1Counts } from './context.js'
export { REFUSALS, type RefusalCode } from './faults.js'
export { FieldDecoder } from './field-decoder.js'
export * from './framing.js'
export { serveHttp1 } from './frontend.js'
export { frontendLife } from './frontend-life.js'
export { type Http1Limits, http1Limits } from './limits.js'
export type { MessageSink } from './reader.js'
export { RequestReader } from './request-reader.js'
export { ResponseReader } from './response-reader.js'
export type { BackendSession } from './session.js'
export { http1SessionOn, http1Sessions } from './session-factory.js'
export { sessionLife } from './session-life.js'
export {
  CHUNK_OVERHEAD,
  headBytesMax,
  trailersBytesMax,
  writeChunkEnd,
  writeChunkSize,
  writeLastChunk,
  writeRequestHead,
  writeResponseHead,
  writeSwitchingHead,
  writeUpgradeRequest,
} from './writer.js'
