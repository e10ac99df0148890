// Checks what HTTP/2 requires of TLS (RFC 9113 §9.2): version 1.2 or later, and in 1.2 an ephemeral AEAD
// cipher suite. Appendix A lists the others by name; this file checks what they have in common.

import type { Secured } from '../pollset/index.js'

const GOOD_IN_1_2 = /^TLS_(?:EC)?DHE_\w+_WITH_\w+_(?:GCM_|CCM|CHACHA20_POLY1305_)/

/** Returns what is wrong with the TLS of a connection, or null. */
export function inadequate({ version, cipher }: Secured): string | null {
  if (version === 'TLSv1.3' || (version === 'TLSv1.2' && GOOD_IN_1_2.test(cipher))) return null
  return `${version} with ${cipher} is not for HTTP/2 (RFC 9113 §9.2.2)`
}

/** Returns what is wrong with a backend's TLS, or null. ALPN must have chosen HTTP/2 (§3.2). */
export const unfit = (secured: Secured): string | null =>
  secured.protocol === 'h2' ? inadequate(secured) : 'the backend does not speak HTTP/2 (ALPN)'
