// Accepts with read buffers of ours. Node makes the sockets that a server accepts itself, and gives them no
// `onread`: each of their reads then costs 64 KiB, a `data` event and a stream's bookkeeping. So an accepted
// handle is made a socket here, as net.Server makes it. The handle is not documented: where a server has
// none, Node's own way stays.

import { Socket as NetSocket, type Server } from 'node:net'
import type { TcpKeepAlive } from './keep-alive.js'
import type { Reading } from './reading.js'

/** Gets what is accepted. */
export interface HandleReceiver {
  arrived(net: NetSocket, reading: Reading): void
}

interface Handle {
  setNoDelay?(on: boolean): void
  /** @param delay in seconds */
  setKeepAlive?(on: boolean, delay: number): void
  onconnection(this: Handle, status: number, accepted?: unknown): void
}

/** From here on the sockets of a server that listens read into buffers of ours. */
export function acceptHandles(
  server: Server,
  { keepAlive, keepAliveInitialDelay }: TcpKeepAlive,
  buffers: { newReading(): Reading },
  listener: HandleReceiver,
): void {
  const handle = (server as unknown as { _handle?: Partial<Handle> | null })._handle
  const own = handle?.onconnection
  if (!handle || own === undefined) return
  // On Linux a socket that is accepted has them from the one that listens: five system calls less for each.
  const inherits = process.platform === 'linux'
  if (inherits) {
    handle.setNoDelay?.(true)
    if (keepAlive) handle.setKeepAlive?.(true, Math.floor(keepAliveInitialDelay / 1000))
  }
  handle.onconnection = function (status, accepted) {
    if (status !== 0 || accepted === undefined) {
      own.call(this, status, accepted)
      return
    }
    const onread = buffers.newReading()
    const net = new NetSocket({ handle: accepted, allowHalfOpen: true, onread } as object)
    if (!inherits) {
      net.setNoDelay()
      if (keepAlive) net.setKeepAlive(true, keepAliveInitialDelay)
    }
    listener.arrived(net, onread)
  }
}
