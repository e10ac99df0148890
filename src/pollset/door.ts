// The door: the contract of all that can steer a run (design: Pollset). Whatever is not here does not enter.
// Two implementations: node/pollset.ts (the operating system) and sim/pollset.ts (a simulated network).

import type { Deadlines } from './deadlines.js'
import type { InvariantBroken } from './invariant.js'
import { Pollable, type Waiter } from './pollable.js'
import type { Secured, TlsClient, TlsClientOptions, TlsServer, TlsServerOptions } from './tls.js'

/** A numeric address: names are resolved through {@link Pollset.resolve} first. */
export interface Address {
  readonly host: string
  readonly port: number
  /** A Unix-domain socket, by its path; host is '' and port 0 then. */
  readonly path?: string
}

/** Whether it is an address already, not a name to be resolved. */
export const isNumeric = (host: string): boolean => /^(\d{1,3}\.){3}\d{1,3}$/.test(host) || host.includes(':')

export function formatAddress(a: Address): string {
  if (a.path !== undefined) return `unix:${a.path}`
  return a.host.includes(':') ? `[${a.host}]:${a.port}` : `${a.host}:${a.port}`
}

/** What went wrong below the door: the operating system's code, as in `ECONNREFUSED`. */
export interface SocketFault {
  readonly code: string
  readonly message: string
}

// Bits of a Socket.
/** Bytes have arrived; {@link Socket.take} hands them out. */
export const READABLE = 1
/** Nothing written is still in flight. */
export const WRITABLE = 2
/** The peer sent FIN: nothing follows what can still be taken. */
export const ENDED = 4
/** Gone, with or without a fault. Nothing else will happen. */
export const CLOSED = 8
/** A connect has succeeded, its TLS handshake included; accepted sockets are born with it. */
export const CONNECTED = 16
/**
 * The handshake that {@link Socket.secure} began has succeeded. Where it fails the socket closes with a
 * fault.
 */
export const SECURED = 32
/**
 * All that was written, and the FIN of {@link Socket.end} behind it, has been handed to the operating system.
 */
export const FINISHED = 64
const SOCKET_BITS = ['READABLE', 'WRITABLE', 'ENDED', 'CLOSED', 'CONNECTED', 'SECURED', 'FINISHED'] as const

export abstract class Socket extends Pollable {
  override get kind(): string {
    return 'socket'
  }
  override get bitNames(): readonly string[] {
    return SOCKET_BITS
  }
  /** Why it closed, when it was not at our wish. */
  fault: SocketFault | null = null
  /** What the TLS handshake has settled; null in clear text. */
  secured: Secured | null = null
  /**
   * The pollset flushes it in the turn in which WRITABLE rises again: nobody else needs to wait for that bit
   * in order to write on.
   */
  output: Flushable | null = null
  /** bytes given to {@link write} so far */
  writtenBytes = 0
  /** ms of the pollset's clock: when the operating system had last taken all that was written */
  wroteAt = 0
  abstract readonly remote: Address
  abstract readonly local: Address

  /**
   * The next received chunk, or null. It lies in a read buffer that dies with the turn: copy what must stay
   * longer (P21).
   */
  abstract take(): Buffer | null
  /** Put octets that were taken in this turn back before all others (P23): the next {@link take} has them. */
  abstract unread(bytes: Buffer): void
  /**
   * Become the server's side of TLS, from the octets that can be taken now on. Nothing has been written
   * before. {@link secured} and SECURED tell when it is done; the wait is the caller's to bound.
   */
  abstract secure(tls: TlsServer): void
  /** Write bytes that stay untouched until WRITABLE is up again. Only while WRITABLE is up. */
  abstract write(bytes: Uint8Array): void
  /** Send FIN after what was written. */
  abstract end(): void
  /** Close at once; what was not yet sent is lost. */
  abstract destroy(): void
  /** Close at once by TCP RST where there is one: what the peer has of a message must not look complete. */
  abstract reset(): void
  /** Stop and resume reading from the operating system (a bounded look-ahead may still arrive). */
  abstract pause(): void
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
  /** It has taken the path of a Unix-domain socket on which nobody listened any more. */
  replaced = false
  /** The address bound, once LISTENING. */
  abstract readonly address: Address
  /** The next accepted socket, or null. */
  abstract accept(): Socket | null
  /** Stop listening; accepted sockets live on. */
  abstract close(): void
}

// Bits of a Resolution.
export const RESOLVED = 1

/** A name look-up under way; ends with `addresses` or `fault`, and RESOLVED up either way. */
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

/** Orders from outside the traffic: signals, an administrator, a debugger. Bounded; the oldest first. */
export abstract class Commands extends Pollable {
  override get kind(): string {
    return 'commands'
  }
  override get bitNames(): readonly string[] {
    return ['COMMANDED']
  }
  abstract take(): string | null
  /** Hand in an order from outside the turn; it takes effect in the next one. */
  abstract give(command: string): void
}

/** What a turn does last for whoever asked: write once, then settle what outlives the turn. */
export interface Flushable {
  /** Write what is pending, as far as the socket takes it. */
  flush(): void
  /** {@link flush} threw this, by a defect of ours: end what it belongs to, and write nothing further. */
  crashWith(error: unknown): void
}
export interface Settleable {
  /** Copy what still points into this turn's read buffers: they are given up right after. */
  settle(): void
  /** {@link settle} threw this, by a defect of ours: end what it belongs to. */
  crashWith(error: unknown): void
}

/** The one door of a World. */
export interface Pollset {
  /** ms, monotonic, read once a turn. */
  readonly now: number
  /** Turns run so far. */
  readonly turns: number
  readonly deadlines: Deadlines
  readonly commands: Commands
  listen(address: Address, id: string): Listener
  /**
   * With `tls`, CONNECTED rises when the handshake has succeeded too. `preamble`: octets that are sent before
   * all else, in clear text.
   */
  connect(address: Address, id: string, tls?: TlsClient, preamble?: Buffer): Socket
  /**
   * What this pollset's sockets are secured with. Throws an error that says what is wrong with a certificate
   * or key.
   */
  tlsServer(options: TlsServerOptions): TlsServer
  tlsClient(options: TlsClientOptions): TlsClient
  /** Numeric hosts resolve too, at once. */
  resolve(host: string): Resolution
  random(target: Uint8Array): void
  /** ms since 1970-01-01 UTC, for people: it may jump, and no wait is reckoned by it. */
  wallTime(): number
  /**
   * Told, after {@link close}, that a broken invariant has ended the World. Without it the error goes up, out
   * of the turn.
   */
  onBroken: ((error: InvariantBroken) => void) | null
  /** Join this turn's queue; for continuations only. */
  queue(waiter: Waiter): void
  /** Join the next turn's queue: the share of this turn is used up. */
  queueLater(waiter: Waiter): void
  /** Be flushed once, last in this turn (or the next, when this turn's flush is over). */
  flushLater(output: Flushable): void
  /** Be settled once, after this turn's flush. */
  settleLater(input: Settleable): void
  /** Stop for good: listeners and sockets are destroyed, no further turn runs. */
  close(): void
}
