// Counts the requests that a client has sent behind the current one. They wait in the socket, unread. This
// reads them without keeping anything. It is for debuggers only.

import type { FieldDecoder } from './field-decoder.js'
import type { Http1Limits } from './limits.js'
import type { MessageSink } from './reader.js'
import { RequestReader } from './request-reader.js'

class Counter implements MessageSink {
  requests = 0

  head(): void {
    this.requests++
  }
  body(): void {}
  trailers(): void {}
  messageEnd(): void {}
  error(): void {}
}

/**
 * Returns the number of requests that have begun in these chunks, the first of which begins
 * with a start line.
 */
export function pipelinedIn(chunks: readonly Buffer[], decoder: FieldDecoder, limits: Http1Limits): number {
  const counter = new Counter()
  const reader = new RequestReader(counter, decoder, limits, 'http')
  for (const chunk of chunks)
    for (let at = 0; at < chunk.length; ) {
      at = reader.feed(chunk, at)
      if (reader.stopped || reader.switching) return counter.requests
      if (reader.waiting) reader.next()
    }
  return counter.requests + (reader.inHead ? 1 : 0)
}
