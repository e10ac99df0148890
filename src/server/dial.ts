// A session to a backend whose protocol only its TLS handshake decides (RFC 7301). To the engine it is one
// session from the beginning; what it is made of comes with the connection: a dial first, then the session of
// the protocol chosen.

import { Continuation, defineLife, type Fault, type World } from '../continuation/index.js'
import type { SessionFactory, SessionReports, SessionState } from '../engine/index.js'
import type { Client, Head, Stream } from '../http/index.js'
import type { Socket } from '../pollset/index.js'
import type { ExchangeSession } from '../proxy/index.js'
import type { BackendTarget } from '../transport/index.js'
import { type AttemptLimits, Attempts } from '../transport/index.js'

/**
 * Makes the session of the protocol that was chosen, on a connected socket; it reports `opened` by itself.
 */
export type SessionOn = (socket: Socket, reports: SessionReports<ExchangeSession>) => ExchangeSession

export const dialLife = defineLife({
  edges: {
    resolve: ['connect', 'fail'],
    connect: ['connect', 'handOver', 'fail'],
    handOver: ['done'],
    fail: ['done'],
  },
})

class Dial extends Continuation {
  readonly id: string
  readonly session: DialledSession
  readonly attempts: Attempts

  constructor(world: World, target: BackendTarget, limits: AttemptLimits, session: DialledSession) {
    super(world)
    this.id = world.nextId('d')
    this.session = session
    this.attempts = new Attempts(world.pollset, target, limits)
  }

  get kind(): string {
    return 'dial'
  }

  giveUp(): void {
    this.attempts.drop()
    this.session.failed(this.attempts.fault ?? this.attempts.ended)
  }

  crashed(): void {
    this.attempts.socket?.destroy()
    this.giveUp()
  }

  override describe() {
    return this.attempts.describe()
  }
}

const { goto, done, suspend } = dialLife
/** For the name, and for any of its addresses: until the absolute time that is theirs. */
const waitForName = suspend({ then: 'connect', late: 'fail', cancelled: 'fail' })
const waitForConnect = suspend({ then: 'connect', late: 'connect', cancelled: 'fail' })

const dialSteps = dialLife.steps<Dial>({
  resolve: (d) => (d.attempts.resolve(d) ? waitForName : goto.connect),
  connect(d) {
    if (d.attempts.goOn(d, d.id)) return waitForConnect
    return d.attempts.socket === null ? goto.fail : goto.handOver
  },
  handOver(d) {
    d.session.connected(d.attempts.socket as Socket)
    return done
  },
  fail(d) {
    d.giveUp()
    return done
  },
})

/** One session, before and after its protocol is known. The engine's writes reach whatever carries it. */
class DialledSession implements ExchangeSession, SessionReports<ExchangeSession> {
  private reports: SessionReports<ExchangeSession>
  private readonly sessionOn: SessionOn
  private readonly dial: Dial
  private carried: ExchangeSession | null = null
  private ownState: SessionState = 'opening'
  private ownLeased = 0

  constructor(
    world: World,
    target: BackendTarget,
    limits: AttemptLimits,
    sessionOn: SessionOn,
    reports: SessionReports<ExchangeSession>,
  ) {
    this.reports = reports
    this.sessionOn = sessionOn
    this.dial = new Dial(world, target, limits, this)
    dialSteps.start(world, this.dial, 'resolve')
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

  get unfit(): Fault | null {
    return this.carried?.unfit ?? null
  }

  openStream(request: Head, client: Client): Stream {
    return (this.carried as ExchangeSession).openStream(request, client)
  }

  reportTo(reports: SessionReports<ExchangeSession>): void {
    this.reports = reports
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
  declined(): void {
    this.reports.declined(this)
  }
  retired(_session: ExchangeSession, served?: number): void {
    this.reports.retired(this, served)
  }
  leaving(): void {
    this.reports.leaving(this)
  }
  surrendered(): void {
    this.reports.surrendered(this)
  }
  reserved(_session: ExchangeSession, owner: object): void {
    this.reports.reserved(this, owner)
  }
  closed(_session: ExchangeSession, why: Fault | null): void {
    this.reports.closed(this, why)
  }
}

/** Opens sessions whose protocol the handshake decides. */
export function dialledSessions(
  world: World,
  target: BackendTarget,
  limits: AttemptLimits,
  sessionOn: SessionOn,
): SessionFactory<ExchangeSession> {
  return (reports) => new DialledSession(world, target, limits, sessionOn, reports)
}
