// Runs each row of the tables Events, Tunnels and Plain CONNECT of spec/exchange.md: brings an exchange over
// HTTP/2 to the step `where`, makes the event happen, and compares what client and backend then get, and the
// steps that follow.

import { readFileSync } from 'node:fs'
import t from 'tap'
import type { Continuation } from '../../src/continuation/index.js'
import { ErrorCode } from '../../src/http2/index.js'
import type { SomeLimits } from '../../src/server/index.js'
import { HpackIn } from '../../tools/sim/wire.js'
import { frame, framesOf, headers, PREFACE, REQUEST, tableOf, uint32 } from '../../tools/testbed/frames.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { type MemoryProxyOptions, memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { stepsOf } from '../world/scenario.js'

const DATA = 0
const HEADERS = 1
const RST_STREAM = 3
const SETTINGS = 4
const GOAWAY = 7
const CODES = new Map(Object.entries(ErrorCode).map(([name, code]) => [code as number, name]))
const codeOf = (name: string): number =>
  name === 'unknown' ? 0xff : ErrorCode[name as keyof typeof ErrorCode]
const nameOf = (code: number): string => CODES.get(code) ?? 'unknown'

type Fields = readonly (readonly [string, string])[]
const withMethod = (method: string, ...more: Fields): Fields => [
  ...REQUEST.map(([name, value]) => [name, name === ':method' ? method : value] as const),
  ...more,
]
const GET = headers(1, REQUEST)
const data = (bytes: number, end = false): Buffer => frame(DATA, end ? 1 : 0, 1, Buffer.alloc(bytes, 'x'))
/** A request whose body goes on. */
const UPLOAD = headers(1, withMethod('POST'), false)
const POST = Buffer.concat([UPLOAD, data(3, true)])
const reset = (code: string): Buffer => frame(RST_STREAM, 0, 1, uint32(codeOf(code)))
const goaway = (last: number, code = 'NO_ERROR'): Buffer =>
  frame(GOAWAY, 0, 0, Buffer.concat([uint32(last), uint32(codeOf(code))]))
const head = (status = '200', end = false, ...more: Fields): Buffer =>
  headers(1, [[':status', status], ...more], end)
const TRAILERS = headers(1, [['x-trailer', 'a']])

/** Returns what one end of a connection gets of stream 1, in the words of the table. */
class View {
  private readonly far: FarEnd
  private readonly hpack = new HpackIn()
  private hasHead = false
  /** The stream that it looks at. */
  stream = 1
  /** Bytes of no HTTP/2. */
  isRaw = false

  constructor(far: FarEnd, isBackend: boolean) {
    this.far = far
    if (isBackend) far.received = Buffer.from(far.received.subarray(PREFACE.length))
  }

  take(): string[] {
    if (this.isRaw) {
      const came = this.far.take().length > 0 ? ['data'] : []
      return this.far.wasReset ? [...came, 'reset'] : this.far.ended ? [...came, 'end'] : came
    }
    const words: string[] = []
    let ours = false
    for (const { type, flags, stream, payload } of framesOf(this.far.take())) {
      if (type === GOAWAY) words.push(`goaway:${nameOf(payload.readUInt32BE(4))}`)
      const fields = type === HEADERS ? new Map(this.hpack.decode(payload)) : null
      if (stream !== this.stream) continue
      if (type === RST_STREAM) words.push(`reset:${nameOf(payload.readUInt32BE(0))}`)
      if (fields !== null) {
        const status = fields.get(':status') ?? ''
        if (status.startsWith('1')) words.push('head:1xx')
        else if (this.hasHead) words.push('trailers')
        else {
          this.hasHead = true
          ours = fields.has('x-fermata') || fields.get('content-type')?.startsWith('text/plain') === true
          words.push(ours ? `status:${status}` : 'head')
        }
      } else if (type === DATA && payload.length > 0 && !ours) words.push('data')
      if ((type === DATA || type === HEADERS) && (flags & 1) !== 0 && !ours && words.at(-1) !== 'trailers')
        words.push('end')
    }
    if (this.far.ended || this.far.wasReset) words.push('close')
    return words
  }
}

/** An exchange, and both its ends. */
class Stage {
  readonly proxy: ReturnType<typeof memoryProxy>
  readonly client: FarEnd
  private readonly clientView: View
  private backendView: View | null = null
  /** The exchange's stream on the backend connection. */
  backendStream = 1
  private lines = 0
  private held: Continuation | null = null

  constructor({ limits = {}, options = {}, handshake = HANDSHAKE }: Play) {
    this.proxy = memoryProxy(limits, options)
    this.client = this.proxy.client(Buffer.from(handshake))
    this.clientView = new View(this.client, false)
  }

  get backend(): FarEnd {
    const [backend] = this.proxy.backends
    if (backend === undefined) throw new Error('no connection to the backend')
    return backend
  }

  /** Brings an exchange to `where`. */
  reach(where: string, { request = GET, fresh = where === 'receive', settings, answer, fault }: Play): void {
    const { proxy } = this
    if (fresh) return
    if (where === 'lease') proxy.hang()
    if (HELD.has(where)) this.holdAt(where)
    this.client.send(request)
    if (where !== 'lease' && proxy.backends.length > 0) this.greet(settings)
    if (where === 'transfer') this.backend.send(answer ?? head())
    if (where === 'retry') (fault ?? byBackend(reset('REFUSED_STREAM')))(this)
    this.look()
  }

  /** The backend's part of the handshake. */
  greet(settings: Buffer = Buffer.alloc(0)): void {
    this.backendView = new View(this.backend, true)
    this.backend.send(Buffer.concat([frame(SETTINGS, 0, 0, settings), frame(SETTINGS, 1, 0)]))
    this.backendView.take()
  }

  /**
   * Makes the backend connection by another client's request, as SETTINGS must have come before a tunnel is
   * asked for. The exchange's stream is the next.
   */
  connectBefore(settings: Buffer): void {
    this.proxy.client().send(GET)
    this.greet(settings)
    this.backend.send(head('204', true))
    this.look()
    this.backendStream = 3
    if (this.backendView !== null) this.backendView.stream = 3
  }

  /** Looks at this end as the backend's, whose bytes are no HTTP/2. */
  lookAt(far: FarEnd): void {
    this.backendView = new View(far, false)
    this.backendView.isRaw = true
    far.take()
  }

  /** Forgets what came so far. */
  look(): void {
    this.clientView.take()
    this.backendView?.take()
    this.lines = this.proxy.lines.length
  }

  private holdAt(step: string): void {
    this.proxy.world.scheduler.gate = {
      holds: (each) => {
        if (each.stepName !== step || this.held !== null) return false
        this.held = each
        return true
      },
    }
  }

  /** Lets a held exchange go on. */
  goOn(): void {
    if (this.held === null) return
    this.proxy.world.scheduler.release(this.held)
    this.proxy.pollset.run()
  }

  pass(ms: number): void {
    for (let i = 0; i < 20; i++) this.proxy.pollset.advance(ms / 20)
  }

  /** Steps since the last look, behind `where`. */
  steps(where: string): string[] {
    const steps = stepsOf(this.proxy.lines.slice(this.lines), 'm1/s1')
    return steps.slice(steps.indexOf(where) + 1)
  }

  clientGot = (): string[] => this.clientView.take()
  backendGot = (): string[] => this.backendView?.take() ?? []
}

/** The frames of stream 1 in these bytes, on another stream. */
function moved(bytes: Buffer, stream: number): Buffer {
  const copy = Buffer.from(bytes)
  for (let at = 0; at < copy.length; at += 9 + copy.readUIntBE(at, 3))
    if (copy.readUInt32BE(at + 5) === 1) copy.writeUInt32BE(stream, at + 5)
  return copy
}

/** Steps that an event reaches only while the exchange is held before them. */
const HELD = new Set(['route', 'sendHead', 'retry'])

type Act = (stage: Stage) => void

interface Play {
  readonly limits?: SomeLimits
  readonly options?: MemoryProxyOptions
  /** The client's first bytes. */
  readonly handshake?: Buffer
  readonly request?: Buffer
  /** `act` begins with the request. */
  readonly fresh?: boolean
  /** The backend's SETTINGS. */
  readonly settings?: Buffer
  /** The response head that leads to `transfer`. */
  readonly answer?: Buffer
  /** Events that lead to `retry`. */
  readonly fault?: Act
  readonly act: Act
}

/** SETTINGS_INITIAL_WINDOW_SIZE 0, SETTINGS_MAX_CONCURRENT_STREAMS 1. */
const NO_WINDOW = Buffer.from([0, 4, 0, 0, 0, 0])
const ONE_STREAM = Buffer.from([0, 3, 0, 0, 0, 1])
const shaken = (settings: Buffer): Buffer =>
  Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, settings), frame(SETTINGS, 1, 0)])
const HANDSHAKE = shaken(Buffer.alloc(0))
/** Our own answers wait for this client. */
const NARROW = shaken(NO_WINDOW)
const byClient =
  (...frames: Buffer[]) =>
  ({ client }: Stage): void =>
    client.send(Buffer.concat(frames))
const byBackend =
  (...frames: Buffer[]) =>
  (stage: Stage): void =>
    stage.backend.send(moved(Buffer.concat(frames), stage.backendStream))
const nothing = (): void => {}
const later = (ms: number) => (stage: Stage) => stage.pass(ms)
const drain = ({ proxy }: Stage): void => {
  proxy.frontends[0].cancel()
  proxy.pollset.run()
}
const drainLate = (stage: Stage): void => {
  drain(stage)
  stage.look()
  drain(stage)
}
const SHORT = {
  proxy: { leaseTimeoutMs: 1000, headTimeoutMs: 1000, bodyTimeoutMs: 1000, retryTimeoutMs: 1000 },
} as const
const KEEPS_LITTLE = { proxy: { replayBytesMax: 4 } } as const
/** More of the body than is kept has left for the backend. */
const TOO_MUCH = Buffer.concat([UPLOAD, data(100)])

/** The ways to make each event happen, by `event` or `event | where`. */
const PLAYS: Readonly<Record<string, Play>> = {
  'client resets': { act: byClient(reset('CANCEL')) },
  'client resets | receive': { act: byClient(GET, reset('CANCEL')) },
  'client resets | respond': {
    request: headers(1, withMethod('TRACE', ['max-forwards', '0'])),
    handshake: NARROW,
    act: byClient(reset('CANCEL')),
  },
  'client resets | refuse': {
    options: { prefix: '/elsewhere' },
    handshake: NARROW,
    act: byClient(reset('CANCEL')),
  },
  'client connection dies': { act: ({ client }) => client.destroy() },
  'client sends FIN on its HTTP/2 connection': { act: ({ client }) => client.end() },
  'client sends GOAWAY': { act: byClient(goaway(0)) },
  'client message malformed | receive': { act: byClient(headers(1, REQUEST.slice(1))) },
  'client message malformed': { request: UPLOAD, act: byClient(headers(1, [['Upper', 'a']])) },
  'client header list too large': {
    limits: { http2: { headerListBytesMax: 16_384 } },
    act: byClient(
      headers(1, [...REQUEST, ...Array.from({ length: 140 }, (_, i) => [`x-${i}`, 'a'.repeat(90)] as const)]),
    ),
  },
  'max-forwards 0 on OPTIONS or TRACE': {
    act: byClient(headers(1, withMethod('OPTIONS', ['max-forwards', '0']))),
  },
  'CONNECT, no tunnel served': {
    act: byClient(
      headers(
        1,
        [
          [':method', 'CONNECT'],
          [':authority', 'a:1'],
        ],
        false,
      ),
    ),
  },
  'no route': { options: { prefix: '/elsewhere' }, act: byClient(GET) },
  'no backend: connect fails': {
    fresh: true,
    act: ({ proxy, client }) => {
      proxy.refuse()
      client.send(GET)
    },
  },
  'lease late': { limits: SHORT, act: later(1000) },
  'queue full': {
    limits: { engine: { queueMax: 1 } },
    fresh: true,
    act: ({ proxy, client }) => {
      proxy.hang()
      proxy.client().send(GET)
      client.send(GET)
    },
  },
  'session gone before the head was sent': { act: ({ backend }) => backend.destroy() },
  'backend resets:REFUSED_STREAM, cannot replay': {
    request: TOO_MUCH,
    limits: KEEPS_LITTLE,
    act: byBackend(reset('REFUSED_STREAM')),
  },
  'backend resets:NO_ERROR, content-length in full': {
    answer: head('200', false, ['content-length', '3']),
    act: byBackend(data(3), reset('NO_ERROR')),
  },
  'backend resets:ENHANCE_YOUR_CALM, safe to repeat': { act: byBackend(reset('ENHANCE_YOUR_CALM')) },
  'backend resets:ENHANCE_YOUR_CALM, not safe to repeat': {
    request: POST,
    act: byBackend(reset('ENHANCE_YOUR_CALM')),
  },
  'backend GOAWAY, stream above last id': { act: byBackend(goaway(0)) },
  'backend GOAWAY, stream above last id, cannot replay': {
    request: TOO_MUCH,
    limits: KEEPS_LITTLE,
    act: byBackend(goaway(0)),
  },
  'backend GOAWAY': {
    limits: { engine: { sessionsMax: 1 } },
    fresh: true,
    act: (stage) => {
      const other = stage.proxy.client()
      other.send(GET)
      stage.greet(ONE_STREAM)
      stage.client.send(GET)
      stage.look()
      stage.backend.send(goaway(1))
    },
  },
  'backend GOAWAY, stream at or below last id': { act: byBackend(goaway(1)) },
  'backend response head too large': {
    limits: { http2: { headerListBytesMax: 16_384 } },
    act: byBackend(
      headers(1, [
        [':status', '200'],
        ...Array.from({ length: 140 }, (_, i) => [`x-${i}`, 'a'.repeat(90)] as const),
      ]),
    ),
  },
  'backend connection ended for a frame of this stream': {
    // RFC 7541 §6.1: there is no entry 0.
    act: byBackend(frame(HEADERS, 4, 1, Buffer.from([0x80]))),
  },
  'backend connection ended for a frame of another, safe to repeat': {
    act: byBackend(frame(HEADERS, 4, 0, Buffer.alloc(1))),
  },
  'backend connection ended for a frame of another, not safe to repeat': {
    request: POST,
    act: byBackend(frame(HEADERS, 4, 0, Buffer.alloc(1))),
  },
  'backend connection dies, safe to repeat': { act: ({ backend }) => backend.destroy() },
  'backend connection dies, not safe to repeat': { request: POST, act: ({ backend }) => backend.destroy() },
  'backend connection dies': { act: ({ backend }) => backend.destroy() },
  'backend message malformed | awaitHead': { act: byBackend(headers(1, [['x-no-status', 'a']])) },
  'backend message malformed': { act: byBackend(headers(1, [['Upper', 'a']])) },
  'response head late': { limits: SHORT, act: later(1100) },
  'client owes the rest of its request, head late': { request: UPLOAD, limits: SHORT, act: later(1100) },
  'response body late': { limits: SHORT, act: later(1100) },
  // A held exchange does not age: the time has passed already.
  'retry late': { limits: { proxy: { retryTimeoutMs: 0 } }, act: nothing },
  'retries spent after a refusal': { limits: { proxy: { attemptsMax: 1 } }, act: nothing },
  'retries spent after a death': {
    limits: { proxy: { attemptsMax: 1 } },
    fault: ({ backend }) => backend.destroy(),
    act: nothing,
  },
  'backend sends 1xx': { act: byBackend(head('103')) },
  'backend sends 1xx, above the rate': {
    limits: { http2: { interimsBurst: 1 } },
    act: (stage) => {
      stage.backend.send(head('103'))
      stage.look()
      stage.backend.send(head('103'))
    },
  },
  'backend sends 100, and the client expects none': { act: byBackend(head('100')) },
  'backend sends final head': { act: byBackend(head()) },
  'backend sends DATA': { act: byBackend(data(3)) },
  'client sends DATA': { request: UPLOAD, act: byClient(data(3)) },
  'client sends trailers': { request: UPLOAD, act: byClient(TRAILERS) },
  'backend sends trailers, request ended': { act: byBackend(TRAILERS) },
  'backend ends response, request ended': { act: byBackend(data(0, true)) },
  'backend ends response, request unfinished': { request: UPLOAD, act: byBackend(data(0, true)) },
  'backend ends response, then resets:NO_ERROR': {
    request: UPLOAD,
    act: byBackend(data(0, true), reset('NO_ERROR')),
  },
  'stalled stream is ended | awaitHead': {
    limits: { transport: { heldBytesSoft: 1, stallMs: 1000 } },
    request: UPLOAD,
    settings: NO_WINDOW,
    act: (stage) => {
      stage.client.send(data(100))
      stage.pass(1000)
      stage.client.send(data(1))
    },
  },
  'stalled stream is ended': {
    limits: { transport: { heldBytesSoft: 1, stallMs: 1000 } },
    handshake: NARROW,
    act: (stage) => {
      stage.backend.send(data(100))
      stage.pass(1000)
      stage.backend.send(data(1))
    },
  },
  'drain begins': { act: drain },
  'drain late': { act: drainLate },
}

/** Codes of the rows `backend resets:CODE`. */
function playOf(event: string, where: string): Play | null {
  const code = /^backend resets:([A-Z_0-9]+|unknown)$/.exec(event)?.[1]
  if (code !== undefined) return { act: byBackend(reset(code)) }
  return PLAYS[`${event} | ${where}`] ?? PLAYS[event] ?? null
}

/** `close` implies GOAWAY, unless the cell names its code; RST_STREAM(NO_ERROR) may follow an answer of ours. */
function normalised(got: readonly string[], cell: string): string {
  const words = got.filter((word, at) => {
    if (word.startsWith('goaway:') && got.at(-1) === 'close') return cell.includes('goaway')
    return word !== 'reset:NO_ERROR' || !(got[at - 1] ?? '').startsWith('status:')
  })
  return words.length === 0 ? (cell === '=' ? '=' : '-') : words.join(', ')
}

/** A cell names the first steps; what follows a retry is the plain course again. */
const follows = (steps: readonly string[], cell: string): string => {
  if (steps.length === 0) return cell === '=' ? '=' : '-'
  return cell.endsWith('log') ? steps.join(' ') : steps.slice(0, cell.split(' ').length).join(' ')
}

type Row = Readonly<Record<string, string>>

function run(row: Row, play: Play | null, reach: (stage: Stage, play: Play) => void): void {
  const { event, where, client, backend, steps } = row
  t.test(`${event} | ${where}`, (t) => {
    if (play === null) {
      t.fail('say in this file how the event happens')
      t.end()
      return
    }
    const stage = new Stage(play)
    reach(stage, play)
    play.act(stage)
    stage.goOn()
    t.strictSame(
      {
        client: normalised(stage.clientGot(), client),
        backend: normalised(stage.backendGot(), backend),
        steps: follows(stage.steps(where), steps),
      },
      { client, backend, steps },
    )
    t.end()
  })
}

const rowsOf = (section: string): Row[] => tableOf(readFileSync('spec/exchange.md', 'utf8'), section)

for (const row of rowsOf('Events'))
  run(row, playOf(row.event, row.where), (stage, play) => stage.reach(row.where, play))

// Tunnels

const ENABLE_CONNECT_PROTOCOL = Buffer.from([0, 8, 0, 0, 0, 1])
const connecting = (protocol: string): Buffer =>
  headers(1, withMethod('CONNECT', [':protocol', protocol]).toSorted(pseudoFirst), false)
function pseudoFirst([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return Number(b.startsWith(':')) - Number(a.startsWith(':'))
}
const WEBSOCKET = connecting('websocket')
const byHttp1 = (text: string) => (stage: Stage) => {
  stage.lookAt(stage.backend)
  stage.backend.send(Buffer.from(text))
}

const TUNNEL_PLAYS: Readonly<Record<string, Play>> = {
  'a :protocol that the route does not allow': { fresh: true, act: byClient(connecting('mqtt')) },
  'more tunnels than proxy.tunnelsMax': {
    limits: { proxy: { tunnelsMax: 0 } },
    fresh: true,
    act: byClient(WEBSOCKET),
  },
  'HTTP/2 backend without ENABLE_CONNECT_PROTOCOL': {
    fresh: true,
    settings: Buffer.alloc(0),
    act: byClient(WEBSOCKET),
  },
  'client sends bytes': { act: byClient(data(3)) },
  'backend says yes (101, or 2xx over HTTP/2)': { act: byBackend(head()) },
  'backend says no (3xx, 4xx, 5xx)': { act: byBackend(head('404'), data(3), data(0, true)) },
  'HTTP/1.1 backend answers extended CONNECT with a success, not 101': {
    options: { speaks: 'http/1.1' },
    act: byHttp1('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
  },
  '101 with a wrong Sec-WebSocket-Accept': {
    options: { speaks: 'http/1.1' },
    act: byHttp1(
      'HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n',
    ),
  },
  'backend connection dies before it answers': { act: ({ backend }) => backend.destroy() },
  'client ends its half': { act: byClient(data(0, true)) },
  'backend ends its half': { act: byBackend(data(0, true)) },
  'both have ended': {
    act: (stage) => {
      byClient(data(0, true))(stage)
      byBackend(data(0, true))(stage)
    },
  },
  'backend ends its half, then resets:NO_ERROR': { act: byBackend(data(0, true), reset('NO_ERROR')) },
  'client resets': { act: byClient(reset('CANCEL')) },
  'backend resets, or its connection dies': { act: byBackend(reset('INTERNAL_ERROR')) },
  'client sends HEADERS': { act: byClient(TRAILERS) },
  'backend sends HEADERS': { act: byBackend(TRAILERS) },
  'nothing moves for proxy.tunnelIdleMs': { limits: { proxy: { tunnelIdleMs: 1000 } }, act: later(1100) },
  'drain begins': { act: drain },
  'drain late': { act: drainLate },
}

for (const row of rowsOf('Tunnels'))
  run(row, TUNNEL_PLAYS[row.event] ?? null, (stage, { options, settings, fresh }) => {
    const http2 = options?.speaks === undefined
    if (http2) stage.connectBefore(settings ?? ENABLE_CONNECT_PROTOCOL)
    if (!fresh) stage.client.send(WEBSOCKET)
    if (row.where === 'tunnel') byBackend(head())(stage)
    stage.look()
  })

// Plain CONNECT

const TARGET = { host: '192.0.2.9', port: 9 }
const connectTo = (authority: string): Buffer =>
  headers(
    1,
    [
      [':method', 'CONNECT'],
      [':authority', authority],
    ],
    false,
  )
const TO_TARGET = connectTo('192.0.2.9:9')
const ALLOWED = { connect: ['192.0.2.9:9'] }
/** A connect that waits for its target, which `then` is. */
const hanging = (then: (stage: Stage, target: FarEnd) => void) => (stage: Stage) => {
  let target: FarEnd | null = null
  stage.proxy.pollset.serveFar(TARGET, (far) => (target = far), 'hang')
  stage.client.send(TO_TARGET)
  stage.look()
  const far = target as FarEnd | null
  if (far === null) throw new Error('the target was not dialled')
  stage.lookAt(far)
  then(stage, far)
}

const CONNECT_PLAYS: Readonly<Record<string, Play>> = {
  'no target is allowed at all': { act: byClient(TO_TARGET) },
  'its authority is not HOST:PORT': { options: ALLOWED, act: byClient(connectTo('a:99999')) },
  'its target is not allowed': { options: ALLOWED, act: byClient(connectTo('192.0.2.9:10')) },
  'more tunnels than proxy.tunnelsMax': {
    options: ALLOWED,
    limits: { proxy: { tunnelsMax: 0 } },
    act: byClient(TO_TARGET),
  },
  'its name is not resolved, or connecting fails': {
    options: ALLOWED,
    act: ({ proxy, client }) => {
      proxy.refuse()
      client.send(TO_TARGET)
    },
  },
  'connect late': {
    options: ALLOWED,
    limits: { transport: { connectMs: 1000 } },
    act: hanging((stage) => stage.pass(1100)),
  },
  'client sends bytes': { options: ALLOWED, act: hanging(byClient(data(3))) },
  connected: { options: ALLOWED, act: hanging((_stage, target) => target.accept()) },
  'target speaks first': {
    options: ALLOWED,
    act: hanging((_stage, target) => {
      target.accept()
      target.send(Buffer.from('hello'))
    }),
  },
}

for (const row of rowsOf('Plain CONNECT')) run(row, CONNECT_PLAYS[row.event] ?? null, () => {})

t.test('no play is without its row', (t) => {
  for (const [section, plays] of [
    ['Events', PLAYS],
    ['Tunnels', TUNNEL_PLAYS],
    ['Plain CONNECT', CONNECT_PLAYS],
  ] as const) {
    const named = new Set(rowsOf(section).flatMap(({ event, where }) => [event, `${event} | ${where}`]))
    for (const event of Object.keys(plays)) t.ok(named.has(event), `${section}: ${event}`)
  }
  t.end()
})
