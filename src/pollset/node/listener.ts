// The listener of Node's pollset, on TCP or a Unix-domain socket. It replaces a socket file that no process
// listens on, as a killed program leaves it. It keeps a socket file in use, and any other file.

import { lstatSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Socket as NetSocket, type Server } from 'node:net'
import { dirname } from 'node:path'
import {
  ACCEPTABLE,
  type Address,
  LISTEN_FAILED,
  LISTENING,
  Listener,
  type ListenOptions,
  type Socket,
  type SocketFault,
} from '../door.js'
import { acceptHandles, type HandleReceiver } from './accepting.js'
import { tcpKeepAlive } from './keep-alive.js'
import { numericHost } from './networks.js'
import type { Reading } from './reading.js'
import { type Marked, type Marks, NodeSocket, type NodeSocketLimits } from './socket.js'

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

/** What a listener needs of its pollset. */
export interface HandleAdopter extends Marks {
  note(socket: NodeSocket): NodeSocket
  /** Forgets a listener that has closed. */
  drop(listener: NodeListener): void
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

export class NodeListener extends Listener implements Marked, HandleReceiver {
  readonly id: string
  address: Address
  marked = 0
  private readonly server: Server
  private readonly accepted: Socket[] = []
  private readonly pollset: HandleAdopter
  private readonly limits: NodeListenerLimits
  private accepts = 0
  /** See {@link Pollset.isPrivate}. */
  readonly isPrivate: boolean
  private readonly ownerOnly: boolean
  private closed = false

  constructor(
    pollset: HandleAdopter,
    address: Address,
    id: string,
    limits: NodeListenerLimits,
    options: ListenOptions = {},
  ) {
    super()
    this.id = id
    this.address = address
    this.pollset = pollset
    this.limits = limits
    this.isPrivate = options.isPrivate === true
    this.ownerOnly = options.ownerOnly === true
    const keepAlive = tcpKeepAlive(options.keepAliveMs ?? limits.frontendTcpKeepAliveMs)
    this.server = createServer({ allowHalfOpen: true, noDelay: true, ...keepAlive }, (net) =>
      this.arrived(net, null),
    )
    this.server.on('listening', () => {
      const bound = this.server.address()
      if (bound !== null && typeof bound === 'object')
        this.address = { host: bound.address, port: bound.port }
      acceptHandles(this.server, keepAlive, pollset, this)
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

  arrived(net: NetSocket, reading: Reading | null): void {
    const { pollset, limits, accepted } = this
    // A client that has left already has no address. It must not pass for a peer on a Unix-domain socket.
    const isLost = this.address.path === undefined && net.remoteAddress === undefined
    if (isLost || accepted.length >= limits.acceptQueueMax) {
      net.destroy()
      return
    }
    const remote = { host: numericHost(net.remoteAddress ?? ''), port: net.remotePort ?? 0 }
    const id = `${this.id}.${++this.accepts}`
    accepted.push(pollset.note(new NodeSocket(net, remote, id, pollset, limits, reading)))
    pollset.mark(this, ACCEPTABLE)
  }

  accept(): Socket | null {
    const socket = this.accepted.shift() ?? null
    if (this.accepted.length === 0) this.lower(ACCEPTABLE)
    return socket
  }

  close(): void {
    this.closed = true
    this.pollset.drop(this)
    this.server.close()
    for (const socket of this.accepted) socket.destroy()
    this.accepted.length = 0
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
