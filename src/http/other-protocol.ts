// Detects a backend that speaks another protocol than configured, by its first bytes.

import { type Fault, fault } from '../continuation/index.js'
import { formatAddress } from '../pollset/index.js'
import type { DialTarget } from '../transport/index.js'

/**
 * Guesses a peer's protocol from its first octets: a status line; a TLS record with an alert or a handshake;
 * an HTTP/2 frame shorter than 64 KiB.
 */
function protocolOf(octets: Buffer): 'http/1.1' | 'h2' | 'tls' | null {
  if (octets.toString('latin1', 0, 5) === 'HTTP/') return 'http/1.1'
  if (octets[0] === 21 || octets[0] === 22) return 'tls'
  return octets[0] === 0 ? 'h2' : null
}

const SCHEMES = {
  'http/1.1': ['HTTP/1.1', 'http://', 'https://'],
  h2: ['HTTP/2', 'h2c://', 'h2://'],
  tls: ['TLS', 'https://', 'https://'],
} as const

/**
 * Returns a fault that names the scheme to configure, if a backend's first octets belong to another protocol
 * than `spoken`; null otherwise.
 */
export function otherProtocol(target: DialTarget, spoken: 'http/1.1' | 'h2', octets: Buffer): Fault | null {
  const found = protocolOf(octets)
  if (found === null || found === spoken) return null
  const at = target.tls === undefined ? 1 : 2
  const why = `it seems to speak ${SCHEMES[found][0]}: write ${SCHEMES[found][at]} in place of ${SCHEMES[spoken][at]}`
  return {
    ...fault(
      'other-protocol',
      'backend',
      'stream',
      'never',
      'the backend speaks another protocol than configured',
    ),
    detail: `${formatAddress(target)}: ${why}`,
  }
}
