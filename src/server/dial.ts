// A session to a backend whose protocol only its TLS handshake decides (RFC 7301). To the engine it is one session from the
// beginning; what it is made of comes with the connection: a dial first, then the session of the protocol chosen.

import { Continuation, defineLife, type Fault, type Program, type World } from '../continuation/index.js'
import type { SessionFactory, SessionReports, SessionState } from '../engine/index.js'
import {
  type BackendTarget,
  connectTarget,
  type Head,
  notConnected,
  resolveTarget,
  type Stream,
} from '../http/index.js'
import { CLOSED, CONNECTED, RESOLVED, type Resolution, Socket } from '../pollset/index.js'
import type { ExchangeSession } from '../proxy/index.js'

/** Makes the session of the protocol that was chosen, on a connected socket; it reports `opened` by itself. */
export type SessionOn = (socket: Socket, reports: SessionReports<ExchangeSession>) => ExchangeSession

export const dialLife = defineLife({
  edges: {
    resolve: ['connect', 'fail'],
    connect: ['handOver', 'fail'],
    handOver: ['fail', 'done'],
    fail: ['done'],
  },
  waits: ['connect'],
})

class Dial extends Continuation {
  readonly id: string
  readonly world: World
  readonly target: BackendTarget
  readonly session: DialledSession
  resolution: Resolution | null = null
  socket: Socket | null = null
  why: Fault

  constructor(world: World, target: BackendTarget, connectMs: number, session: DialledSession) {
    super(
      world.scheduler,
      dialSteps as Program<never>,
      dialLife.durations(world.pollset.deadlines, { connect: connectMs }),
    )
    this.id = world.nextId('d')
    this.world = world
    this.target = target
    this.session = session
    this.why = notConnected(target, 'ETIMEDOUT')
  }

  get kind(): string {
    return 'dial'
  }

  crashed(): void {
    this.socket?.destroy()
    this.session.failed(this.why)
  }
}

const { goto, done, suspend } = dialLife
const waitForName = suspend({ then: 'connect', late: 'fail', cancelled: 'fail', within: 'connect' })
const waitForConnect = suspend({ then: 'handOver', late: 'fail', cancelled: 'fail', within: 'connect' })

const dialSteps = dialLife.steps<Dial>({
  resolve(d) {
    d.resolution = resolveTarget(d.world.pollset, d.target)
    if (d.resolution === null) return goto.connect
    d.waitOn(0, d.resolution, RESOLVED)
    return waitForName
  },
  connect(d) {
    const socket = connectTarget(d.world.pollset, d.target, d.resolution, `${d.id}.socket`)
    if (!(socket instanceof Socket)) {
      d.why = socket
      return goto.fail
    }
    d.socket = socket
    d.waitOn(0, socket, CONNECTED | CLOSED)
    return waitForConnect
  },
  handOver(d) {
    const socket = d.socket as Socket
    if ((socket.readiness & CLOSED) !== 0) {
      d.why = notConnected(d.target, socket.fault?.code ?? 'closed')
      return goto.fail
    }
    d.session.connected(socket)
    return done
  },
  fail(d) {
    d.socket?.destroy()
    d.session.failed(d.why)
    return done
  },
})

/** One session, before and after its protocol is known. The engine's writes reach whatever carries it. */
class DialledSession implements ExchangeSession, SessionReports<ExchangeSession> {
  private readonly reports: SessionReports<ExchangeSession>
  private readonly sessionOn: SessionOn
  private readonly dial: Dial
  private carried: ExchangeSession | null = null
  private ownState: SessionState = 'opening'
  private ownLeased = 0

  constructor(
    world: World,
    target: BackendTarget,
    connectMs: number,
    sessionOn: SessionOn,
    reports: SessionReports<ExchangeSession>,
  ) {
    this.reports = reports
    this.sessionOn = sessionOn
    this.dial = new Dial(world, target, connectMs, this)
    world.scheduler.start(this.dial, dialSteps, 'resolve')
  }

  get id(): string {
    return this.carried?.id ?? this.dial.id
  }
  get state(): SessionState {
    return this.ownState
  }
  set state(state: SessionState) {
    this.ownState = state
    if (this.carried !== null) this.carried.state = state
  }
  get leased(): number {
    return this.ownLeased
  }
  set leased(leased: number) {
    this.ownLeased = leased
    if (this.carried !== null) this.carried.leased = leased
  }
  get capacity(): number {
    return this.carried?.capacity ?? 1
  }
  get features(): number {
    return this.carried?.features ?? 0
  }

  openStream(request: Head): Stream {
    return (this.carried as ExchangeSession).openStream(request)
  }

  close(): void {
    if (this.carried === null) this.dial.cancel()
    else this.carried.close()
  }

  // Of the dial

  connected(socket: Socket): void {
    const carried = this.sessionOn(socket, this)
    carried.state = this.ownState
    carried.leased = this.ownLeased
    this.carried = carried
  }

  failed(why: Fault): void {
    this.reports.closed(this, why)
  }

  // Of the session that carries it

  opened(): void {
    this.reports.opened(this)
  }
  changed(): void {
    this.reports.changed(this)
  }
  freed(): void {
    this.reports.freed(this)
  }
  retired(): void {
    this.reports.retired(this)
  }
  surrendered(): void {
    this.reports.surrendered(this)
  }
  closed(_session: ExchangeSession, why: Fault | null): void {
    this.reports.closed(this, why)
  }
}

/** Opens sessions whose protocol the handshake decides. */
export function dialledSessions(
  world: World,
  target: BackendTarget,
  connectMs: number,
  sessionOn: SessionOn,
): SessionFactory<ExchangeSession> {
  return (reports) => new DialledSession(world, target, connectMs, sessionOn, reports)
}
