// The listener of Node's pollset, on TCP or a Unix-domain socket. It replaces a socket file that no
// process listens on, such as one that a killed program has left. It leaves alone a socket file in use,
// and any other file.

import { lstatSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { dirname } from 'node:path'
import {
  type Address,
  LISTEN_FAILED,
  LISTENING,
  type Listener,
  type ListenOptions,
  type SocketFault,
} from '../door.js'
import { AcceptQueue } from './accept-queue.js'
import { acceptHandles } from './accepting.js'
import { tcpKeepAlive } from './keep-alive.js'
import type { RawConnection } from './process-link.js'
import type { Reading } from './reading.js'
import type { Marks, NodeSocket, NodeSocketLimits } from './socket.js'

export interface NodeListenerLimits extends NodeSocketLimits {
  /** The number of accepted sockets that wait for their listener's continuation. One more is closed. */
  readonly acceptQueueMax: number
  /** The number of connections that the operating system queues for a listener. */
  readonly backlog: number
  /**
   * The time of silence after which TCP probes a client's host, in ms (whole seconds). It probes ten times, a
   * second apart: Node sets only the first of these times. 0: never.
   */
  readonly frontendTcpKeepAliveMs: number
}

/** The part of a pollset that a listener needs. */
export interface HandleAdopter extends Marks {
  note(socket: NodeSocket): NodeSocket
  /** Forgets a listener that has closed. */
  drop(listener: Listener): void
  newReading(): Reading
}

export const faultOf = (error: NodeJS.ErrnoException): SocketFault => ({
  code: error.code ?? 'EUNKNOWN',
  message: error.message,
})

/**
 * The most bytes of a path in a sockaddr_un, without its NUL. Node cuts a longer path and listens elsewhere.
 */
export const UNIX_PATH_BYTES_MAX = process.platform === 'linux' ? 107 : 103

const kindOf = (path: string): 'none' | 'folder' | 'socket' | 'other' => {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return 'none'
  return found.isDirectory() ? 'folder' : found.isSocket() ? 'socket' : 'other'
}

export class NodeListener extends AcceptQueue {
  readonly id: string
  address: Address
  private readonly server: Server
  /** See {@link Pollset.isPrivate}. */
  readonly isPrivate: boolean
  private readonly ownerOnly: boolean
  private closed = false

  /** @param dealt is given all accepted connections; null: this listener accepts them */
  constructor(
    pollset: HandleAdopter,
    address: Address,
    id: string,
    limits: NodeListenerLimits,
    options: ListenOptions = {},
    dealt: ((connection: RawConnection) => void) | null = null,
  ) {
    const keepAlive = tcpKeepAlive(options.keepAliveMs ?? limits.frontendTcpKeepAliveMs)
    super(pollset, limits, keepAlive)
    this.id = id
    this.address = address
    this.isPrivate = options.isPrivate === true
    this.ownerOnly = options.ownerOnly === true
    this.server = createServer({ allowHalfOpen: true, noDelay: true, ...keepAlive }, (net) => {
      if (dealt === null) this.arrived(net, null)
      else net.destroy()
    })
    this.server.on('listening', () => {
      const bound = this.server.address()
      if (bound !== null && typeof bound === 'object')
        this.address = { host: bound.address, port: bound.port }
      acceptHandles(this.server, keepAlive, dealt ?? ((connection) => this.arrivedRaw(connection)))
      pollset.mark(this, LISTENING)
    })
    this.server.on('error', (error: NodeJS.ErrnoException) => {
      const { path } = address
      if (path === undefined) this.fail(faultOf(error))
      else this.failedAt(path, error)
    })
    const bytes = Buffer.byteLength(address.path ?? '')
    if (bytes > UNIX_PATH_BYTES_MAX)
      this.fail({
        code: 'ENAMETOOLONG',
        message: `${bytes} bytes, and at most ${UNIX_PATH_BYTES_MAX} are possible`,
      })
    else this.listen()
  }

  close(): void {
    this.closed = true
    this.pollset.drop(this)
    this.server.close()
    this.destroyQueue()
  }

  private listen(): void {
    const { backlog } = this.limits
    const { host, port, path } = this.address
    // The file is made within this call, so its mode is right from the beginning.
    const mask = this.ownerOnly ? process.umask(0o177) : null
    this.server.listen({ ...(path === undefined ? { host, port } : { path }), backlog })
    if (mask !== null) process.umask(mask)
  }

  private fail(why: SocketFault): void {
    if (this.closed) return
    this.fault = why
    this.pollset.mark(this, LISTEN_FAILED)
  }

  private failedAt(path: string, error: NodeJS.ErrnoException): void {
    // libuv turns ENOENT into EACCES.
    if (error.code === 'EACCES' && kindOf(dirname(path)) === 'none')
      this.fail({ code: 'ENOENT', message: error.message })
    else if (error.code !== 'EADDRINUSE' || this.replaced) this.fail(faultOf(error))
    // A connect to another kind of file fails with ECONNREFUSED too, so a probe could not tell.
    else if (kindOf(path) !== 'socket') this.fail({ code: 'ENOTSOCK', message: error.message })
    else this.probe(path, error)
  }

  /** Connects to the socket file to see whether a process listens on it. */
  private probe(path: string, inUse: NodeJS.ErrnoException): void {
    const probe = connect(path)
    probe.on('connect', () => {
      probe.destroy()
      this.fail(faultOf(inUse))
    })
    probe.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') this.replace(path)
      else this.fail(faultOf(inUse))
    })
  }

  private replace(path: string): void {
    if (this.closed) return
    try {
      unlinkSync(path)
    } catch (error) {
      this.fail(faultOf(error as NodeJS.ErrnoException))
      return
    }
    this.replaced = true
    this.listen()
  }
}
