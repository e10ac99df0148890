// A filter's body that comes in time, such as that of a cache entry that is still growing.

import type { BodySource, StreamFault } from '../../http/index.js'
import { Pollable } from '../../pollset/index.js'

/** The bits of an {@link AnswerSource} are those of a stream: BODY, RESET. */
export abstract class AnswerSource extends Pollable implements BodySource {
  /** The bytes that wait to be forwarded. */
  abstract readonly waitingBytes: number
  /** True once the body is complete. */
  abstract readonly remoteEnded: boolean
  abstract readonly receiveBuffer: BodySource['receiveBuffer']
  abstract readonly trailers: BodySource['trailers']
  /** The fault that ended it early: the answer is cut. Raise RESET with it. */
  fault: StreamFault | null = null

  get bitNames(): readonly string[] {
    return ['HEAD', 'BODY', 'INTERIM', 'SENT', 'RESET']
  }

  /** Is called once, on every path, when nobody reads it any longer. */
  abstract leave(): void
}
