// The base of the simulated HTTP/1.1 clients and backends: one connection, messages that leave one after the
// other at the pace of the plan, and reading that may stop for a while. wire1.ts reads the input.

import { createHash } from 'node:crypto'
import type { Prng, SimPeerSocket, SimPeerSocketOwner } from '../../src/pollset/index.js'
import { type Message, Violation } from './ledger.js'
import type { PeerContext } from './peer.js'
import { CHUNKED, type Fields, MessageIn, type MessageSink, UNTIL_CLOSE } from './wire1.js'

/** The bytes in flight at which an actor waits, as TCP would make it. Bounds what the proxy reads at once. */
const AHEAD_BYTES = 16_384
const PIECE_BYTES = 16_384

/** A message to be sent. */
export interface Outgoing {
  readonly head: string
  readonly message: Message
  readonly framing: number
  /**
   * The bytes of the body after which its sender stops for good. At least the total if the sender does not
   * stop.
   */
  readonly cutAt: number
  /** The body waits until the client is told to continue (RFC 9110 §10.1.1). */
  awaits?: boolean
  /** True if its end waits until the run heals, like a tunnel that falls silent. */
  readonly lasts?: boolean
}

export abstract class Peer1 implements SimPeerSocketOwner, MessageSink {
  far: SimPeerSocket
  gone = false
  protected readonly stage: PeerContext
  protected readonly chance: Prng
  protected reader = new MessageIn(this)
  protected readonly queue: Outgoing[] = []
  /** The bytes that this connection sends as a tunnel; null if it is not a tunnel. */
  protected flow: Message | null = null
  private finCame = false
  private begun = false
  private waiting = false

  constructor(stage: PeerContext, far: SimPeerSocket, chance: Prng) {
    this.stage = stage
    this.far = far
    this.chance = chance
    far.owner = this
  }

  get id(): string {
    return this.far.near.id
  }

  abstract head(start: string, fields: Fields): number
  abstract body(b: Buffer, from: number, to: number): void
  abstract end(trailers: Fields): void
  /** Called when the connection is over. */
  protected abstract parted(): void
  /** Called when the whole message has left. */
  protected abstract left(outgoing: Outgoing): void
  /** Called when the sender stops in the middle of the message. */
  protected abstract cut(outgoing: Outgoing): void

  fail(property: string, message: string): never {
    throw new Violation(property, `${this.id}: ${message}`)
  }
  wrong(text: string): never {
    this.fail('W1', text)
  }

  /** In some runs stops reading for a while, or until the run heals. */
  protected readSlowly(): void {
    const { plan, pollset } = this.stage
    if (!this.chance.chance(plan.stuckPercent)) return
    const on = this.chance.chance(50)
    pollset.after(this.chance.below(plan.runMs), () => {
      if (this.gone || this.stage.healed) return
      this.stage.tally('http/1.1: reads no more')
      this.far.read(false)
      if (on) pollset.after(1 + this.chance.below(200), () => this.far.read(true))
    })
  }

  heal(): void {
    if (this.gone) return
    this.far.read(true)
    this.pump()
  }

  received(bytes: Uint8Array): void {
    this.stage.octets?.(bytes)
    if (!this.gone) this.reader.feed(bytes)
  }

  /** FIN. */
  ended(): void {
    if (this.gone) return
    this.finCame = true
    if (this.reader.untilClose) this.reader.closed()
    // Each half of a tunnel ends by itself.
    if (this.gone || (this.flow !== null && !this.flow.ended)) return
    this.far.end()
    this.closed()
  }

  closed(): void {
    if (this.gone) return
    this.gone = true
    this.parted()
  }

  /** Sends FIN. In a tunnel this ends our half, even in the middle of the flow. */
  protected fin(): void {
    if (this.gone || this.far.ended) return
    if (this.flow !== null) {
      this.flow.ended = true
      this.queue.length = 0
    }
    this.far.end()
    if (this.flow !== null && this.finCame) this.closed()
  }

  /** Sends RST. */
  protected rst(): void {
    if (this.gone) return
    this.far.reset()
    this.closed()
  }

  /** Continues on another connection. */
  protected again(far: SimPeerSocket): void {
    // The previous message is not checked further.
    this.far.owner = null
    this.far = far
    far.owner = this
    this.gone = false
    this.reader = new MessageIn(this)
    this.queue.length = 0
    this.begun = false
    this.flow = null
    this.finCame = false
  }

  /** Lets the body leave that waited for 100 (Continue). */
  protected goOn(outgoing: Outgoing): void {
    if (outgoing.awaits !== true) return
    outgoing.awaits = false
    this.pump()
  }

  protected put(outgoing: Outgoing): void {
    this.queue.push(outgoing)
    this.pump()
  }

  protected pump(): void {
    while (this.queue.length > 0 && !this.waiting && !this.gone && !this.far.ended) {
      const [outgoing] = this.queue
      if (!this.begun) {
        this.begun = true
        this.far.send(Buffer.from(outgoing.head, 'latin1'))
      }
      if (outgoing.awaits === true && !this.stage.healed) return
      const { message, cutAt } = outgoing
      if (message.sent < Math.min(cutAt, message.total)) this.piece(outgoing)
      else if (cutAt < message.total) {
        this.cut(outgoing)
        return
      } else if (outgoing.lasts === true && !this.stage.healed) return
      else this.finish(outgoing)
    }
  }

  private piece({ message, framing, cutAt }: Outgoing): void {
    const { plan, healed } = this.stage
    if (this.far.near.toNear.bytes >= AHEAD_BYTES) {
      this.wait(5)
      return
    }
    const most = Math.max(plan.chunkBytes, Math.ceil(message.total / 16))
    const size = Math.min(Math.min(cutAt, message.total) - message.sent, most, PIECE_BYTES)
    const at = message.at(message.sent)
    if (framing === CHUNKED) this.far.send(Buffer.from(`${size.toString(16)}\r\n`))
    this.far.send(message.bytes.subarray(at, at + size))
    if (framing === CHUNKED) this.far.send(Buffer.from('\r\n'))
    message.sent += size
    // Content-Length tells the end already, so there is no pause before it.
    if (framing >= 0 && message.sent === message.total) return
    if (plan.paceMs > 0 && !healed) this.wait(plan.paceMs)
    else if (this.far.near.toNear.bytes >= AHEAD_BYTES) this.wait(1)
  }

  private finish(outgoing: Outgoing): void {
    const { message, framing } = outgoing
    message.ended = true
    if (framing === CHUNKED) {
      const trailers = message.trailers === null ? '' : `x-trailer: ${message.trailers}\r\n`
      this.far.send(Buffer.from(`0\r\n${trailers}\r\n`))
    }
    this.queue.shift()
    this.begun = false
    if (framing === UNTIL_CLOSE) this.far.end()
    if (message === this.flow && this.finCame) this.closed()
    this.left(outgoing)
  }

  private wait(ms: number): void {
    const { far } = this
    this.waiting = true
    this.stage.pollset.after(ms, () => {
      this.waiting = false
      if (far === this.far) this.pump()
    })
  }
}

/** Sec-WebSocket-Accept for a key (RFC 6455 §4.2.2). */
export const acceptOf = (key: string): string =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')

export const headOf = (start: string, fields: Fields): string =>
  `${[start, ...fields.map(([name, value]) => `${name}: ${value}`)].join('\r\n')}\r\n\r\n`
