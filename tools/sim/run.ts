// One run: a World of production code on the simulated network, actors on both sides, and checkers after
// every turn. It has three phases: faults (safety); then the network heals and all actors behave (liveness);
// then all actors leave, and nothing must remain.

import {
  type Continuation,
  createWorld,
  GOTO,
  type Hold,
  type Outcome,
  TraceLines,
  type Tracer,
} from '../../src/continuation/index.js'
import {
  createHttpWorld,
  type FrontendStream,
  type Client as HttpClient,
  type HttpWorld,
} from '../../src/http/index.js'
import type { Http1Context } from '../../src/http1/index.js'
import type { Http2Context } from '../../src/http2/index.js'
import { Prng, type SimPeerSocket, SimPollset } from '../../src/pollset/index.js'
import {
  Backend,
  ConnectPolicy,
  Endpoint,
  type EngineSet,
  type Exchange,
  isSubrequest,
  ReverseProxy,
  type Route,
  type Router,
  settingsOf,
} from '../../src/proxy/index.js'
import {
  type AlpnProtocol,
  ClientHandshake,
  type HandshakeEvents,
} from '../../src/server/client-handshake.js'
import type { Limits } from '../../src/server/index.js'
import { Protocols } from '../../src/server/protocols.js'
import { configurationOf } from '../../src/server/short-form.js'
import { Listening } from '../../src/transport/index.js'
import { routerTo } from '../testbed/short-server.js'
import { BackendPeer } from './backend.js'
import { Backend1 } from './backend1.js'
import { Changeovers } from './changeovers.js'
import { changeovers } from './checks/changeovers.js'
import type { Checker, RunView } from './checks/check.js'
import { clocks } from './checks/clocks.js'
import { exchangeEnded } from './checks/closing.js'
import { type CourseChecker, courses } from './checks/courses.js'
import { e8 } from './checks/e8.js'
import { e26 } from './checks/e26.js'
import { fullLength } from './checks/full-length.js'
import { h1 } from './checks/h1.js'
import { connectionsEndWithinMs, endedInTime, exchangesEndWithinMs } from './checks/l1.js'
import { loads } from './checks/loads.js'
import { questions } from './checks/questions.js'
import { r } from './checks/r.js'
import { s1 } from './checks/s1.js'
import { s3 } from './checks/s3.js'
import { s4 } from './checks/s4.js'
import { s5 } from './checks/s5.js'
import { s6 } from './checks/s6.js'
import { ToldTogether } from './checks/told-together.js'
import { tunnels } from './checks/tunnels.js'
import { Client } from './client.js'
import { Client1 } from './client1.js'
import { DebuggerActor } from './debugger-actor.js'
import { Endpoints, type Host, type HostPeer, routeSettings } from './endpoints.js'
import { FilterPart, type FilterStage } from './filters/part.js'
import {
  type CheckInside,
  type ConnectionInside,
  type EngineInside,
  type ExchangeInside,
  type Http1Inside,
  isCheck,
  isHttp1,
  isTcp,
  type SessionInside,
  type TcpInside,
} from './inside.js'
import { Ledger, OTHER_PROTOCOL, type Request, TARGET_PORT, Violation } from './ledger.js'
import { faultsOf, limitsOf } from './limits.js'
import { Operators } from './operators.js'
import type { Plan } from './plan.js'
import { RedisRun } from './redis/run.js'
import { Steering } from './steering.js'
import { Target } from './target.js'
import { TurnByTurn } from './turns.js'

const FRONT = { host: '192.0.2.1', port: 80 }
const BACK = { host: '192.0.2.9', port: 9 }
const BACK_NAME = 'backend.sim'
const TARGET_HOST = '192.0.2.77'
const TARGET_NAME = 'target.sim'

export interface Result {
  readonly plan: Plan
  readonly violation: Violation | null
  readonly exchanges: number
  readonly turns: number
  readonly faults: Readonly<Record<string, number>>
  readonly outcomes: ReadonlyMap<string, number>
}

export interface RunOptions {
  /** Gets each trace line. */
  readonly lines?: (line: string) => void
  /** Gets all bytes that the proxy sends. */
  readonly octets?: (bytes: Uint8Array) => void
}

/** An actor of either HTTP version, or the target of a CONNECT. */
interface Healing {
  heal(): void
}

class Run implements FilterStage, RunView, Tracer, HandshakeEvents {
  readonly plan: Plan
  readonly limits: Limits
  readonly pollset: SimPollset
  readonly world: HttpWorld
  readonly http1: Http1Context
  readonly http2: Http2Context
  readonly proxy: ReverseProxy
  private readonly plain: Backend | null = null
  private readonly engineSet: EngineSet | null = null
  private readonly endpoints: Endpoints | null = null
  private readonly filters: FilterPart | null = null
  private readonly operators: Operators | null = null
  readonly changeovers: Changeovers | null = null
  readonly hand: DebuggerActor
  private readonly steering: Steering
  readonly books = new Ledger()
  readonly octets: ((bytes: Uint8Array) => void) | null
  readonly faults: Record<string, number>
  healed = false
  exchanges: ExchangeInside[] = []
  frontends: ConnectionInside[] = []
  sessions: SessionInside[] = []
  http1Frontends: Http1Inside[] = []
  http1Sessions: Http1Inside[] = []
  tcpSessions: TcpInside[] = []
  engines: readonly EngineInside[] = []
  checks: CheckInside[] = []
  checksArmed = 0
  logged: Exchange[] = []
  readonly told = new ToldTogether()
  private readonly clients: (Client | Client1)[] = []
  private readonly peers = new Set<Healing>()
  private readonly protocols: Protocols
  private readonly listening: Listening
  private readonly checkers: readonly Checker[]
  private readonly holds = s6()
  private readonly queues = e8()
  private readonly waits = s5()
  private readonly times = clocks()
  private readonly courses: CourseChecker | null = null
  private readonly lines: TraceLines | null
  private readonly chance: Prng
  private readonly turns: TurnByTurn

  constructor(plan: Plan, options: RunOptions) {
    this.plan = plan
    this.octets = options.octets ?? null
    this.limits = limitsOf(plan)
    this.chance = new Prng(plan.seed ^ 0x5eed)
    const pollset = new SimPollset(plan.seed, faultsOf(plan))
    this.pollset = pollset
    this.turns = new TurnByTurn(pollset, () => this.look())
    this.faults = pollset.done
    pollset.name(BACK_NAME, [BACK.host])
    pollset.name(TARGET_NAME, [TARGET_HOST])
    const world = createWorld(pollset, { limits: this.limits.continuation })
    this.lines = options.lines === undefined ? null : new TraceLines(pollset, options.lines)
    world.scheduler.tracer = this
    this.world = createHttpWorld(world, this.limits.transport)
    const protocols = new Protocols(this.world, this.limits)
    this.protocols = protocols
    this.http1 = protocols.http1
    this.http2 = protocols.http2
    const scheme = plan.http1Backend === 1 ? 'http' : 'h2c'
    const { backends } = configurationOf({
      listen: [],
      routes: [{ host: '', prefix: '/', url: `${scheme}://${BACK_NAME}:${BACK.port}` }],
      share: plan.shareConnection === 1 ? 'connection' : 'process',
      limits: this.limits,
    })
    if (plan.endpoints === 0) {
      this.engineSet = protocols.enginesTo(backends[0].name, backends[0])
      this.plain = new Backend(this.world, `${scheme}://backend`, [new Endpoint(this.world, this.engineSet)])
    } else {
      const checker = courses(plan, pollset)
      if (plan.changeovers === 1) this.changeovers = new Changeovers(this, new Prng(plan.seed ^ 0xc4a6))
      this.courses = checker
      this.endpoints = new Endpoints(
        this,
        protocols,
        backends[0],
        new Prng(plan.seed ^ 0xe9d),
        (host, far) => this.peer(far, this.chance.fork(), host),
        checker,
      )
    }
    const connects = new ConnectPolicy(this.world, [`${TARGET_NAME}:*`], (to) => protocols.tcpSessions(to))
    this.proxy = new ReverseProxy(this.world, this.routesTo(this.backend), this.limits.proxy, connects)
    if (plan.filters === 1) {
      this.filters = new FilterPart(this, protocols, new Prng(plan.seed ^ 0xf117), FRONT)
      this.routeTo(this.backend)
    }
    this.proxy.watch({
      ended: (exchange) => {
        this.logged.push(exchange)
        if (!isSubrequest(exchange)) exchangeEnded(this.books, exchange)
      },
    })
    this.proxy.measureSteps(this.told)
    this.proxy.watch(this.told)
    if (plan.operators === 1) this.operators = new Operators(this, protocols, new Prng(plan.seed ^ 0x0bea))
    const chance = this.chance.fork()
    this.steering = new Steering(this, world.scheduler, chance)
    this.hand = new DebuggerActor(this, world.scheduler, chance, this.steering)
    if (plan.holdPercent > 0) world.scheduler.gate = this.hand
    this.checkers = [
      ...(this.filters?.checkers ?? []),
      s1(),
      s3(),
      s4(),
      this.waits,
      this.holds,
      this.queues,
      r(),
      tunnels(),
      h1(),
      this.times,
      e26(),
      fullLength(),
      ...(this.courses === null ? [] : [this.courses, loads()]),
      ...(this.operators === null ? [] : [questions()]),
      ...(this.changeovers === null ? [] : [changeovers(this.changeovers)]),
    ]
    if (plan.endpoints === 0) this.serve()
    this.listening = new Listening(this.world, FRONT, {
      accepted: (socket) => {
        new ClientHandshake(
          this.world,
          socket,
          { tls: null, proxyHeaderBytesMax: 0, handshakeMs: this.limits.server.handshakeMs },
          this,
        )
      },
    })
    this.dial()
  }

  /** The backend that new requests go to. */
  get backend(): Backend {
    return this.endpoints?.backend ?? (this.plain as Backend)
  }

  // The parts of the run

  routeTo(backend: Backend): void {
    this.proxy.routes = this.routesTo(backend)
  }

  rerouted(): void {
    this.routeTo(this.backend)
  }

  wasMadeLate(id: string): boolean {
    return this.steering.lateIds.has(id)
  }

  private routesTo(backend: Backend): Router<Route> {
    const { limits, plan, world } = this
    const settings = plan.endpoints === 0 ? {} : routeSettings(plan, settingsOf('', limits.proxy))
    const all = { upgrades: [OTHER_PROTOCOL], ...settings }
    const routes = this.filters?.routes(backend) ?? [{ host: '', prefix: '/', backend }]
    return routerTo(world, routes, limits.proxy, all)
  }

  handshakeDone(handshake: ClientHandshake, spoken: AlpnProtocol): void {
    const { endpoints, proxy } = this
    const acceptor =
      endpoints === null
        ? proxy
        : {
            accept: (stream: FrontendStream) => proxy.accept(stream),
            clientClosed: (client: HttpClient) => endpoints.clientClosed(client),
          }
    this.protocols.serve(handshake.socket, spoken, acceptor, handshake.addresses)
  }

  handshakeDropped(_handshake: ClientHandshake): void {}
  clientAbused(): void {}
  admits(): boolean {
    return true
  }

  private serve(): void {
    const connected = (far: SimPeerSocket): void => void this.peer(far, this.chance.fork(), null)
    this.pollset.serve(BACK, connected)
    if (!this.chance.chance(this.plan.downPercent)) return
    this.pollset.after(this.chance.below(this.plan.runMs), () => {
      if (this.healed) return
      this.tally('backend down')
      this.pollset.unserve(BACK)
      this.pollset.after(this.chance.below(this.plan.runMs), () => this.pollset.serve(BACK, connected))
    })
  }

  /** Makes the actor of a connection to a backend. */
  private peer(far: SimPeerSocket, chance: Prng, host: Host | null): HostPeer {
    const left = (gone: HostPeer): void => {
      this.peers.delete(gone)
      host?.peers.delete(gone)
    }
    const peer =
      this.plan.http1Backend === 1
        ? new Backend1(this, far, chance, left, host)
        : new BackendPeer(this, far, chance, left, host)
    this.peers.add(peer)
    return peer
  }

  private dial(): void {
    const { plan, pollset } = this
    for (let i = 0; i < plan.clients; i++) {
      const chance = this.chance.fork()
      // With spreadMs 0 all clients connect in one burst.
      pollset.after(1 + (i === 0 ? 0 : chance.below(plan.spreadMs + 1)), () => {
        const dial = (): SimPeerSocket | null =>
          pollset.dial(FRONT, { host: `198.51.100.${i + 1}`, port: 40_000 })
        const far = dial()
        if (far === null) return
        const http1 = chance.chance(plan.http1ClientsPercent)
        this.clients.push(http1 ? new Client1(this, far, chance, dial) : new Client(this, far, chance))
      })
    }
  }

  /** Returns the target of a CONNECT. One in ten refuses connections. */
  target(request: Request): string {
    const port = TARGET_PORT + request.id
    if (!this.chance.chance(10)) {
      this.pollset.serve({ host: TARGET_HOST, port }, (far) => {
        this.peers.add(new Target(this, far, this.chance.fork(), request, (gone) => this.peers.delete(gone)))
      })
    }
    return `${TARGET_NAME}:${port}`
  }

  tally(kind: string): void {
    this.faults[kind] = (this.faults[kind] ?? 0) + 1
  }

  // Tracer

  transition(c: Continuation, step: number, out: Outcome<string>): void {
    this.holds.stepped(c)
    this.queues.stepped(c)
    this.waits.stepped(c)
    const { names } = c.program
    this.times.stepped(c, names[step])
    this.filters?.stepped(c, names[step], out)
    this.courses?.stepped(c, names[step], out.kind === GOTO ? (names[out.next] ?? '') : '')
    this.lines?.transition(c, step, out)
  }

  diverted(c: Continuation, step: number, cause: 'late' | 'cancelled', next: number): void {
    this.filters?.diverted(c, cause)
    this.lines?.diverted(c, step, cause, next)
  }

  held(c: Continuation, hold: Hold): void {
    this.courses?.held(c)
    this.lines?.held(c, hold)
  }

  released(c: Continuation, hold: Hold): void {
    this.queues.stepped(c)
    this.waits.released(c, hold, this.pollset.now)
    this.lines?.released(c, hold)
  }

  redirected(c: Continuation, from: number, to: number): void {
    this.filters?.redirected(c)
    this.lines?.redirected(c, from, to)
  }

  // The run

  go(): void {
    const { pollset, plan, limits, proxy } = this
    this.turns.until(
      () => this.clients.length === plan.clients && this.clients.every((each) => each.finished),
      plan.runMs,
    )
    this.healed = true
    pollset.heal()
    this.hand.heal()
    for (const each of this.clients) each.heal()
    for (const each of this.peers) each.heal()
    this.endpoints?.heal()
    this.operators?.heal()
    this.filters?.heal()
    this.turns.until(
      () =>
        this.clients.length === plan.clients &&
        proxy.begun === proxy.logged &&
        this.operators?.still !== false &&
        this.changeovers?.isComing !== true &&
        this.filters?.isStill !== false &&
        this.still,
      exchangesEndWithinMs(limits, plan),
    )
    endedInTime(this, 'exchanges')
    for (const each of this.checkers) each.quiet?.(this)
    this.listening.cancel()
    for (const each of this.clients) each.part()
    this.operators?.close()
    this.changeovers?.close()
    this.filters?.part()
    if (this.endpoints !== null) this.endpoints.close()
    else if (this.chance.chance(50)) this.backend.close()
    this.turns.until(() => this.world.scheduler.living === 0, connectionsEndWithinMs(limits))
    endedInTime(this, 'connections')
    for (const each of this.checkers) each.end?.(this)
  }

  /** Releases the things that outlive the World. */
  close(): void {
    this.filters?.close()
  }

  /** True if no bytes are under way on any open connection. */
  private get still(): boolean {
    const still = (c: ConnectionInside | Http1Inside | TcpInside): boolean =>
      c.socket === null || c.socket.idle
    return (
      this.frontends.every(still) &&
      this.sessions.every(still) &&
      this.http1Frontends.every(still) &&
      this.http1Sessions.every(still) &&
      this.tcpSessions.every(still)
    )
  }

  /** After a turn. */
  private look(): void {
    this.exchanges = []
    this.frontends = []
    this.sessions = []
    this.http1Frontends = []
    this.http1Sessions = []
    this.tcpSessions = []
    this.checks = []
    for (const each of this.world.scheduler.alive()) {
      if (each.kind === 'exchange') this.exchanges.push(each as ExchangeInside)
      else if (isHttp1(each)) {
        if (each.kind === 'frontend') this.http1Frontends.push(each as Http1Inside)
        else this.http1Sessions.push(each as Http1Inside)
      } else if (isCheck(each)) this.checks.push((each as unknown as { own: CheckInside }).own)
      else if (isTcp(each)) this.tcpSessions.push(each as TcpInside)
      else if (each.kind === 'frontend') this.frontends.push(each as ConnectionInside)
      else if (each.kind === 'backend') this.sessions.push(each as SessionInside)
    }
    const own = this.endpoints?.engines() ?? (this.engineSet?.engines() as unknown as readonly EngineInside[])
    this.engines = this.filters === null ? own : [...own, ...this.filters.engines]
    this.checksArmed = (this.endpoints?.checksArmed ?? 0) + (this.filters?.armed ?? 0)
    for (const each of this.checkers) each.turn?.(this)
    if (this.logged.length > 0) this.logged = []
  }

  result(violation: Violation | null): Result {
    return {
      plan: this.plan,
      violation,
      exchanges: this.proxy.begun,
      turns: this.pollset.turns,
      faults: this.faults,
      outcomes: this.proxy.outcomes,
    }
  }
}

/** Runs a plan. An error that our code throws counts as a violation too. */
export function simulate(plan: Plan, options: RunOptions = {}): Result {
  const run = plan.redis === 1 ? new RedisRun(plan, options) : new Run(plan, options)
  try {
    run.go()
    return run.result(null)
  } catch (error) {
    if (error instanceof Violation) return run.result(error)
    return run.result(new Violation('crash', (error as Error).stack ?? String(error)))
  } finally {
    run.close()
  }
}
