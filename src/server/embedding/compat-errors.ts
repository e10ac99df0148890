// Errors in http-proxy's form: those of node:net, node:tls and node:http.

import { ProxyError } from './events.js'

/** Texts of node:tls, by code. */
const TLS_TEXTS: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unable to verify the first certificate',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self-signed certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'self-signed certificate in certificate chain',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unable to get local issuer certificate',
  CERT_HAS_EXPIRED: 'certificate has expired',
}

/** Outcomes that http-proxy reports as a connection that ended. */
const HANG_UPS: ReadonlySet<string> = new Set([
  'backend-closed',
  'client-gone',
  'head-late',
  'request-late',
  'body-late',
  'truncated',
  'reset',
  'connect-late',
  'done',
])

/** Returns the error that a listener of http-proxy expects. Its cause is ours. */
export function compatError(error: Error): Error & { code?: string } {
  if (!(error instanceof ProxyError)) return error
  const { code, outcome, message } = error
  const tls = /\b([A-Z]+(?:_[A-Z]+){2,})\b/.exec(message)?.[1]
  if (tls !== undefined) return made(TLS_TEXTS[tls] ?? message, tls, error)
  if (/^E[A-Z]+$/.test(code)) {
    const at = /(\S+:\d+)/.exec(message)?.[1] ?? ''
    return made(
      code === 'ENOTFOUND' ? `getaddrinfo ENOTFOUND ${at}` : `connect ${code} ${at}`.trim(),
      code,
      error,
    )
  }
  return HANG_UPS.has(outcome) ? made('socket hang up', 'ECONNRESET', error) : error
}

const made = (message: string, code: string, cause: Error): Error & { code: string } =>
  Object.assign(new Error(message, { cause }), { code })
