// Where a backend is, and what is told when it cannot be reached. The way there is in attempts.ts.

import { type Fault, fault } from '../continuation/index.js'
import { type Address, formatAddress, type TlsClient } from '../pollset/index.js'

/** `host` may be a name; with `path` it is a Unix-domain socket, and host and port say nothing. */
export interface BackendTarget extends Address {
  readonly tls?: TlsClient
  /** What is said first on each connection, before TLS. */
  readonly preamble?: Buffer
}

/** Nothing of a request has been sent: it may go elsewhere. What is wrong behind us is not a client's to know. */
const notReached = (code: string, message: string, detail: string): Fault => ({
  ...fault(code, 'backend', 'connection', 'safe', message),
  detail,
})

export const notConnected = (target: BackendTarget, why: string): Fault =>
  notReached(
    'backend-not-connected',
    'no connection to the backend could be made',
    `${formatAddress(target)}: ${why}`,
  )

/** What a peer speaks, by its first octets: a status line; a TLS record, of an alert or a handshake; a frame of HTTP/2 shorter than 64 KiB. */
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

/** Which scheme a backend is to be configured with, where its first octets are of another protocol than `spoken`; null where they tell nothing. */
export function otherProtocol(
  target: BackendTarget,
  spoken: 'http/1.1' | 'h2',
  octets: Buffer,
): Fault | null {
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

export const notResolved = ({ host }: BackendTarget, why: string): Fault =>
  notReached('backend-not-resolved', 'the name of the backend has no address', `${host}: ${why}`)
