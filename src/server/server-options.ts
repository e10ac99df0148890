// The options of a server, and its events.

import type { Configuration } from '../config/index.js'
import type { Address, Certificate, LentParts } from '../pollset/index.js'
import type { FoundOut } from './check-configuration.js'
import type { DebugOptions } from './debugging.js'
import type { LogTarget } from './line-logger.js'

export interface ServerOptions {
  readonly configuration: Configuration
  /** The results of its checks. */
  readonly foundOut?: FoundOut | undefined
  /** Reads the configuration again, for each `Server.command` `reload`, and applies it. */
  readonly read?: (() => void) | undefined
  /** Takes the lines of the process log, or its messages. By default there is no log. */
  readonly log?: LogTarget | undefined
  /** Opens a listener for debuggers (spec/debugger.md). */
  readonly debug?: DebugOptions | undefined
  /** Writes a line of the trace. */
  readonly trace?: ((line: string) => void) | undefined
  /** The options from its primary process, if it is a worker. */
  readonly worker?: WorkerOptions | undefined
}

export interface WorkerOptions {
  /** `w1`, `w2` …: its ids and its lines of the log begin with it. */
  readonly name: string
  readonly lent: LentParts
  /** True: its primary asks for metrics. */
  readonly measures: boolean
}

export interface ServerCertificates {
  /** The certificates. Clients that name no server, or an unknown one, get the first. */
  readonly certificates: readonly Certificate[]
  /** PEM of the authorities for client certificates. If given, clients are asked for a certificate. */
  readonly clientCa?: string
  /** True: clients without a valid certificate are refused. */
  readonly clientRequired?: boolean
}

export type ServerEvents = {
  /** A listener is ready. */
  listening: (address: Address, secure: boolean) => void
  /** A listener has replaced a stale Unix-domain socket, on which no process listened. */
  replaced: (address: Address) => void
  /** All listeners are bound: it serves. */
  serving: () => void
  /** A listener could not be bound; the server stops. */
  failed: (address: Address, code: string) => void
  /** The admin listener, or the one of probes, is ready. */
  administering: (address: Address, what: 'admin' | 'probes') => void
  /** Debuggers may attach at this address. `token`: the one that was made; null without one. */
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
  /** The server has stopped: no socket is open. */
  stopped: () => void
}
