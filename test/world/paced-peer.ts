// A peer of HTTP/2 on the simulated network that takes what it gets at a pace, and counts PINGs as gRPC
// servers do. It answers each PING in its turn, behind all that it was sent before.

import type { SimPeerSocket, SimPeerSocketOwner, SimPollset } from '../../src/pollset/index.js'
import { frame, headers, PREFACE, uint32 } from '../../tools/testbed/frames.js'

const DATA = 0
const HEADERS = 1
const RST_STREAM = 3
const SETTINGS = 4
const PING = 6
const GOAWAY = 7
const WINDOW_UPDATE = 8
const WINDOW = 65_535

/** The PINGs that grpc-go takes by default: one in five minutes without DATA or HEADERS of its own in between, and two too early. */
const PING_INTERVAL_MS = 300_000
const STRIKES_MAX = 2

export interface PeerOptions {
  /** octets a second that it takes; 0: all at once */
  readonly bytesPerSecond?: number
  /** octets of its windows; it gives credit for half of them at once */
  readonly window?: number
  /** Returns true if a stream gets credit. Without it, each does. */
  readonly credits?: (stream: number) => boolean
}

export class PacedPeer implements SimPeerSocketOwner {
  readonly far: SimPeerSocket
  /** octets of DATA that have come */
  got = 0
  /** Streams that have ended. */
  readonly endedStreams = new Set<number>()
  /** Times of the PINGs that have come. */
  readonly pings: number[] = []
  /** It would have hung up: too_many_pings. */
  tooManyPings = false
  goaways = 0
  resets = 0
  gone = false
  /** Is called for each head. */
  onHead: (stream: number, ended: boolean) => void = () => {}
  private readonly pollset: SimPollset
  private readonly window: number
  private readonly credits: (stream: number) => boolean
  private rest = Buffer.alloc(0)
  private skip: number
  private owed = 0
  private strikes = 0
  private strikesEnd = false
  private pingedAt = Number.NEGATIVE_INFINITY
  private sendWindow = WINDOW
  private streamWindow = WINDOW
  private readonly sending = new Map<number, { left: number; window: number }>()

  constructor(
    pollset: SimPollset,
    far: SimPeerSocket,
    role: 'client' | 'backend',
    options: PeerOptions = {},
  ) {
    this.pollset = pollset
    this.far = far
    this.window = options.window ?? 0x3fffffff
    this.credits = options.credits ?? (() => true)
    this.skip = role === 'backend' ? PREFACE.length : 0
    far.owner = this
    far.pace(options.bytesPerSecond ?? 0)
    if (role === 'client') far.send(PREFACE)
    far.send(frame(SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(this.window)])))
    far.send(frame(WINDOW_UPDATE, 0, 0, uint32(this.window - WINDOW)))
  }

  head(stream: number, fields: readonly (readonly [string, string])[], ended: boolean): void {
    this.strikesEnd = true
    this.far.send(headers(stream, fields, ended))
  }

  /** Sends a body of this many octets, as the windows allow. */
  body(stream: number, bytes: number): void {
    this.sending.set(stream, { left: bytes, window: this.streamWindow })
    this.pour()
  }

  /** One message of a stream that goes on. */
  message(stream: number): void {
    this.strikesEnd = true
    this.far.send(frame(DATA, 0, stream, Buffer.from('hello')))
  }

  /** Frames that concern no stream. */
  ping(): void {
    this.far.send(frame(PING, 0, 0, Buffer.alloc(8)))
  }
  credit(): void {
    this.far.send(frame(WINDOW_UPDATE, 0, 0, uint32(1)))
  }

  private pour(): void {
    for (const [stream, body] of this.sending) {
      while (body.left > 0) {
        const size = Math.min(16_384, body.left, body.window, this.sendWindow)
        if (size <= 0) break
        body.left -= size
        body.window -= size
        this.sendWindow -= size
        this.strikesEnd = true
        this.far.send(frame(DATA, body.left === 0 ? 1 : 0, stream, Buffer.alloc(size)))
      }
      if (body.left === 0) this.sending.delete(stream)
    }
  }

  received(bytes: Uint8Array): void {
    const skipped = Math.min(this.skip, bytes.length)
    this.skip -= skipped
    const b = Buffer.concat([this.rest, bytes.subarray(skipped)])
    let at = 0
    while (b.length - at >= 9 && b.length - at >= 9 + b.readUIntBE(at, 3)) {
      const end = at + 9 + b.readUIntBE(at, 3)
      this.frame(b[at + 3], b[at + 4], b.readUInt32BE(at + 5), b.subarray(at + 9, end))
      at = end
    }
    this.rest = Buffer.from(b.subarray(at))
  }

  private frame(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === DATA) this.data(stream, payload.length)
    if (type === HEADERS) this.onHead(stream, (flags & 1) !== 0)
    if ((type === DATA || type === HEADERS) && (flags & 1) !== 0) this.endedStreams.add(stream)
    if (type === GOAWAY) this.goaways++
    if (type === RST_STREAM) this.resets++
    if (type === WINDOW_UPDATE) {
      const body = this.sending.get(stream)
      if (stream === 0) this.sendWindow += payload.readUInt32BE(0)
      else if (body !== undefined) body.window += payload.readUInt32BE(0)
      this.pour()
    }
    if (type === SETTINGS && flags === 0) {
      for (let at = 0; at < payload.length; at += 6)
        if (payload.readUInt16BE(at) === 4) this.streamWindow = payload.readUInt32BE(at + 2)
      this.far.send(frame(SETTINGS, 1, 0))
    }
    if (type === PING && flags === 0) this.pinged(payload)
  }

  private pinged(payload: Buffer): void {
    const { clock } = this.pollset
    this.pings.push(clock)
    if (this.strikesEnd) this.strikes = 0
    else if (clock - this.pingedAt < PING_INTERVAL_MS && ++this.strikes > STRIKES_MAX)
      this.tooManyPings = true
    this.strikesEnd = false
    this.pingedAt = clock
    this.far.send(frame(PING, 1, 0, payload))
  }

  private data(stream: number, size: number): void {
    this.got += size
    this.owed += size
    if (this.owed < this.window / 2) return
    this.far.send(frame(WINDOW_UPDATE, 0, 0, uint32(this.owed)))
    if (this.credits(stream)) this.far.send(frame(WINDOW_UPDATE, 0, stream, uint32(this.owed)))
    this.owed = 0
  }

  ended(): void {
    this.far.end()
  }
  closed(): void {
    this.gone = true
  }
}
