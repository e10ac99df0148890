// The faults of HTTP/2 streams and connections, in both roles.

import { type Fault, fault } from '../continuation/index.js'
import type { ResetReason, StreamFault } from '../http/index.js'
import { ErrorCode, errorName } from './codes.js'

type Side = 'frontend' | 'backend'

export const RESET_CODES: Readonly<Record<ResetReason, number>> = {
  cancel: ErrorCode.CANCEL,
  'no-error': ErrorCode.NO_ERROR,
  refused: ErrorCode.REFUSED_STREAM,
  internal: ErrorCode.INTERNAL_ERROR,
  protocol: ErrorCode.PROTOCOL_ERROR,
  calm: ErrorCode.ENHANCE_YOUR_CALM,
  connect: ErrorCode.CONNECT_ERROR,
}

/** Makes the fault of a connection that we end with this error code. */
export const connectionFault = (side: Side, code: number, message: string): Fault =>
  fault(
    code === ErrorCode.ENHANCE_YOUR_CALM ? 'calm' : 'protocol-error',
    side,
    'connection',
    'never',
    `${errorName(code)}: ${message}`,
  )

/** Makes the fault of a stream that we reset with this error code. */
export const streamFault = (side: Side, code: number, message: string): StreamFault =>
  fault('stream-error', side, 'stream', 'never', `${errorName(code)}: ${message}`)

/** Makes the fault of a stream that the peer has reset with this error code. */
export function resetFault(side: Side, code: number): StreamFault {
  const safe = code === ErrorCode.REFUSED_STREAM
  return fault(
    safe ? 'refused-stream' : code === ErrorCode.NO_ERROR ? 'reset-no-error' : 'reset',
    side,
    'stream',
    safe ? 'safe' : 'never',
    `the ${side} sent RST_STREAM ${errorName(code)}`,
  )
}

export const DEAD_PEER: Readonly<Record<Side, Fault>> = {
  frontend: fault(
    'ping-timeout',
    'frontend',
    'connection',
    'never',
    'the client neither answers PING nor takes what is sent to it',
  ),
  backend: fault(
    'ping-timeout',
    'backend',
    'connection',
    'never',
    'the backend neither answers PING nor takes what is sent to it',
  ),
}
