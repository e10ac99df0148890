// A whole proxy whose clients and backend speak either version. One side sends the input of the other
// targets, mixed with WebSocket handshakes and tunnels; the other side answers what it understands. Some
// peers read slowly, and bounds are small. There is no model of the right results (http1-connection.ts and
// connection.ts have one, each for its own version); these hold for any input:
//
// - nothing throws, nothing runs without end, nothing is left when all peers have gone, even
// if one had stopped
//   reading;
// - all output is HTTP of the version that is spoken there;
// - a bystander on the same backend is answered: well, if a client misbehaves; somehow, if the backend does.

import { createHash } from 'node:crypto'
import fc from 'fast-check'
import type { SomeLimits } from '../../src/server/index.js'
import { type Frame, frame, framesOf, headers, PREFACE, REQUEST } from '../testbed/frames.js'
import { read } from '../testbed/http1-wire.js'
import type { FarEnd } from '../testbed/memory-pollset.js'
import { memoryProxy } from '../testbed/memory-proxy.js'
import { leave } from './aftermath.js'
import { mustBeMessages } from './connection.js'
import { frames, literals, wireOf } from './frames.js'
import { shown, wires } from './http1-wires.js'
import { cut, hold, places, type Target } from './target.js'

type Speech = 'http/1.1' | 'h2c'

interface Fed {
  readonly clients: Speech
  readonly speaks: Speech
  readonly from: 'client' | 'backend'
  readonly wire: Buffer
  readonly places: readonly number[]
  /** True for a side that begins to read only when everything is sent. */
  readonly slow: { readonly client: boolean; readonly backend: boolean }
  readonly fin: boolean
  readonly limits: SomeLimits
}

const TURNS_MAX = 500
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const accept = (key: string): string => createHash('sha1').update(`${key}${GUID}`).digest('base64')

const UPGRADE = 'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
const HANDSHAKE = `${UPGRADE}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`
const GET = 'GET /beside HTTP/1.1\r\nHost: a\r\n\r\n'
const POST = 'POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
const STATUS_OK = [[':status', '200']] as const
/** RFC 8441: SETTINGS_ENABLE_CONNECT_PROTOCOL, and an ACK for ours. */
const GREETING = Buffer.concat([frame(4, 0, 0, Buffer.from([0, 8, 0, 0, 0, 1])), frame(4, 1, 0)])
const CONNECT = [
  [':method', 'CONNECT'],
  [':protocol', 'websocket'],
  [':scheme', 'http'],
  [':authority', 'a'],
  [':path', '/chat'],
] as const

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1')
const data = (stream: number, text: string, end = false): Buffer =>
  frame(0, end ? 1 : 0, stream, bytesOf(text))

// The requests and responses of the other side

/** The requests of one client: one to be answered, one with a body, one for a tunnel with bytes for it. */
const REQUESTS: Readonly<Record<Speech, readonly Buffer[]>> = {
  // One on each connection, since later requests wait for the answer of the first.
  'http/1.1': [GET, POST, `${HANDSHAKE}hello`].map(bytesOf),
  h2c: [
    Buffer.concat([
      headers(1, REQUEST),
      headers(3, [[':method', 'POST'], ...REQUEST.slice(1)], false),
      data(3, 'abcde', true),
      headers(5, CONNECT, false),
      data(5, 'hello'),
    ]),
  ],
}

/** Answers each request of a backend's connection that has come whole. */
class Answering {
  private readonly far: FarEnd
  private readonly speaks: Speech
  private rest: Buffer = Buffer.alloc(0)
  private greeted = false
  private tunnel = false
  readonly heard: Frame[] = []

  constructor(far: FarEnd, speaks: Speech) {
    this.far = far
    this.speaks = speaks
  }

  /** Returns true if there was a request. */
  answer(): boolean {
    const came = this.far.take()
    this.rest = Buffer.concat([this.rest, came])
    if (came.length === 0 || this.far.closed) return false
    const said = this.speaks === 'h2c' ? this.answerFrames() : this.answerMessage()
    if (said.length > 0) this.far.send(said)
    return true
  }

  private answerFrames(): Buffer {
    const out: Buffer[] = []
    if (!this.greeted) {
      hold(this.rest.subarray(0, PREFACE.length).equals(PREFACE), 'no preface')
      this.rest = this.rest.subarray(PREFACE.length)
      out.push(GREETING)
      this.greeted = true
    }
    for (const each of framesOf(this.rest)) {
      this.heard.push(each)
      if (each.type === 1) out.push(headers(each.stream, STATUS_OK, false), data(each.stream, 'ok'))
      if (each.type <= 1 && (each.flags & 1) !== 0) out.push(data(each.stream, '', true))
    }
    this.rest = Buffer.alloc(0)
    return Buffer.concat(out)
  }

  private answerMessage(): Buffer {
    if (this.tunnel) return Buffer.alloc(0)
    const text = this.rest.toString('latin1')
    const key = /^sec-websocket-key: (.*)\r$/im.exec(text)?.[1]
    if (key !== undefined && text.includes('\r\n\r\n')) {
      this.tunnel = true
      return bytesOf(`${SWITCHING}Sec-WebSocket-Accept: ${accept(key)}\r\n\r\nwelcome`)
    }
    const { verdict, left } = read(this.rest)
    if (verdict === 'part') return Buffer.alloc(0)
    hold(verdict === 'ok' && left === 0, () => `a backend is asked ${shown(this.rest)}`)
    this.rest = Buffer.alloc(0)
    return bytesOf(text.startsWith('HEAD ') ? OK.slice(0, -2) : OK)
  }
}

class ProxyUnderTest {
  readonly proxy: ReturnType<typeof memoryProxy>
  readonly bystander: FarEnd
  readonly fars: FarEnd[] = []
  private readonly fed: Fed
  private readonly answering: Answering[] = []
  /** The backend's connection whose bytes are drawn. */
  private drawn: FarEnd | null = null

  constructor(fed: Fed) {
    this.fed = fed
    const { clients, speaks } = fed
    this.proxy = memoryProxy(fed.limits, { clients, speaks })
    this.bystander = this.client()
    this.bystander.send(clients === 'h2c' ? headers(1, REQUEST) : bytesOf(GET))
  }

  client(): FarEnd {
    const far = this.proxy.client()
    this.fars.push(far)
    return far
  }

  run(): void {
    const { from, slow, speaks } = this.fed
    if (from === 'client') {
      const client = this.client()
      client.reading = !slow.client
      this.answer()
      for (const far of this.proxy.backends) far.reading = !slow.backend
      this.feed(client)
    } else {
      // Over HTTP/2 the bystander is on the same connection.
      for (const octets of REQUESTS[this.fed.clients]) {
        const client = this.client()
        client.reading = !slow.client
        client.send(octets)
      }
      this.drawn = this.proxy.backends[speaks === 'h2c' ? 0 : 1] ?? this.proxy.backends[0]
      this.drawn.reading = !slow.backend
      if (speaks === 'h2c') this.drawn.send(GREETING)
      this.feed(this.drawn)
    }
    for (let i = 0; i < 20; i++) this.read()
  }

  /** Makes all peers read, and answers the requests. */
  private read(): void {
    for (const far of [...this.fars, ...this.proxy.backends]) {
      far.reading = true
      far.drain()
    }
    this.answer()
  }

  private feed(far: FarEnd): void {
    const { pollset, world } = this.proxy
    for (const piece of cut(this.fed.wire, this.fed.places)) {
      if (far.closed) break
      if (piece.length > 0) far.put(piece)
      pollset.run(TURNS_MAX)
      this.answer()
      const most = 4 * (this.fed.limits.transport?.connectionHeldBytesMax ?? 0)
      hold(world.memory.bytes <= most, () => `${world.memory.bytes} octets held`)
    }
    if (this.fed.fin && !far.closed) far.end()
    this.answer()
  }

  private answer(): void {
    const { backends } = this.proxy
    for (let at = this.answering.length; at < backends.length; at++)
      this.answering.push(new Answering(backends[at], this.fed.speaks))
    for (let busy = true; busy; ) {
      busy = false
      for (let at = 0; at < this.answering.length; at++)
        if (backends[at] !== this.drawn && this.answering[at].answer()) busy = true
    }
  }

  end(): void {
    const { from, clients } = this.fed
    const written = this.fars.map((far) => far.take())
    for (const octets of written) this.mustBeSpoken(octets)
    for (const { heard } of this.answering) mustBeMessages(heard, 'request')
    const status = statusOf(written[0], clients)
    if (from === 'client') hold(status === 200, () => `the bystander got ${status}`)
    leave(this.proxy, ...this.fars)
    const last = status > 0 ? status : statusOf(this.bystander.take(), clients)
    hold(last > 0 || this.bystander.wasReset || this.bystander.ended, 'the bystander was never told')
  }

  private mustBeSpoken(octets: Buffer): void {
    if (octets.length === 0) return
    const isHttp1 = octets.subarray(0, 7).toString('latin1') === 'HTTP/1.'
    hold(isHttp1 || this.fed.clients === 'h2c', () => `a client hears ${shown(octets.subarray(0, 60))}`)
    // A client whose first octets were no preface may have been told so in HTTP/1.1.
    if (!isHttp1) mustBeMessages(framesOf(octets), 'response')
  }
}

/** Returns the status of the first final response, if it is complete; 0 without one. */
function statusOf(octets: Buffer, speech: Speech): number {
  if (speech === 'http/1.1') return Number(/^HTTP\/1\.1 (\d+)/.exec(octets.toString('latin1'))?.[1] ?? 0)
  const all = framesOf(octets).filter((each) => each.stream === 1)
  if (!all.some((each) => each.type <= 1 && (each.flags & 1) !== 0)) return 0
  const [head] = all
  // It is `:status 200` of the static table (RFC 7541 appendix A), or another status.
  return head?.type === 1 && head.payload.includes(0x88) ? 200 : 1
}

// Arbitraries

const tunnelFrames = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        Buffer.concat([frame(1, 4, 101, literals(CONNECT, 0)), data(101, 'hello')]),
        data(101, 'more'),
        data(101, '', true),
        frame(3, 0, 101, Buffer.from([0, 0, 0, 8])),
        frame(1, 5, 103, literals(CONNECT, 0)),
        frame(1, 4, 105, literals([...CONNECT, ['content-length', '3']], 0)),
        frame(8, 0, 101, Buffer.from([0, 0, 0, 9])),
      ),
    ),
    { maxLength: 6 },
  )
  .map((all) => Buffer.concat(all))
const handshakePieces = fc
  .array(
    fc.constantFrom(
      HANDSHAKE,
      HANDSHAKE,
      'hello',
      UPGRADE,
      'Sec-WebSocket-Version: 13\r\n',
      'Sec-WebSocket-Version: 8\r\n',
      `Sec-WebSocket-Key: ${KEY}\r\n`,
      'Content-Length: 3\r\n',
      '\r\n',
      GET,
    ),
    { maxLength: 6 },
  )
  .map((all) => bytesOf(all.join('')))
const switchingPieces = fc
  .array(
    fc.constantFrom(
      `${SWITCHING}\r\n`,
      `${SWITCHING}Sec-WebSocket-Accept: ${accept(KEY)}\r\n\r\n`,
      'welcome',
      OK,
    ),
    { maxLength: 4 },
  )
  .map((all) => bytesOf(all.join('')))

/** Joins wires of one kind with wires of another. */
const joined = (...each: fc.Arbitrary<Buffer>[]): fc.Arbitrary<Buffer> =>
  fc.oneof(
    ...each,
    fc.tuple(...each).map((parts) => Buffer.concat(parts)),
  )

function wireFrom(from: Fed['from'], speech: Speech): fc.Arbitrary<Buffer> {
  if (speech === 'h2c') {
    const all = frames(from === 'client' ? 'client' : 'server').map(wireOf)
    return from === 'client' ? joined(all, tunnelFrames) : all
  }
  return from === 'client'
    ? joined(handshakePieces, wires('request'))
    : joined(switchingPieces, wires('response'))
}

/** Small limits, which few octets reach. */
const limits: fc.Arbitrary<SomeLimits> = fc.record({
  http2: fc.record({
    headerListBytesMax: fc.constantFrom(400, 32_768),
    fieldsMax: fc.constantFrom(6, 256),
    interimsBurst: fc.constantFrom(1, 32),
    interimBytesMax: fc.constantFrom(1024, 65_536),
    idleFramesBurst: fc.constantFrom(6, 1_000),
    streamWindow: fc.constantFrom(100, 65_535),
  }),
  http1: fc.record({
    fieldsMax: fc.constantFrom(6, 256),
    startLineBytesMax: fc.constantFrom(40, 8_192),
    bodyAheadBytesMax: fc.constantFrom(1_024, 65_536),
    keepAliveRequestsMax: fc.constantFrom(2, 100_000),
    interimsBurst: fc.constantFrom(1, 32),
    interimBytesMax: fc.constantFrom(1024, 65_536),
  }),
  transport: fc.record({
    flushBytesMax: fc.constantFrom(65_536, 262_144),
    heldBytesSoft: fc.constantFrom(1_024, 64 * 1024 * 1024),
    connectionHeldBytesMax: fc.constantFrom(65_536, 64 * 1024 * 1024),
  }),
  proxy: fc.record({
    tunnelsMax: fc.constantFrom(1, 1_000),
    replayBytesMax: fc.constantFrom(0, 3, 65_536),
  }),
}) as fc.Arbitrary<SomeLimits>

const speech: fc.Arbitrary<Speech> = fc.constantFrom('http/1.1', 'h2c')

export const mixed: Target<Fed> = {
  about: 'a whole proxy, either version to either, with WebSockets, slow readers and small bounds',
  arbitrary: fc
    .record({
      clients: speech,
      speaks: speech,
      from: fc.constantFrom('client', 'backend'),
      places,
      slow: fc.record({ client: fc.boolean(), backend: fc.boolean() }),
      fin: fc.boolean(),
      limits,
    })
    .chain((rest) =>
      wireFrom(rest.from as Fed['from'], rest.from === 'client' ? rest.clients : rest.speaks).map(
        (wire): Fed => ({ ...rest, wire, from: rest.from as Fed['from'] }),
      ),
    ),
  check(fed) {
    const stage = new ProxyUnderTest(fed)
    stage.run()
    stage.end()
  },
  show: (fed) => `${shown(fed.wire)}\n${JSON.stringify({ ...fed, wire: undefined })}`,
}
