// fermata-proxy/http2: HTTP/2 (RFC 9113, RFC 7541), both roles, and the codecs under them.

export type { BackendSession } from './backend.js'
export * from './codes.js'
export type { Connection } from './connection.js'
export { connectionLife } from './connection-life.js'
export { createHttp2, type Http2Context, type Http2Counts } from './context.js'
export { FrameReader, type FrameReaderLimits } from './frame-reader.js'
export type { FrameSink } from './frame-sink.js'
export { serveHttp2 } from './frontend.js'
export { HPACK_ERROR, HpackDecoder } from './hpack/decoder.js'
export { HpackEncoder } from './hpack/encoder.js'
export { type Http2Limits, http2Limits } from './limits.js'
export { http2SessionOn, http2Sessions } from './sessions.js'
