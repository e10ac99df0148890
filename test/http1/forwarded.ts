// A message that was read, written again as a role would write it for the other side.

import type { Field, Head } from '../../src/http/index.js'
import {
  CHUNK_OVERHEAD,
  CHUNKED,
  headBytesMax,
  requestFraming,
  responseFraming,
  trailersBytesMax,
  writeChunkEnd,
  writeChunkSize,
  writeLastChunk,
  writeRequestHead,
  writeResponseHead,
} from '../../src/http1/index.js'

export interface Message {
  readonly head: Head
  readonly body: string
  readonly trailers: readonly Field[] | null
  /** Nothing follows the head. */
  readonly ended: boolean
}

/** The wire of it, for a peer of HTTP/1.`minor`; `to`: the method answered, null for a request. */
export function forwarded(message: Message, to: string | null, minor = 1, keep = true): Buffer {
  const { head, body, trailers } = message
  const b = Buffer.alloc(headBytesMax(head) + body.length + CHUNK_OVERHEAD + trailersBytesMax(trailers))
  let at: number
  let framing: number
  if (to === null) {
    framing = requestFraming(head, message.ended, minor)
    at = writeRequestHead(b, 0, head, framing, keep)
  } else {
    framing = responseFraming(head, message.ended, to, minor)
    at = writeResponseHead(b, 0, head, framing, minor, keep)
  }
  if (framing !== CHUNKED) return b.subarray(0, at + b.write(body, at, 'latin1'))
  if (body.length > 0) {
    at = writeChunkSize(b, at, body.length)
    at = writeChunkEnd(b, at + b.write(body, at, 'latin1'))
  }
  return b.subarray(0, writeLastChunk(b, at, trailers))
}
