// Makes accepted sockets read into our buffers. Node gives a socket that a server accepts no `onread`, so
// each of its reads costs 64 KiB, a `data` event and a stream's bookkeeping. So this file makes a socket of
// each accepted handle, as net.Server does. The handle is not documented: if a server has none, Node makes
// the sockets.

import { Socket as NetSocket, type Server } from 'node:net'
import type { TcpKeepAlive } from './keep-alive.js'
import type { Reading } from './reading.js'

/** Receives accepted sockets. */
export interface HandleReceiver {
  arrived(net: NetSocket, reading: Reading): void
}

interface Handle {
  setNoDelay?(on: boolean): void
  /** @param delay in seconds */
  setKeepAlive?(on: boolean, delay: number): void
  onconnection(this: Handle, status: number, accepted?: unknown): void
}

/** Makes the sockets that a listening server accepts from now on read into our buffers. */
export function acceptHandles(
  server: Server,
  { keepAlive, keepAliveInitialDelay }: TcpKeepAlive,
  buffers: { newReading(): Reading },
  listener: HandleReceiver,
): void {
  const handle = (server as unknown as { _handle?: Partial<Handle> | null })._handle
  const own = handle?.onconnection
  if (!handle || own === undefined) return
  // On Linux an accepted socket inherits these options from the listening one: five system calls fewer each.
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
