// Takes connections off a listening server before sockets are made of them. Node gives a socket that a server
// accepts no `onread`, so each of its reads costs 64 KiB, a `data` event and a stream's bookkeeping. So our
// own sockets are made of the accepted handles, in this process or in a worker. The handle is not documented:
// if a server has none, Node makes the sockets.

import type { Server } from 'node:net'
import type { TcpKeepAlive } from './keep-alive.js'
import type { RawConnection } from './process-link.js'

interface Handle {
  setNoDelay?(on: boolean): void
  /** @param delay in seconds */
  setKeepAlive?(on: boolean, delay: number): void
  onconnection(this: Handle, status: number, accepted?: unknown): void
}

/** Gives `take` each connection that a listening server accepts from now on. */
export function acceptHandles(
  server: Server,
  { keepAlive, keepAliveInitialDelay }: TcpKeepAlive,
  take: (connection: RawConnection) => void,
): void {
  const handle = (server as unknown as { _handle?: Partial<Handle> | null })._handle
  const own = handle?.onconnection
  if (!handle || own === undefined) return
  // On Linux an accepted socket inherits these options from the listening one: five system calls fewer each.
  if (process.platform === 'linux') {
    handle.setNoDelay?.(true)
    if (keepAlive) handle.setKeepAlive?.(true, Math.floor(keepAliveInitialDelay / 1000))
  }
  handle.onconnection = function (status, accepted) {
    if (status !== 0 || accepted === undefined) own.call(this, status, accepted)
    else take(accepted as RawConnection)
  }
}
