// A stream, as an exchange sees it, whichever HTTP version carries it: half of it receives (a head, a
// body, trailers), half of it sends. Pollable like a socket.
//
// Nothing is pushed through it. What an exchange sends is noted on the stream, and the connection pulls it at
// the turn's flush: heads, then body bytes straight from the other side's receive buffer, within the windows,
// in turns with its siblings. `forwardBody` therefore grants: all that the source holds at this moment may
// leave. A held exchange grants nothing, so its bytes stay where they are.

import type { Fault } from '../continuation/index.js'
import { Pollable } from '../pollset/index.js'
import type { ReceiveBuffer } from '../transport/index.js'
import type { Client, LingeringClient } from './client.js'
import type { Field } from './field.js'
import type { Head } from './head.js'
import { InterimBudget, type InterimLimits, mayWait } from './interims.js'
import type { StreamFault } from './stream-fault.js'

// Bits of a stream.
/** The final head has arrived. */
export const HEAD = 1
/** Body bytes have arrived, or the end of them. Lowered by {@link Stream.forwardBody} of the other side. */
export const BODY = 2
/** An interim (1xx) head has arrived; lowered by {@link Stream.takeInterim}. */
export const INTERIM = 4
/** END_STREAM has left: all that was to be sent is sent. */
export const SENT = 8
/** The stream is over before its time: {@link Stream.fault} tells why. */
export const RESET = 16
const STREAM_BITS = ['HEAD', 'BODY', 'INTERIM', 'SENT', 'RESET'] as const

/** Why we end a stream early; each protocol has its own way to say it. */
export type ResetReason = 'cancel' | 'no-error' | 'refused' | 'internal' | 'protocol' | 'calm' | 'connect'

/**
 * Where a body comes from, as far as {@link Stream.forwardBody} needs it: {@link BODY} is lowered, bytes are
 * pulled at flush.
 */
export interface BodySource {
  /** bytes that wait to be forwarded */
  readonly waitingBytes: number
  /** Nothing further will come. */
  readonly remoteEnded: boolean
  readonly receiveBuffer: Pick<ReceiveBuffer, 'pull'> | null
  readonly trailers: readonly Field[] | null
  lower(bits: number): void
}

export abstract class Stream extends Pollable {
  /** The final head received. */
  head: Head | null
  interims: Head[] | null
  private interimBudget: InterimBudget | null
  /** Body bytes received; null as long as there were none. */
  receiveBuffer: ReceiveBuffer | null
  trailers: readonly Field[] | null
  /** Nothing further will be received: head, body and trailers are complete. */
  remoteEnded: boolean
  /** END_STREAM has left. */
  localEnded: boolean
  /** Body octets that have left. */
  sentBytes: number
  /** ms of the pollset's clock: when the last of them left, or the end of the message */
  sentAt: number
  fault: StreamFault | null
  /**
   * Its head is a success that opens no tunnel, though one was asked for: an HTTP/1.1 backend has declined to
   * switch protocols (RFC 9110 §7.8).
   */
  declined: boolean

  constructor() {
    super()
    this.head = null
    this.interims = null
    this.interimBudget = null
    this.receiveBuffer = null
    this.trailers = null
    this.remoteEnded = false
    this.localEnded = false
    this.sentBytes = 0
    this.sentAt = 0
    this.fault = null
    this.declined = false
  }

  get kind(): string {
    return 'stream'
  }
  get bitNames(): readonly string[] {
    return STREAM_BITS
  }

  /** An interim head has come. False: it is one too many, and dropped. `now`: ms of the pollset's clock. */
  interimCame(head: Head, limits: InterimLimits, now: number): boolean {
    this.interimBudget ??= new InterimBudget(limits, now)
    if (!this.interimBudget.take(now) || !mayWait(this.interims, head, limits.interimBytesMax)) return false
    this.interims ??= []
    this.interims.push(head)
    this.raise(INTERIM)
    return true
  }

  takeInterim(): Head | null {
    const interims = this.interims
    if (interims === null) return null
    const head = interims.shift() ?? null
    if (interims.length === 0) {
      this.interims = null
      this.lower(INTERIM)
    }
    return head
  }

  /** Body octets that wait to be forwarded. */
  get waitingBytes(): number {
    return this.receiveBuffer === null ? 0 : this.receiveBuffer.length
  }

  /** The peer has promised body octets (content-length) that have not come. */
  abstract get owing(): boolean
  /** Octets granted in an earlier turn have not left: the peer does not take them. */
  abstract get blocked(): boolean

  /**
   * ms of the pollset's clock: until when what has been written to the peer so far, on whichever stream of
   * its connection, may still be on its way (transit.ts); a time that has passed: all has arrived
   */
  abstract get arrivingUntil(): number

  /** Send an interim head; one too many is dropped. Only before {@link sendHead}. */
  abstract sendInterim(head: Head): void
  /** Send the final head; `ended`: nothing follows it. */
  abstract sendHead(head: Head, ended: boolean): void
  /** Let all that `source` holds now be sent, and its end and trailers if it has ended. */
  abstract forwardBody(source: BodySource): void
  /** Send these bytes as the whole body; after a {@link sendHead} that did not end. */
  abstract sendWhole(body: Buffer): void
  /** End it early, both ways. Harmless once it is over. What was received and not forwarded is dropped. */
  abstract reset(reason: ResetReason): void
  /** Keep up to `max` octets of the body for replay, from the first on. */
  abstract retainBody(max: number): void

  /** Whether the body can be sent again from its first octet. */
  get replayable(): boolean {
    return this.receiveBuffer === null || this.receiveBuffer.retained
  }
}

/** A frontend gives each new stream to whoever accepts. */
export interface StreamOwner {
  /** The peer has ended the stream early, or its connection has gone. */
  cancel(): void
  /**
   * The peer has sent FIN behind its whole request: it waits for the answer with its half closed, or it has
   * left.
   */
  halfClosed?(): void
}

/** A stream that a client opened; `head` is there from the beginning. */
export interface FrontendStream extends Stream {
  /** The continuation that answers it, told when the client is gone. */
  owner: StreamOwner | null
  readonly client: Client
  /**
   * It asks by Upgrade: a success may decline, and is the answer to an ordinary request then. To extended
   * CONNECT it would open the tunnel.
   */
  readonly mayBeDeclined: boolean
}

/** What a frontend is given. */
export interface Acceptor {
  accept(stream: FrontendStream): void
  /** The client's connection has gone; all its streams have been told before. */
  left(client: Client): void
  /** The client's connection has said its last word, and lingers. `left` follows. */
  lingers?(client: LingeringClient): void
  /**
   * The client's connection ends, and has used up this part, from a tenth on, of what it may ask of us in
   * vain; 1: it is ended for that. `left` follows.
   */
  abused?(client: Client, part: number): void
}

/** A feature bit of an {@link HttpSession}: a request for a tunnel with a `:protocol` may be sent on it. */
export const EXTENDED_CONNECT = 1

/** What a backend's session offers to an exchange, beside being a session of an engine. */
export interface HttpSession {
  readonly id: string
  /**
   * Why no request can be sent on this session, nor on another of its backend: it speaks another protocol.
   */
  readonly unfit: Fault | null
  /** A new stream for a request of this client; its lease must have been taken from this session. */
  openStream(request: Head, client: Client): Stream
}
