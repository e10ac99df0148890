// The base of the simulated HTTP/2 clients and backends: a connection, as seen by its owner. It keeps both
// windows of every stream in its own books, to compare them with the proxy's (S3). It checks that its input
// is HTTP/2 (W1), and sends bodies at the pace of its plan.

import type { Prng, SimPeerSocket, SimPeerSocketOwner, SimPollset } from '../../src/pollset/index.js'
import { pingWith } from './chatty.js'
import { errorIsOurs } from './checks/e17.js'
import { type Ledger, type Message, type Request, Violation } from './ledger.js'
import type { Plan } from './plan.js'
import * as wire from './wire.js'

/** The context that all actors of a run share. */
export interface PeerContext {
  readonly plan: Plan
  readonly pollset: SimPollset
  readonly books: Ledger
  /** True once the faults are over. From then on every actor behaves. */
  readonly healed: boolean
  tally(kind: string): void
  /** Returns a target for a CONNECT as HOST:PORT. */
  target(request: Request): string
  /** Gets all bytes that actors receive. */
  readonly octets: ((bytes: Uint8Array) => void) | null
}

const WINDOW = 65_535
const FRAME_MAX = 16_384

export class PeerStream {
  readonly id: number
  /** The bytes that we may send, and the bytes that the proxy may. */
  sendWindow: number
  recvWindow: number
  /** The bytes received and not credited. */
  owed = 0
  /** Gets no credit until all heals. */
  stuck = false
  /** The body being sent, and its pace. */
  message: Message | null = null
  sending = false
  waiting = false
  localEnded = false
  remoteEnded = false
  resetByUs = false
  resetByProxy = false
  /** The bytes of the body received. */
  received = 0
  /** Its end waits until all heals: a tunnel that falls silent. */
  lasts = false

  constructor(id: number, sendWindow: number, recvWindow: number) {
    this.id = id
    this.sendWindow = sendWindow
    this.recvWindow = recvWindow
  }

  get over(): boolean {
    return this.resetByUs || this.resetByProxy || (this.localEnded && this.remoteEnded)
  }
}

/** The bytes below which a credit makes the proxy dribble, and how many such credits it surely tolerates. */
const DRIBBLE = 256
const DRIBBLES_BORNE = 400

export abstract class Peer<S extends PeerStream> implements SimPeerSocketOwner {
  readonly far: SimPeerSocket
  readonly streams = new Map<number, S>()
  /** The bytes that we may send, and the bytes that the proxy may. */
  sendWindow = WINDOW
  recvWindow = WINDOW
  gone = false
  /** The number of streams that we reset and of malformed messages that we sent. */
  faults = 0
  /** GOAWAY was received. */
  told = false
  protected readonly stage: PeerContext
  protected readonly chance: Prng
  protected readonly out = new wire.FrameOut()
  private readonly hpack = new wire.HpackIn()
  private rest: Buffer | null = null
  private skip = 0
  private block: Buffer[] = []
  private blockStream = 0
  private blockEnds = false
  private owed = 0
  private crediting = false
  /** The number of credits below {@link DRIBBLE} bytes. */
  private dribbles = 0
  /**
   * The proxy's SETTINGS_INITIAL_WINDOW_SIZE; ours as the proxy may count on it, and what was sent and not
   * acknowledged.
   */
  private theirWindow = WINDOW
  private ourWindow = WINDOW
  private readonly unacknowledged: (readonly [window: number, table: number])[] = []

  constructor(stage: PeerContext, far: SimPeerSocket, chance: Prng, skip: number) {
    this.stage = stage
    this.far = far
    this.chance = chance
    this.skip = skip
    far.owner = this
  }

  get id(): string {
    return this.far.near.id
  }

  /** True once the proxy has acknowledged all our SETTINGS, so that both sides know the same windows. */
  get settled(): boolean {
    return this.unacknowledged.length === 0
  }

  /** Widens the windows to the maximum. */
  protected abstract open(): void
  protected abstract headers(stream: number, fields: [string, string][], ended: boolean): void
  protected abstract body(stream: S, b: Buffer, from: number, to: number): void
  /** The proxy's message is complete. */
  protected abstract complete(stream: S): void
  protected abstract lost(stream: S): void
  protected abstract parted(): void
  /** The proxy serves extended CONNECT (RFC 8441 §3). */
  protected connectProtocol = false
  /** The code of the last RST_STREAM received. */
  protected resetCode = 0
  protected goawayCame(_code: number): void {}
  /** PING has come. */
  protected pingCame(): void {}
  /** RST_STREAM has come. */
  protected resetCame(): void {}

  fail(property: string, message: string): never {
    throw new Violation(property, `${this.id}: ${message}`)
  }

  flush(): void {
    if (this.out.length === 0) return
    const bytes = this.out.take()
    if (!this.gone) this.far.send(bytes)
  }

  /** Behaves from now on: credits what is owed and sends what waits. */
  heal(): void {
    if (this.gone) return
    this.open()
    for (const stream of this.streams.values()) {
      if (stream.stuck) {
        stream.stuck = false
        this.credit(stream)
      }
      this.advance(stream)
    }
    this.flush()
  }

  // Input

  received(bytes: Uint8Array): void {
    this.stage.octets?.(bytes)
    let b = bytes as Buffer
    if (this.skip > 0) {
      const skipped = Math.min(this.skip, b.length)
      if (b.compare(wire.PREFACE, 24 - this.skip, 24 - this.skip + skipped, 0, skipped) !== 0) {
        this.fail('W1', 'not the preface')
      }
      this.skip -= skipped
      b = b.subarray(skipped)
    }
    if (this.rest !== null) b = Buffer.concat([this.rest, b])
    let at = 0
    while (b.length - at >= 9) {
      const length = (b[at] << 16) | (b[at + 1] << 8) | b[at + 2]
      if (length > FRAME_MAX) this.fail('W1', `a frame of ${length} octets`)
      const end = at + 9 + length
      if (end > b.length) break
      this.frame(b[at + 3], b[at + 4], b.readUInt32BE(at + 5) & 0x7fffffff, b, at + 9, end)
      if (this.gone) return
      at = end
    }
    this.rest = at === b.length ? null : Buffer.from(b.subarray(at))
    this.flush()
  }

  ended(): void {
    if (this.gone) return
    if (this.rest !== null) this.fail('W1', 'the connection ends in the middle of a frame')
    this.far.end()
    this.closed()
  }

  closed(): void {
    if (this.gone) return
    this.gone = true
    for (const stream of this.streams.values()) if (!stream.over) this.lost(stream)
    this.parted()
  }

  private frame(type: number, flags: number, id: number, b: Buffer, from: number, to: number): void {
    if (this.blockStream !== 0 && type !== wire.CONTINUATION) this.fail('W1', 'a block without its end')
    const ended = (flags & wire.END_STREAM) !== 0
    if (type === wire.DATA) this.data(id, flags, b, from, to)
    else if (type === wire.HEADERS || type === wire.CONTINUATION) {
      if (type === wire.HEADERS) this.blockEnds = ended
      this.block.push(Buffer.from(b.subarray(from, to)))
      this.blockStream = id
      if ((flags & wire.END_HEADERS) !== 0) this.blockEnded()
    } else if (type === wire.RST_STREAM) {
      this.resetCode = b.readUInt32BE(from)
      this.rst(id)
    } else if (type === wire.SETTINGS) this.settings(flags, b, from, to)
    else if (type === wire.PING) {
      if ((flags & wire.ACK) === 0) this.pingCame()
      if ((flags & wire.ACK) === 0)
        this.out.numbers(wire.PING, wire.ACK, 0, b.readUInt32BE(from), b.readUInt32BE(from + 4))
    } else if (type === wire.GOAWAY) {
      this.told = true
      this.goawayCame(b.readUInt32BE(from + 4))
      errorIsOurs(this.id, b.readUInt32BE(from + 4), this.faults)
    } else if (type === wire.WINDOW_UPDATE) this.windowUpdate(id, b.readUInt32BE(from))
    else this.fail('W1', `a frame of type ${type}`)
  }

  private blockEnded(): void {
    const id = this.blockStream
    const block = this.block.length === 1 ? this.block[0] : Buffer.concat(this.block)
    this.block = []
    this.blockStream = 0
    let fields: [string, string][]
    try {
      fields = this.hpack.decode(block)
    } catch (error) {
      this.fail('W1', `a field block that does not decode: ${(error as Error).message}`)
    }
    const stream = this.streams.get(id)
    if (stream !== undefined) {
      this.mayReceive(stream, 'HEADERS')
      if (stream.resetByUs) return
    }
    this.headers(id, fields, this.blockEnds)
    const now = stream ?? this.streams.get(id)
    if (this.blockEnds && now !== undefined) this.remoteEnd(now)
  }

  private mayReceive(stream: S, what: string): void {
    if (stream.remoteEnded) this.fail('W1', `${what} on stream ${stream.id} after END_STREAM`)
    if (stream.resetByProxy) this.fail('W1', `${what} on stream ${stream.id} after RST_STREAM`)
  }

  private data(id: number, flags: number, b: Buffer, from: number, to: number): void {
    const size = to - from
    this.recvWindow -= size
    if (this.recvWindow < 0) this.fail('S3', 'DATA beyond the connection window')
    this.owed += size
    this.creditSoon()
    const stream = this.streams.get(id)
    if (stream === undefined) this.fail('W1', `DATA on stream ${id}, which nobody opened`)
    this.mayReceive(stream, 'DATA')
    stream.recvWindow -= size
    if (stream.recvWindow < 0 && size > 0) this.fail('S3', `DATA beyond the window of stream ${id}`)
    stream.owed += size
    if (stream.resetByUs) return
    if (size > 0) this.body(stream, b, from, to)
    stream.received += size
    if ((flags & wire.END_STREAM) !== 0) this.remoteEnd(stream)
  }

  private remoteEnd(stream: S): void {
    stream.remoteEnded = true
    pingWith(this.stage, this.chance, this.out)
    this.complete(stream)
  }

  private rst(id: number): void {
    this.resetCame()
    const stream = this.streams.get(id)
    if (stream === undefined) this.fail('W1', `RST_STREAM for stream ${id}, which nobody opened`)
    if (stream.resetByProxy) this.fail('W1', `RST_STREAM for stream ${id} twice`)
    if (stream.resetByUs) return
    const unfinished = !stream.over
    stream.resetByProxy = true
    if (unfinished) this.lost(stream)
  }

  private settings(flags: number, b: Buffer, from: number, to: number): void {
    if ((flags & wire.ACK) !== 0) {
      const acknowledged = this.unacknowledged.shift()
      if (acknowledged === undefined) this.fail('W1', 'an acknowledgement of nothing')
      // Larger values that we announced later already count.
      let [window, table] = acknowledged
      for (const [later, laterTable] of this.unacknowledged) {
        window = Math.max(window, later)
        table = Math.max(table, laterTable)
      }
      if (window < this.ourWindow) this.widen(window - this.ourWindow)
      this.hpack.sizeMax = table
      return
    }
    for (let at = from; at < to; at += 6) {
      const id = b.readUInt16BE(at)
      const value = b.readUInt32BE(at + 2)
      if (id === 4) {
        for (const stream of this.streams.values()) stream.sendWindow += value - this.theirWindow
        this.theirWindow = value
      } else if (id === 1 && value < 4096) this.out.emptyTable = true
      else if (id === 8) this.connectProtocol = value === 1
    }
    this.out.numbers(wire.SETTINGS, wire.ACK, 0)
    for (const stream of this.streams.values()) this.advance(stream)
  }

  private windowUpdate(id: number, increment: number): void {
    if (increment === 0) this.fail('W1', 'WINDOW_UPDATE of 0')
    if (id === 0) {
      this.sendWindow += increment
      if (this.sendWindow > 0x7fffffff) this.fail('S3', 'the connection window overflows')
      for (const stream of this.streams.values()) this.advance(stream)
      return
    }
    const stream = this.streams.get(id)
    if (stream === undefined) this.fail('W1', `WINDOW_UPDATE for stream ${id}, which nobody opened`)
    if (stream.resetByProxy) this.fail('W1', `WINDOW_UPDATE for stream ${id} after RST_STREAM`)
    stream.sendWindow += increment
    if (stream.sendWindow > 0x7fffffff) this.fail('S3', `the window of stream ${id} overflows`)
    this.advance(stream)
  }

  // Output

  /** Sends SETTINGS. Our windows widen at once, and narrow when the proxy acknowledges. */
  protected sendSettings(window: number, table: number, more: readonly (readonly [number, number])[]): void {
    this.out.settings([[4, window], [1, table], ...more])
    if (window > this.ourWindow) this.widen(window - this.ourWindow)
    if (table > this.hpack.sizeMax) this.hpack.sizeMax = table
    this.unacknowledged.push([window, table])
  }

  private widen(by: number): void {
    this.ourWindow += by
    for (const stream of this.streams.values()) stream.recvWindow += by
  }

  protected get windows(): readonly [send: number, recv: number] {
    return [this.theirWindow, this.ourWindow]
  }

  /** The largest body in bytes. With the proxy's windows tiny, a long body would take too long. */
  protected bodyMax(wanted: number): number {
    return Math.max(1, Math.min(wanted, 50 * this.stage.plan.streamWindow))
  }

  private creditSoon(): void {
    if (this.crediting) return
    this.crediting = true
    const delay = this.stage.healed ? 0 : this.stage.plan.creditDelayMs
    this.stage.pollset.after(delay, () => {
      this.crediting = false
      if (this.gone) return
      if (this.owed > 0) {
        this.out.numbers(wire.WINDOW_UPDATE, 0, 0, this.owed)
        this.recvWindow += this.owed
        this.owed = 0
      }
      for (const stream of this.streams.values()) if (!stream.stuck || this.stage.healed) this.credit(stream)
      this.flush()
    })
  }

  private credit(stream: S): void {
    if (stream.owed === 0 || stream.remoteEnded || stream.resetByUs || stream.resetByProxy) return
    this.out.numbers(wire.WINDOW_UPDATE, 0, stream.id, stream.owed)
    // A tiny credit makes the proxy dribble, which it tolerates only a bounded number of times
    // (CVE-2019-9511).
    if (stream.owed < DRIBBLE && ++this.dribbles > DRIBBLES_BORNE) this.faults++
    stream.recvWindow += stream.owed
    stream.owed = 0
  }

  protected reset(stream: S, code: number): void {
    if (stream.over) return
    this.out.numbers(wire.RST_STREAM, 0, stream.id, code)
    stream.resetByUs = true
    this.faults++
    this.lost(stream)
  }

  /** Begins to send the body of a message whose head was sent. */
  protected send(stream: S, message: Message): void {
    stream.message = message
    stream.sending = true
    this.advance(stream)
  }

  /** Sends what the windows and the pace allow now. */
  protected advance(stream: S): void {
    const { message } = stream
    if (message === null || !stream.sending || stream.waiting || stream.over || this.gone) return
    const { plan, healed } = this.stage
    const chunk = Math.max(plan.chunkBytes, Math.ceil(message.total / 16))
    while (message.sent < message.total) {
      const left = message.total - message.sent
      let padding = this.chance.chance(plan.paddedPercent) ? this.chance.below(30) : -1
      const room = Math.min(stream.sendWindow, this.sendWindow, FRAME_MAX)
      if (padding + 1 >= room) padding = -1
      const size = Math.min(left, chunk, room - (padding + 1))
      if (size <= 0) return
      const last = size === left && message.trailers === null && (healed || !stream.lasts)
      const byReset = last && this.endedByReset(stream)
      if (last) this.endLocal(stream, message)
      this.out.data(
        stream.id,
        last && !byReset ? wire.END_STREAM : 0,
        message.bytes,
        message.at(message.sent),
        size,
        padding,
      )
      message.sent += size
      stream.sendWindow -= size + padding + 1
      this.sendWindow -= size + padding + 1
      if (byReset) this.resetAtEnd(stream)
      if (last) return
      if (plan.paceMs > 0 && !healed) {
        stream.waiting = true
        this.stage.pollset.after(plan.paceMs, () => {
          stream.waiting = false
          this.advance(stream)
          this.flush()
        })
        return
      }
    }
    if (stream.lasts && !healed) return
    this.endLocal(stream, message)
    if (message.trailers !== null) {
      this.out.headers(stream.id, wire.END_STREAM, [['x-trailer', message.trailers]])
    } else if (this.endedByReset(stream)) this.resetAtEnd(stream)
    else this.out.data(stream.id, wire.END_STREAM, message.bytes, 0, 0)
  }

  /** Returns true if RST_STREAM(NO_ERROR) ends a complete message instead of END_STREAM. */
  protected endedByReset(_stream: S): boolean {
    return false
  }

  private resetAtEnd(stream: S): void {
    this.out.numbers(wire.RST_STREAM, 0, stream.id, 0)
    stream.resetByUs = true
  }

  protected endLocal(stream: S, message: Message): void {
    stream.sending = false
    stream.localEnded = true
    message.ended = true
  }
}
