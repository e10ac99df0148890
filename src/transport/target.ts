// Where a backend is, and what is told when it cannot be reached. The way there is in dial.ts.

import { type Fault, fault } from '../continuation/index.js'
import { type Address, formatAddress, type TlsClient } from '../pollset/index.js'

/** `host` may be a name; with `path` it is a Unix-domain socket, and host and port say nothing. */
export interface DialTarget extends Address {
  readonly tls?: TlsClient
  /** What is said first on each connection, before TLS. */
  readonly preamble?: Buffer
}

/**
 * Nothing of a request has been sent: it may go elsewhere. What is wrong behind us is not a client's to know.
 */
const notReached = (code: string, message: string, detail: string): Fault => ({
  ...fault(code, 'backend', 'connection', 'safe', message),
  detail,
})

export const notConnected = (target: DialTarget, why: string): Fault =>
  notReached(
    'backend-not-connected',
    'no connection to the backend could be made',
    `${formatAddress(target)}: ${why}`,
  )

export const notResolved = ({ host }: DialTarget, why: string): Fault =>
  notReached('backend-not-resolved', 'the name of the backend has no address', `${host}: ${why}`)
