// What HTTP/2 asks of the TLS under it (RFC 9113 §9.2): 1.2 at least, and of the cipher suites of 1.2 only
// those that are ephemeral and AEAD. Appendix A lists the others by name; here is what they have in common.

import type { Secured } from '../pollset/index.js'

const GOOD_IN_1_2 = /^TLS_(?:EC)?DHE_\w+_WITH_\w+_(?:GCM_|CCM|CHACHA20_POLY1305_)/

/** What is wrong with it, for a person; null for nothing. */
export function inadequate({ version, cipher }: Secured): string | null {
  if (version === 'TLSv1.3' || (version === 'TLSv1.2' && GOOD_IN_1_2.test(cipher))) return null
  return `${version} with ${cipher} is not for HTTP/2 (RFC 9113 §9.2.2)`
}

/**
 * What is wrong with a backend's, likewise: over TLS, HTTP/2 is what ALPN chose, or it is not spoken (§3.2).
 */
export const unfit = (secured: Secured): string | null =>
  secured.protocol === 'h2' ? inadequate(secured) : 'the backend does not speak HTTP/2 (ALPN)'
