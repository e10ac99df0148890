// HTTP/1.1 (RFC 9112): the codec, readers and writers without sockets. The roles are to come.

export { REFUSALS, type RefusalCode } from './faults.js'
export { FieldDecoder } from './field-decoder.js'
export * from './framing.js'
export { type Http1Limits, http1Limits } from './limits.js'
export type { MessageSink } from './reader.js'
export { RequestReader } from './request-reader.js'
export { ResponseReader } from './response-reader.js'
export {
  CHUNK_OVERHEAD,
  headBytesMax,
  trailersBytesMax,
  writeChunkEnd,
  writeChunkSize,
  writeLastChunk,
  writeRequestHead,
  writeResponseHead,
} from './writer.js'
