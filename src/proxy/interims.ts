// What becomes of an interim (1xx) response on its way to the client (spec/exchange.md, Interim responses).
// How many pass is the streams' matter (http/interims.ts).

import { type Head, Token } from '../http/index.js'

const CONTINUE = 100
const PROCESSING = 102
/** Upload Resumption Supported: progress of an upload (draft-ietf-httpbis-resumable-upload) */
const UPLOAD_PROGRESS = 104

/**
 * A client that does not expect 100 has nothing to wait with, and may drop it (RFC 9110 §15.2.1). HTTP/1.0
 * has no expectations: its readers drop the field (RFC 9110 §10.1.1).
 */
export const interimPasses = (interim: Head, request: Head): boolean =>
  interim.status !== CONTINUE || request.find(Token.EXPECT)?.value.toLowerCase() === '100-continue'

/** The backend is at work: the wait for its head begins anew (RFC 2518 §10.1), within exchangeTimeoutMs. */
export const reportsWork = (interim: Head): boolean =>
  interim.status === PROCESSING || interim.status === UPLOAD_PROGRESS
