// Where a backend is, and the way to it: a name to be resolved, an address to be connected to, and what is told when one
// of the two fails. For whoever connects, whatever is spoken then.

import { type Fault, fault } from '../continuation/index.js'
import {
  type Address,
  formatAddress,
  type Pollset,
  type Resolution,
  type Socket,
  type TlsClient,
} from '../pollset/index.js'

/** `host` may be a name; with `path` it is a Unix-domain socket, and host and port say nothing. */
export interface BackendTarget extends Address {
  readonly tls?: TlsClient
  /** What is said first on each connection, before TLS. */
  readonly preamble?: Buffer
}

/** Nothing of a request has been sent: it may go elsewhere. */
const notReached = (code: string, message: string): Fault =>
  fault(code, 'backend', 'connection', 'safe', message)

export const notConnected = (target: BackendTarget, why: string): Fault =>
  notReached('backend-not-connected', `${formatAddress(target)}: ${why}`)

/** Look its name up; null for a Unix-domain socket, which has none. */
export const resolveTarget = (pollset: Pollset, target: BackendTarget): Resolution | null =>
  target.path === undefined ? pollset.resolve(target.host) : null

/** Connect to what was found; the fault when nothing was. `id`: of the socket. */
export function connectTarget(
  pollset: Pollset,
  target: BackendTarget,
  resolution: Resolution | null,
  id: string,
): Socket | Fault {
  const { host, port, tls, preamble } = target
  if (resolution === null) return pollset.connect(target, id, tls, preamble)
  const { addresses, fault: wrong } = resolution
  if (addresses.length === 0)
    return notReached('backend-not-resolved', `${host}: ${wrong?.code ?? 'no address'}`)
  return pollset.connect({ host: addresses[0], port }, id, tls, preamble)
}
