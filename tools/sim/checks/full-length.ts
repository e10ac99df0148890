// S2, of its end: a response of HTTP/2 whose content-length came in full is whole, though RST_STREAM(NO_ERROR) ended its
// stream. No exchange may take that for a failure.

import type { Http2Stream } from '../../../src/http2/stream.js'
import { type Checker, fail } from './check.js'

export function fullLength(): Checker {
  return {
    turn(scene) {
      for (const { id, outcome, backendStream: backend } of scene.logged) {
        if (outcome !== 'reset-no-error' || backend === null || backend.head === null) continue
        const { promised } = backend as Http2Stream
        if (promised === 0 && backend.head.contentLength > 0)
          fail('S2', `${id} has failed, though its response had come in full`)
      }
    },
  }
}
