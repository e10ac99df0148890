// The door: the contract of everything that can steer a run (design: Pollset). Nothing enters another way. It
// has two implementations: node/pollset.ts (the operating system) and sim/pollset.ts (a simulated network).

import type { Deadlines } from './deadlines.js'
import type { InvariantBroken } from './invariant.js'
import { Pollable, type Waiter } from './pollable.js'
import type { Query, Question } from './query.js'
import type { Task, TaskWork } from './task.js'
import type { Secured, TlsClient, TlsClientOptions, TlsServer, TlsServerOptions } from './tls.js'

/** A numeric address: names are resolved through {@link Pollset.resolve} first. */
export interface Address {
  readonly host: string
  readonly port: number
  /** A Unix-domain socket, by its path; host is '' and port 0 then. */
  readonly path?: string
  /** A server of this process; host is '' and port 0 then. Only the pollset of Node connects to one. */
  readonly local?: LocalServer
}

/** A server of this process: it gets its connections from the pollset, not from the operating system. */
export interface LocalServer {
  readonly name: string
  /** Makes a connection, and returns our side of it: a Duplex of Node's. */
  connect(): object
}

/** Returns true for a numeric address, false for a name to resolve. */
export const isNumeric = (host: string): boolean => /^(\d{1,3}\.){3}\d{1,3}$/.test(host) || host.includes(':')

export function formatAddress(a: Address): string {
  if (a.local !== undefined) return `handler:${a.local.name}`
  if (a.path !== undefined) return `unix:${a.path}`
  return a.host.includes(':') ? `[${a.host}]:${a.port}` : `${a.host}:${a.port}`
}

/** A fault of the operating system, with its code, such as `ECONNREFUSED`. */
export interface SocketFault {
  readonly code: string
  readonly message: string
}

// Bits of a Socket.
/** Bytes have arrived; {@link Socket.take} returns them. */
export const READABLE = 1
/** The operating system has taken everything written. */
export const WRITABLE = 2
/** The peer sent FIN: nothing follows the bytes that can still be taken. */
export const ENDED = 4
/** The socket has closed, with or without a fault. Nothing else happens on it. */
export const CLOSED = 8
/** The connect has succeeded, with its TLS handshake. An accepted socket has this bit from the start. */
export const CONNECTED = 16
/** The handshake of {@link Socket.secure} has succeeded. If it fails, the socket closes with a fault. */
export const SECURED = 32
/** The operating system has taken everything written and the FIN of {@link Socket.end}. */
export const FINISHED = 64
const SOCKET_BITS = ['READABLE', 'WRITABLE', 'ENDED', 'CLOSED', 'CONNECTED', 'SECURED', 'FINISHED'] as const

export abstract class Socket extends Pollable {
  override get kind(): string {
    return 'socket'
  }
  override get bitNames(): readonly string[] {
    return SOCKET_BITS
  }
  /** Why it closed, if we did not close it. */
  fault: SocketFault | null = null
  /** The result of the TLS handshake; null in clear text. */
  secured: Secured | null = null
  /** Is flushed in the turn in which WRITABLE rises again, so nothing else needs to wait for that bit. */
  output: Flushable | null = null
  /** The number of bytes that {@link write} was given. */
  writtenBytes = 0
  /** The time at which the operating system last took everything written, in ms of the pollset's clock. */
  wroteAt = 0
  abstract readonly remote: Address
  abstract readonly local: Address

  /**
   * Returns the next received chunk, or null. Its buffer is reused after the turn: copy what you keep (P21).
   */
  abstract take(): Buffer | null
  /**
   * The chunks that {@link take} would return, in order, to be looked at. They may be reused after the turn.
   */
  abstract get arrived(): readonly Buffer[]
  /** Puts bytes taken in this turn back: the next {@link take} returns them first (P23). */
  abstract unread(bytes: Buffer): void
  /**
   * Begins TLS as the server, with the next byte that can be taken. Nothing must have been written before.
   * SECURED rises when the handshake is done. It has no time limit of its own: the caller sets a deadline.
   */
  abstract secure(tls: TlsServer): void
  /** Writes bytes, only while WRITABLE is up. They must not change until WRITABLE is up again. */
  abstract write(bytes: Uint8Array): void
  /** Sends FIN after everything written. */
  abstract end(): void
  /** Closes at once. Unsent bytes are lost. */
  abstract destroy(): void
  /** Closes at once, by RST over TCP, so that a cut message cannot look complete to the peer. */
  abstract reset(): void
  /** Stops reading from the operating system, except for a bounded look-ahead (P22). */
  abstract pause(): void
  /** Resumes reading. */
  abstract unpause(): void
}

// Bits of a Listener.
export const ACCEPTABLE = 1
export const LISTENING = 2
export const LISTEN_FAILED = 4
const LISTENER_BITS = ['ACCEPTABLE', 'LISTENING', 'FAILED'] as const

export abstract class Listener extends Pollable {
  override get kind(): string {
    return 'listener'
  }
  override get bitNames(): readonly string[] {
    return LISTENER_BITS
  }
  fault: SocketFault | null = null
  /** True if it replaced the file of a Unix-domain socket that no process listened on. */
  replaced = false
  /** The bound address, once LISTENING. */
  abstract readonly address: Address
  /** Returns the next accepted socket, or null. */
  abstract accept(): Socket | null
  /** Stops listening. Sockets that {@link accept} has returned stay open; others are destroyed. */
  abstract close(): void
}

// Bits of a Resolution.
export const RESOLVED = 1

/** A running name look-up. It ends with `addresses` or `fault`; RESOLVED rises either way. */
export abstract class Resolution extends Pollable {
  override get kind(): string {
    return 'resolution'
  }
  override get bitNames(): readonly string[] {
    return ['RESOLVED']
  }
  abstract readonly addresses: readonly string[]
  abstract readonly fault: SocketFault | null
}

// Bits of Commands.
export const COMMANDED = 1

/** A bounded queue of commands: signals, an administrator, a debugger. The oldest comes first. */
export abstract class Commands extends Pollable {
  override get kind(): string {
    return 'commands'
  }
  override get bitNames(): readonly string[] {
    return ['COMMANDED']
  }
  /** Returns the next command, or null. */
  abstract take(): string | null
  /**
   * Adds a command from outside the turn; it takes effect in the next turn. It is dropped if the queue is
   * full.
   */
  abstract give(command: string): void
}

/** An output that the turn flushes once, after all steps. */
export interface Flushable {
  /** Writes what is pending, as far as the socket takes it. */
  flush(): void
  /** Ends its owner after {@link flush} threw this error. Nothing further is written. */
  crashWith(error: unknown): void
}
/** An input that the turn settles once, after the flush. */
export interface Settleable {
  /** Copies what still points into this turn's read buffers, which are reused afterwards. */
  settle(): void
  /** Ends its owner after {@link settle} threw this error. */
  crashWith(error: unknown): void
}

export interface ListenOptions {
  /** Only this user may use its Unix-domain socket: the file has mode 0600 from its creation on. */
  readonly ownerOnly?: boolean
  /** ms without traffic after which the operating system probes an accepted TCP connection */
  readonly keepAliveMs?: number
  /** See {@link Pollset.isPrivate}. */
  readonly isPrivate?: boolean
}

/** The one door of a World. */
export interface Pollset {
  /** The monotonic clock, in ms, read once a turn. */
  readonly now: number
  /** The number of turns that have begun. */
  readonly turns: number
  /**
   * Returns the ms since this turn began, for work that is cut into slices. No request may depend on it
   * (P38).
   */
  spentMs(): number
  readonly deadlines: Deadlines
  readonly commands: Commands
  listen(address: Address, id: string, options?: ListenOptions): Listener
  /** Returns true if this numeric address is a listener of our own at which nothing may be dialled. */
  isPrivate(address: Address): boolean
  /**
   * Connects to a numeric address. With `tls`, CONNECTED rises after the handshake. `preamble`: bytes sent
   * before all else, in clear text.
   */
  connect(address: Address, id: string, tls?: TlsClient, preamble?: Buffer): Socket
  /** Makes the TLS side of listeners. Throws an error that says what is wrong with a certificate or key. */
  tlsServer(options: TlsServerOptions): TlsServer
  /** Makes the TLS side of connects. Throws as {@link tlsServer} does. */
  tlsClient(options: TlsClientOptions): TlsClient
  /** Looks up a name. A numeric host resolves to itself. */
  resolve(host: string): Resolution
  /** Asks the name system. */
  query(question: Question): Query
  /** Begins, at once, work that runs outside the loop. */
  task<T>(id: string, work: TaskWork<T>): Task<T>
  /** Fills `target` with random bytes. */
  random(target: Uint8Array): void
  /** ms since 1970-01-01 UTC, for people and peers. It may jump, so no wait uses it (P33). */
  wallTime(): number
  /** Is called after a broken invariant has closed the World. If it is null, the turn throws the error. */
  onBroken: ((error: InvariantBroken) => void) | null
  /** Adds a continuation to this turn's queue. */
  queue(waiter: Waiter): void
  /** Adds a continuation to the next turn's queue. */
  queueLater(waiter: Waiter): void
  /** Flushes this output at the end of this turn, or of the next if this turn's flush is over. */
  flushLater(output: Flushable): void
  /** Settles this input after this turn's flush. */
  settleLater(input: Settleable): void
  /** Stops for good: destroys all listeners and sockets, and runs no further turn. */
  close(): void
}
