// Checks the requirements of HTTP/2 for TLS (RFC 9113 §9.2): version 1.2 or later, and in 1.2 an ephemeral
// AEAD cipher suite. Appendix A lists the forbidden suites by name; this file checks their common properties.

import type { Secured } from '../pollset/index.js'

const GOOD_IN_1_2 = /^TLS_(?:EC)?DHE_\w+_WITH_\w+_(?:GCM_|CCM|CHACHA20_POLY1305_)/

/** Returns the fault of a connection's TLS, or null. */
export function inadequate({ version, cipher }: Secured): string | null {
  if (version === 'TLSv1.3' || (version === 'TLSv1.2' && GOOD_IN_1_2.test(cipher))) return null
  return `${version} with ${cipher} is not for HTTP/2 (RFC 9113 §9.2.2)`
}

/** Returns the fault of a backend's TLS, or null. ALPN must have chosen HTTP/2 (§3.2). */
export const unfit = (secured: Secured): string | null =>
  secured.protocol === 'h2' ? inadequate(secured) : 'the backend does not speak HTTP/2 (ALPN)'
