// The TCP or TLS socket of Node's pollset. Its callbacks only queue chunks and mark bits; the turn turns
// marks into readiness.

import type { Socket as NetSocket } from 'node:net'
import { TLSSocket } from 'node:tls'
import {
  type Address,
  CLOSED,
  CONNECTED,
  ENDED,
  FINISHED,
  type Flushable,
  READABLE,
  SECURED,
  Socket,
  WRITABLE,
} from '../door.js'
import type { Pollable } from '../pollable.js'
import type { Slab } from '../slabs.js'
import type { TlsServer } from '../tls.js'
import { numericHost } from './networks.js'
import type { Reader, Reading } from './reading.js'
import { type NodeTlsServer, securedBy } from './tls.js'
import { WriteFault } from './write-fault.js'

/** A pollable that callbacks mark between turns. */
export interface Marked extends Pollable {
  /** The bits to raise in the next turn. */
  marked: number
}

/** The part of a pollset that the pollables of this folder need. */
export interface Marks {
  /** The clock in ms, read once a turn. */
  readonly now: number
  mark(target: Marked, bits: number): void
  flushLater(output: Flushable): void
  /** Drops a socket that has closed. */
  forget(socket: NodeSocket): void
}

export interface NodeSocketLimits {
  /** The received and untaken bytes of a socket past which reading from the operating system pauses. */
  readonly readAheadBytesMax: number
  /** The bytes that a paused socket still reads, so that its FIN or RST is seen. */
  readonly lookAheadBytesMax: number
}

const NOTHING = Buffer.alloc(0)

/** The property of Node's socket that holds ours. So all sockets share the same listener functions. */
const OURS = Symbol('ours')
type OwnedSocket = NetSocket & { [OURS]: NodeSocket }

function onData(this: OwnedSocket, chunk: Buffer): void {
  this[OURS].bytesRead(chunk, null)
}
function onEnd(this: OwnedSocket): void {
  this[OURS].netEnded()
}
function onError(this: OwnedSocket, error: NodeJS.ErrnoException): void {
  this[OURS].netFailed(error)
}
function onClose(this: OwnedSocket): void {
  this[OURS].netClosed()
}
function onFinish(this: OwnedSocket): void {
  this[OURS].netFinished()
}
function onConnected(this: OwnedSocket): void {
  this[OURS].netConnected()
}

export class NodeSocket extends Socket implements Marked, Reader {
  readonly id: string
  readonly remote: Address
  marked = 0
  private net: OwnedSocket
  private readonly marks: Marks

  private readonly incoming: Buffer[] = []
  /** Our reading; null if Node's own buffers are used. */
  private reading: Reading | null
  /** With our reading: the pooled buffer that holds each chunk of `incoming`, or null. */
  private readonly wholes: (Slab | null)[] = []
  private taken = 0
  private incomingBytes = 0
  private heldBack = false
  private paused = false
  private gone = false
  /** On a socket that we connected: reports a failed write only after all that has arrived is read (P32). */
  private readonly writeFault: WriteFault | null
  private readonly onWritten: (error?: Error | null) => void
  private readonly limits: NodeSocketLimits

  constructor(
    net: NetSocket,
    remote: Address,
    id: string,
    marks: Marks,
    limits: NodeSocketLimits,
    reading: Reading | null = null,
  ) {
    super()
    this.net = net as OwnedSocket
    this.net[OURS] = this
    this.reading = reading
    if (reading !== null) reading.reader = this
    this.remote = remote
    this.id = id
    this.marks = marks
    this.limits = limits
    this.writeFault = net.connecting ? new WriteFault(net) : null
    this.onWritten = (error) => {
      if (!error && this.net.writableLength === 0 && !this.net.destroyed) this.marks.mark(this, WRITABLE)
    }
    this.listen()
    if (!net.connecting) this.readiness = CONNECTED | WRITABLE
    else net.once(net instanceof TLSSocket ? 'secureConnect' : 'connect', onConnected)
  }

  private listen(): void {
    const { net } = this
    net.on('error', onError)
    net.on('close', onClose)
    net.on('finish', onFinish)
    net.on('end', onEnd)
    if (this.reading === null) net.on('data', onData)
  }

  // Callbacks from Node

  bytesRead(chunk: Buffer, whole: Slab | null): void {
    if (this.reading !== null) this.wholes.push(whole)
    this.incoming.push(chunk)
    this.incomingBytes += chunk.length
    this.holdBack()
    this.marks.mark(this, READABLE)
  }

  netEnded(): void {
    if (this.writeFault === null || this.writeFault.readingEnded()) this.marks.mark(this, ENDED)
  }

  netFailed(error: NodeJS.ErrnoException): void {
    this.fault ??= { code: error.code ?? 'EUNKNOWN', message: error.message }
  }

  netClosed(): void {
    this.gone = true
    this.reading?.over()
    this.marks.forget(this)
    this.marks.mark(this, CLOSED)
  }

  /** Ignores a destroyed socket: TLS then reports pending writes as finished. */
  netFinished(): void {
    if (!this.net.destroyed) this.marks.mark(this, FINISHED)
  }

  netConnected(): void {
    const { net } = this
    if (net instanceof TLSSocket) this.secured = securedBy(net)
    this.marks.mark(this, CONNECTED | WRITABLE)
  }

  override raise(bits: number): void {
    super.raise(bits)
    if ((bits & WRITABLE) === 0) return
    this.wroteAt = this.marks.now
    if (this.output !== null) this.marks.flushLater(this.output)
  }

  get local(): Address {
    return { host: numericHost(this.net.localAddress ?? ''), port: this.net.localPort ?? 0 }
  }

  take(): Buffer | null {
    const incoming = this.incoming
    if (this.taken === incoming.length) return null
    const chunk = incoming[this.taken]
    if (this.reading !== null) this.spend(this.reading)
    incoming[this.taken++] = NOTHING
    this.incomingBytes -= chunk.length
    if (this.taken === incoming.length) {
      this.taken = 0
      incoming.length = 0
      this.wholes.length = 0
      this.lower(READABLE)
      this.readOn()
    }
    return chunk
  }

  get arrived(): readonly Buffer[] {
    return this.incoming.slice(this.taken)
  }

  private spend(reading: Reading): void {
    const whole = this.wholes[this.taken]
    if (whole !== null) reading.spend(whole)
    this.wholes[this.taken] = null
  }

  unread(bytes: Buffer): void {
    if (bytes.length === 0) return
    // A pooled buffer is reused after the turn, so the bytes are copied.
    const kept = this.reading === null ? bytes : Buffer.from(bytes)
    if (this.taken > 0) this.incoming[--this.taken] = kept
    else {
      this.incoming.unshift(kept)
      if (this.reading !== null) this.wholes.unshift(null)
    }
    this.incomingBytes += bytes.length
    this.raise(READABLE)
  }

  secure(tls: TlsServer): void {
    const clear = this.net
    const { reading } = this
    clear.off('data', onData)
    clear.off('end', onEnd)
    clear.pause()
    this.heldBack = false
    this.lower(WRITABLE)
    // TLS reads from Node's own buffer, so bytes that have arrived go back there.
    const chunks: Buffer[] = []
    for (let chunk = this.take(); chunk !== null; chunk = this.take())
      chunks.push(reading === null ? chunk : Buffer.from(chunk))
    this.reading = null
    const handshaking = {
      secured: (net: TLSSocket) => {
        clear.off('close', onClose)
        clear.off('finish', onFinish)
        this.net = net as unknown as OwnedSocket
        this.net[OURS] = this
        this.secured = securedBy(net)
        this.listen()
        this.marks.mark(this, SECURED | WRITABLE)
      },
      failed: (error: NodeJS.ErrnoException) => this.netFailed(error),
    }
    ;(tls as NodeTlsServer).handshake(clear, chunks, handshaking, reading)
  }

  write(bytes: Uint8Array): void {
    if (this.gone) return
    this.writtenBytes += bytes.length
    if (this.secured !== null) {
      // A write over TLS never completes at once.
      this.lower(WRITABLE)
      this.net.write(bytes, this.onWritten)
      return
    }
    this.net.write(bytes)
    if (this.net.writableLength !== 0) {
      // The kernel has not taken all of it. The callback of an empty write tells when it has.
      this.lower(WRITABLE)
      this.net.write(NOTHING, this.onWritten)
    } else this.wroteAt = this.marks.now
  }

  end(): void {
    if (this.gone) return
    const { net } = this
    if (this.secured !== null || (this.readiness & ENDED) === 0 || net.writableLength !== 0) {
      net.end()
      return
    }
    // The peer has ended and the kernel has taken everything written, so closing sends FIN without
    // waiting for a shutdown.
    net.destroy()
    this.raise(FINISHED)
  }

  destroy(): void {
    this.net.destroy()
  }

  reset(): void {
    // Over TLS the missing close_notify shows that the connection was cut. A Unix-domain socket has no RST.
    const overTcp = this.remote.path === undefined && this.remote.host !== ''
    if (overTcp && this.secured === null && !this.gone && !this.net.connecting) this.net.resetAndDestroy()
    else this.net.destroy()
  }

  /** Pauses reading past a look-ahead. A Node socket that does not read sees neither FIN nor RST (P22). */
  pause(): void {
    this.paused = true
    this.holdBack()
  }

  unpause(): void {
    this.paused = false
    this.readOn()
  }

  private get aheadMax(): number {
    return this.paused ? this.limits.lookAheadBytesMax : this.limits.readAheadBytesMax
  }

  private holdBack(): void {
    if (this.heldBack || this.incomingBytes <= this.aheadMax) return
    this.heldBack = true
    this.net.pause()
  }

  private readOn(): void {
    if (!this.heldBack || this.incomingBytes > this.aheadMax) return
    this.heldBack = false
    this.net.resume()
  }
}
