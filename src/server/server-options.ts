// What a server is made of, and what it tells.

import type { Address, Certificate } from '../pollset/index.js'
import type { Share } from '../proxy/index.js'
import type { ProxyVersion } from '../transport/index.js'
import type { Listen, RouteText } from './address.js'
import type { DebugOptions } from './debugging.js'
import type { SomeLimits } from './limits.js'
import type { BackendTls } from './protocols.js'

export interface ServerOptions {
  readonly listen: readonly Listen[]
  /** Returns the certificates of TLS listeners. Called again for each `Server.command` `reload`. */
  readonly certificates?: () => ServerCertificates
  readonly backendTls?: BackendTls
  /**
   * Networks whose connections must begin with a PROXY header, which is believed (spec/proxy-protocol.md).
   */
  readonly acceptProxy?: readonly string[]
  /**
   * The PROXY header that begins each backend connection. It names the client only if `share` is
   * `connection`.
   */
  readonly sendProxy?: ProxyVersion
  /** Allowed targets of plain CONNECT: `HOST:PORT`, `*.DOMAIN:PORT`, `*` for either part. Default: none. */
  readonly connect?: readonly string[]
  /** In any order: the route table sorts them. */
  readonly routes: readonly RouteText[]
  readonly share?: Share
  readonly limits?: SomeLimits
  /** ms that draining may take at most */
  readonly drainTimeoutMs?: number
  /** Writes a line of the process log, without its line end. By default there is no log. */
  readonly log?: ((line: string) => void) | undefined
  /** Opens a listener for debuggers (spec/debugger.md). */
  readonly debug?: DebugOptions | undefined
  /** Writes a line of the trace. */
  readonly trace?: ((line: string) => void) | undefined
}

export interface ServerCertificates {
  /** Clients that name no server, or an unknown one, get the first. */
  readonly certificates: readonly Certificate[]
  /** PEM of the authorities for client certificates. If given, clients are asked for a certificate. */
  readonly clientCa?: string
  /** Clients without a valid certificate are refused. */
  readonly clientRequired?: boolean
}

export type ServerEvents = {
  /** A listener is ready. */
  listening: (address: Address, secure: boolean) => void
  /** A listener has replaced a stale Unix-domain socket, on which no process listened. */
  replaced: (address: Address) => void
  /** A listener could not be bound; the server stops. */
  failed: (address: Address, code: string) => void
  /** Debuggers may attach at this address. `token`: the one that was made; null if none was. */
  debugging: (address: Address, token: string | null) => void
  /** The listener for debuggers could not be bound; the server stops. */
  undebugged: (address: Address, code: string) => void
  /** A step of ours threw. Its exchange or connection has been closed. */
  crashed: (id: string, error: unknown) => void
  /** An invariant that concerns all connections is broken. The server has closed them, and serves no more. */
  broken: (error: Error) => void
  /** A connection to a backend could not be made. Emitted once a backend in each logRepeatMs. */
  unreached: (backend: string, why: string) => void
  draining: () => void
  /** Certificates were read again, or could not be read, and the old ones stay. */
  reloaded: (error: Error | null) => void
  /** The server has stopped: no socket is open. */
  stopped: () => void
}
