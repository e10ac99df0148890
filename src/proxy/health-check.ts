// Active health checks of an endpoint (spec/balancing.md, B32 and on). A check is a continuation on a session
// of its own: the session is opened for it, and closes with it. So it shows that the endpoint takes
// connections, and neither waits for requests nor takes their streams.
//
//   http, grpc: lease → send → awaitHead → readBody → tell        tcp: connect → tell
//
// All of a check has one deadline. The first begins at once, the others an interval after the last one began.

import type { ActiveHealthOptions } from '../balancing/index.js'
import { Continuation, defineLife, type Fault } from '../continuation/index.js'
import { Checks, LEASED, OwnSession, type SessionFactory, UNLEASED } from '../engine/index.js'
import { BODY, type Client, HEAD, Head, type HttpWorld, INTERIM, RESET, type Stream } from '../http/index.js'
import { Signal, type Socket } from '../pollset/index.js'
import { type AddressPair, type Dial, type DialEvents, type DialTarget, dial } from '../transport/index.js'
import type { ExchangeSession } from './engine-set.js'
import { CHECK_PATH, checkRequest, servingStatus } from './grpc-health.js'

/** The interval while the endpoint is down, in ms, if the configured one is not shorter. */
const DOWN_INTERVAL_MS = 3000

/** The part by which intervals differ from the configured one, so that checks do not come together. */
const JITTER = 0.1

/** The most bytes of a body that a check reads. A longer body is not read to its end. */
const BODY_BYTES_MAX = 65_536

/** The endpoint of checks, and the ways to reach it. */
export interface CheckedEndpoint {
  /** The endpoint's address, for a person. */
  readonly name: string
  /** Opens the sessions of http and grpc checks. */
  readonly sessions: SessionFactory<ExchangeSession>
  /**
   * The target that a tcp check dials. The check passes when the connection is made, with TLS if
   * the target has it.
   */
  readonly target: DialTarget
  readonly scheme: 'http' | 'https'
  /** The `:authority` of check requests, unless the options have a host. */
  readonly authority: string
}

/**
 * Is called after each check. Returns true if the endpoint is down now: then its next check comes sooner.
 * @param why the result, as a clause for a person: `status 503`
 */
export type CheckReport = (passed: boolean, why: string) => boolean

/** Checks an endpoint repeatedly, until it is closed. */
export class HealthCheck extends Checks {
  private readonly world: HttpWorld
  private readonly options: ActiveHealthOptions
  private readonly endpoint: CheckedEndpoint
  private readonly chance: () => number
  private readonly report: CheckReport

  /** @param chance returns a number in [0, 1), from the pollset's randomness */
  constructor(
    world: HttpWorld,
    options: ActiveHealthOptions,
    endpoint: CheckedEndpoint,
    chance: () => number,
    report: CheckReport,
  ) {
    super(world.pollset)
    this.world = world
    this.options = options
    this.endpoint = endpoint
    this.chance = chance
    this.report = report
  }

  protected begin(): Check {
    const { world, options, endpoint } = this
    const check = new Check(world, options, endpoint, (passed, why) => this.ended(passed, why))
    checkSteps.start(world, check, options.kind === 'tcp' ? 'connect' : 'lease')
    return check
  }

  protected judged(passed: boolean, why: string): number {
    const isDown = this.report(passed, why)
    const { intervalMs } = this.options
    const interval = isDown ? Math.min(DOWN_INTERVAL_MS, intervalMs) : intervalMs
    return interval * (1 - JITTER + 2 * JITTER * this.chance())
  }
}

const checkLife = defineLife({
  name: 'check',
  source: import.meta.url,
  edges: {
    connect: ['connect', 'tell', 'late', 'abandon'],
    lease: ['send', 'late', 'abandon'],
    send: ['awaitHead', 'tell'],
    awaitHead: ['awaitHead', 'readBody', 'tell', 'late', 'abandon'],
    readBody: ['readBody', 'tell', 'late', 'abandon'],
    late: ['tell'],
    tell: ['done'],
    abandon: ['done'],
  },
})

/** The bit of {@link Dialled}. */
const DIALLED = 1

/** Rises when the dial of a tcp check has ended. */
class Dialled extends Signal {
  dial: Dial | null = null

  override holders() {
    return this.dial === null ? [] : [{ subject: this.dial, reason: 'is connecting' }]
  }
}

const NO_ADDRESS = { host: '', port: 0 }

/** One check. It is its own client, without forwarding fields. */
export class Check extends Continuation implements Client, DialEvents {
  readonly id: string
  readonly kind = 'check'
  readonly forwardingFields = []
  readonly addresses: AddressPair = { from: NO_ADDRESS, to: NO_ADDRESS }
  readonly neighbour = NO_ADDRESS
  readonly protocol = ''
  readonly secured = null
  readonly options: ActiveHealthOptions
  readonly endpoint: CheckedEndpoint
  readonly world: HttpWorld
  /** The time at which it is late, in ms of the pollset's clock. */
  readonly lateAt: number
  /** The session of http and grpc checks; a tcp check has none, and does not use it. */
  readonly own: OwnSession<ExchangeSession>
  stream: Stream | null = null
  /** The dial of a tcp check. */
  readonly dialled: Dialled
  socket: Socket | null = null
  /** The part of the body that was read for grpc. http does not use it. */
  body: Buffer[] = []
  bodyBytes = 0
  passed = false
  why = ''
  private readonly tell: (passed: boolean, why: string) => void

  constructor(
    world: HttpWorld,
    options: ActiveHealthOptions,
    endpoint: CheckedEndpoint,
    tell: (passed: boolean, why: string) => void,
  ) {
    super(world)
    this.id = world.nextId('k')
    this.world = world
    this.options = options
    this.endpoint = endpoint
    this.tell = tell
    this.lateAt = world.pollset.now + options.timeoutMs
    this.own = new OwnSession(world, endpoint.name, endpoint.sessions, this)
    this.dialled = new Dialled(`${this.id}.dialled`, 'signal', ['DIALLED'])
  }

  /** Sets the verdict. */
  judge(passed: boolean, why: string): void {
    this.passed = passed
    this.why = why
  }

  failedBy({ message, detail }: Fault): void {
    this.judge(false, detail ?? message)
  }

  report(): void {
    this.release()
    this.tell(this.passed, this.why)
  }

  connected(socket: Socket): void {
    if (this.finished) socket.destroy()
    else this.socket = socket
    this.dialled.raise(DIALLED)
  }

  failed(why: Fault): void {
    this.failedBy(why)
    this.dialled.raise(DIALLED)
  }

  /** Releases everything it has. */
  release(): void {
    this.stream?.reset('cancel')
    this.own.close()
    this.dialled.dial?.cancel()
    this.socket?.destroy()
  }

  crashed(): void {
    this.judge(false, 'a step of the check failed')
    this.report()
  }

  /** Reads the arrived part of the body. Returns false past the bound. */
  takeBody(stream: Stream): boolean {
    stream.lower(BODY)
    const bytes = stream.waitingBytes
    if (bytes === 0) return true
    this.bodyBytes += bytes
    if (this.bodyBytes > BODY_BYTES_MAX) return false
    const taken = Buffer.alloc(bytes)
    stream.receiveBuffer?.pull(taken, 0, bytes, this.world.pollset.now)
    if (this.options.kind === 'grpc') this.body.push(taken)
    return true
  }

  /** Judges the whole response of a gRPC check. */
  judgeGrpc(stream: Stream): void {
    const trailers = stream.trailers ?? stream.head?.fields ?? []
    const code = trailers.find((each) => each.name === 'grpc-status')?.value
    if (code === undefined) this.judge(false, 'no gRPC status')
    else if (code !== '0') this.judge(false, `gRPC status ${code}`)
    else {
      const status = servingStatus(Buffer.concat(this.body))
      this.judge(status === 'SERVING', status ?? 'not a health response')
    }
  }

  requestHead(): Head {
    const { options, endpoint, world } = this
    const { fields } = world
    const isGrpc = options.kind === 'grpc'
    const lines = [
      fields.field(':method', isGrpc ? 'POST' : 'GET'),
      fields.field(':scheme', endpoint.scheme),
      fields.field(':authority', options.host ?? endpoint.authority),
      fields.field(':path', isGrpc ? CHECK_PATH : options.path),
      fields.field('user-agent', 'fermata-check'),
    ]
    if (isGrpc) lines.push(fields.field('te', 'trailers'), fields.field('content-type', 'application/grpc'))
    return Head.request(lines)
  }

  override describe() {
    const { endpoint, options, stream } = this
    return { endpoint: endpoint.name, kind: options.kind, status: stream?.head?.status ?? 0 }
  }
}

const { goto, done, suspend } = checkLife
const waitForConnect = suspend({ then: 'connect', late: 'late', cancelled: 'abandon' })
const waitForLease = suspend({ then: 'send', late: 'late', cancelled: 'abandon' })
const waitForHead = suspend({ then: 'awaitHead', late: 'late', cancelled: 'abandon' })
const waitForBody = suspend({ then: 'readBody', late: 'late', cancelled: 'abandon' })

const checkSteps = checkLife.steps<Check>({
  /** Dials, for tcp. */
  connect(c) {
    if (c.socket !== null) {
      c.judge(true, 'connected')
      return goto.tell
    }
    if (c.why !== '') return goto.tell
    const { endpoint, world } = c
    c.dialled.dial ??= dial(world, c.id, endpoint.target, world.transportLimits, c)
    c.waitOn(0, c.dialled, DIALLED)
    c.waitUntil(c.lateAt)
    return waitForConnect
  },

  /** Opens the session. */
  lease(c) {
    if (c.own.open()) return goto.send
    c.waitOn(0, c.own.lease, LEASED | UNLEASED)
    c.waitUntil(c.lateAt)
    return waitForLease
  },

  send(c) {
    const { session, fault } = c.own
    if (session === null && fault !== null) {
      c.failedBy(fault)
      return goto.tell
    }
    if (session?.state !== 'open') {
      c.judge(false, session?.unfit?.message ?? 'the connection was closed')
      return goto.tell
    }
    const head = c.requestHead()
    const stream = c.own.take().openStream(head, c)
    c.stream = stream
    stream.user = c
    const { kind, service } = c.options
    stream.sendHead(head, kind !== 'grpc')
    if (kind === 'grpc') stream.sendWhole(checkRequest(service))
    return goto.awaitHead
  },

  awaitHead(c) {
    const stream = c.stream as Stream
    while (stream.takeInterim() !== null);
    if (stream.head !== null) {
      const { status } = stream.head
      const { kind, status: passing } = c.options
      const ranges = kind === 'grpc' ? GRPC_PASSING : passing
      c.judge(
        ranges.some(([least, most]) => status >= least && status <= most),
        `status ${status}`,
      )
      return c.passed ? goto.readBody : goto.tell
    }
    if (stream.fault !== null) {
      c.failedBy(stream.fault)
      return goto.tell
    }
    c.waitOn(0, stream, HEAD | INTERIM | RESET)
    c.waitUntil(c.lateAt)
    return waitForHead
  },

  /**
   * Reads the body to its end. The status has already decided a check over http: it reads on so that the
   * endpoint does not see a client that left early.
   */
  readBody(c) {
    const stream = c.stream as Stream
    const isGrpc = c.options.kind === 'grpc'
    if (!c.takeBody(stream)) {
      if (isGrpc) c.judge(false, 'not a health response')
      return goto.tell
    }
    if (stream.remoteEnded) {
      if (isGrpc) c.judgeGrpc(stream)
      return goto.tell
    }
    if (stream.fault !== null) {
      if (isGrpc) c.failedBy(stream.fault)
      return goto.tell
    }
    c.waitOn(0, stream, BODY | RESET)
    c.waitUntil(c.lateAt)
    return waitForBody
  },

  late(c) {
    const answered = c.stream !== null && c.stream.head !== null
    if (!answered || c.options.kind === 'grpc') c.judge(false, `no answer within ${c.options.timeoutMs} ms`)
    return goto.tell
  },

  tell(c) {
    c.report()
    return done
  },

  /** Ends, since the checks of this endpoint are closed. */
  abandon(c) {
    c.release()
    return done
  },
})

const GRPC_PASSING: readonly (readonly [number, number])[] = [[200, 200]]
