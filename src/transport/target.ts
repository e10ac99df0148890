// The target of a dial, and the faults of a target that cannot be reached.

import { type Fault, fault } from '../continuation/index.js'
import { type Address, formatAddress, type TlsClient } from '../pollset/index.js'

/** A target. `host` may be a name. With `path` it is a Unix-domain socket, without host and port. */
export interface DialTarget extends Address {
  readonly tls?: TlsClient
  /** The bytes that begin each connection, before TLS. */
  readonly preamble?: Buffer
  /** The time that replaces `transport.connectMs`. */
  readonly connectTime?: ConnectTime
  /**
   * Returns the reason why this numeric address, '' for a Unix-domain socket, must not be connected to; null
   * if it may be. Without it, all may.
   */
  readonly refuses?: ((host: string) => string | null) | undefined
}

/** The time limit for connections that begin now, in ms. All copies of a target share it. */
export interface ConnectTime {
  ms: number
}

/**
 * Makes the fault of a target that was not reached. No request was sent, so the request may go elsewhere.
 * Clients do not get the detail.
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
