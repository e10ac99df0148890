// The faults of a request that a session has not begun, so it may be sent elsewhere.

import { fault } from '../continuation/index.js'
import type { StreamFault } from '../http/index.js'

/** RFC 9113 §8.7: REFUSED_STREAM. */
export const REFUSED = 'refused-stream'

const notBegun = (code: string, message: string): StreamFault => ({
  ...fault(code, 'backend', 'stream', 'safe', message),
  uncounted: 'not-begun',
})
export const LIMIT_LOWERED = notBegun(
  'streams-limited',
  'the backend lowered its limit of streams (RFC 9113 §5.1.2)',
)
export const IDS_SPENT = notBegun('stream-ids-spent', 'no stream identifier is left (RFC 9113 §5.1.1)')
