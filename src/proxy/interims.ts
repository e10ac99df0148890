// Decides which interim (1xx) responses pass to the client (spec/exchange.md, Interim responses). Streams
// bound the number of those that pass (http/interims.ts).

import { type Head, Token } from '../http/index.js'

const CONTINUE = 100
const PROCESSING = 102
/** Upload Resumption Supported: the progress of an upload (draft-ietf-httpbis-resumable-upload). */
const UPLOAD_PROGRESS = 104

/**
 * Returns false for a 100 that the client did not ask for, since it does not wait for one (RFC 9110 §15.2.1).
 * The reader has dropped the Expect field of HTTP/1.0, which has no expectations (RFC 9110 §10.1.1).
 */
export const interimPasses = (interim: Head, request: Head): boolean =>
  interim.status !== CONTINUE || request.find(Token.EXPECT)?.value.toLowerCase() === '100-continue'

/** Returns true if the backend reports that it works, which restarts headTimeoutMs (RFC 2518 §10.1). */
export const reportsWork = (interim: Head): boolean =>
  interim.status === PROCESSING || interim.status === UPLOAD_PROGRESS
