// Attacks by HTTP/1.1 clients. In memory they have separate tests (spec/attacks.md names them).

import type { Attack } from './attack.js'

/** A request that the backend never answers. */
const QUIET = Buffer.from('GET /quiet HTTP/1.1\r\nHost: a\r\n\r\n')

export const http1Attacks: readonly Attack[] = [
  // It asks and sends FIN, repeatedly: a client that has left looks the same.
  { name: 'half-closed-clients', role: 'client', raw: true, lastWords: QUIET, wave: () => Buffer.alloc(0) },
]
