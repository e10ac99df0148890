// A TCP socket of Node behind the door. Its callbacks only queue chunks and mark bits; the turn
// makes readiness of them.

import type { Socket as NetSocket } from 'node:net'
import { type Address, CLOSED, CONNECTED, ENDED, type Flushable, READABLE, Socket, WRITABLE } from './door.js'
import type { Pollable } from './pollable.js'

/** Something with bits that the operating system raises between turns. */
export interface Marked extends Pollable {
  marked: number
}

/** Where callbacks leave their marks. */
export interface Marks {
  mark(target: Marked, bits: number): void
  flushLater(output: Flushable): void
}

export interface NodeSocketLimits {
  /** octets received and not yet taken, past which reading from the operating system pauses */
  readonly readAheadBytesMax: number
  /** octets likewise while {@link Socket.pause}d: as long as there are fewer, its end and reset are seen */
  readonly lookAheadBytesMax: number
}

const NOTHING = Buffer.alloc(0)

export class NodeSocket extends Socket implements Marked {
  readonly id: string
  readonly remote: Address
  marked = 0
  private readonly net: NetSocket
  private readonly marks: Marks

  private readonly incoming: Buffer[] = []
  private taken = 0
  private incomingBytes = 0
  private heldBack = false
  private paused = false
  private gone = false
  private readonly onWritten: (error?: Error | null) => void
  private readonly limits: NodeSocketLimits

  constructor(net: NetSocket, remote: Address, id: string, marks: Marks, limits: NodeSocketLimits) {
    super()
    this.net = net
    this.remote = remote
    this.id = id
    this.marks = marks
    this.limits = limits

    this.onWritten = (error) => {
      if (!error && this.net.writableLength === 0) this.marks.mark(this, WRITABLE)
    }
    net.on('data', (chunk: Buffer) => {
      this.incoming.push(chunk)
      this.incomingBytes += chunk.length
      this.holdBack()
      marks.mark(this, READABLE)
    })
    net.on('end', () => marks.mark(this, ENDED))
    net.on('error', (error: NodeJS.ErrnoException) => {
      this.fault ??= { code: error.code ?? 'EUNKNOWN', message: error.message }
    })
    net.on('close', () => {
      this.gone = true
      marks.mark(this, CLOSED)
    })
    if (net.connecting) net.once('connect', () => marks.mark(this, CONNECTED | WRITABLE))
    else this.readiness = CONNECTED | WRITABLE
  }

  override raise(bits: number): void {
    super.raise(bits)
    if ((bits & WRITABLE) !== 0 && this.output !== null) this.marks.flushLater(this.output)
  }

  get local(): Address {
    return { host: this.net.localAddress ?? '', port: this.net.localPort ?? 0 }
  }

  take(): Buffer | null {
    const incoming = this.incoming
    if (this.taken === incoming.length) return null
    const chunk = incoming[this.taken]
    incoming[this.taken++] = NOTHING
    this.incomingBytes -= chunk.length
    if (this.taken === incoming.length) {
      this.taken = 0
      incoming.length = 0
      this.lower(READABLE)
      this.readOn()
    }
    return chunk
  }

  write(bytes: Uint8Array): void {
    if (this.gone) return
    this.net.write(bytes)
    if (this.net.writableLength !== 0) {
      // The kernel did not take all of it at once: an empty write behind it tells when it has.
      this.lower(WRITABLE)
      this.net.write(NOTHING, this.onWritten)
    }
  }

  end(): void {
    if (!this.gone) this.net.end()
  }

  destroy(): void {
    this.net.destroy()
  }

  /** A socket of Node that does not read sees neither FIN nor RST: so one look-ahead goes on (P22). */
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
