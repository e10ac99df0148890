// The faults of streams on a connection that Node has.

import { fault } from '../continuation/index.js'

export const GONE_FAULT = fault(
  'frontend-closed',
  'frontend',
  'stream',
  'never',
  'the client closed its connection',
)
export const GIVEN_UP = fault(
  'given-up',
  'internal',
  'stream',
  'never',
  'the exchange ended without a whole response',
)
export const CRASHED = fault('internal', 'internal', 'stream', 'never', 'a step of the stream failed')
