// One run of the proxy for Redis: production code on the simulated network, clients and servers as actors, and
// checkers after every turn. Its phases are those of a run of HTTP (../run.ts): faults; then all heals, and
// every command must be answered; then all leave, and nothing may remain.

import {
  type Continuation,
  createWorld,
  type Hold,
  type Outcome,
  TraceLines,
  type Tracer,
} from '../../../src/continuation/index.js'
import { Prng, SimPollset, type SimSocket } from '../../../src/pollset/index.js'
import {
  type ClusterOptions,
  Command,
  Part,
  RedisBackend,
  RedisFrontend,
  RedisProxy,
  RedisSession,
  type RedisWorld,
  type Share,
} from '../../../src/redis/index.js'
import { Question } from '../../../src/redis/question.js'
import { type Limits, limitsWith } from '../../../src/server/index.js'
import { createTransportWorld } from '../../../src/transport/index.js'
import type { Checker } from '../checks/check.js'
import { s5 } from '../checks/s5.js'
import { s6 } from '../checks/s6.js'
import { DebuggerActor } from '../debugger-actor.js'
import type { EngineInside } from '../inside.js'
import { Violation } from '../ledger.js'
import { faultsOf, limitsOf } from '../limits.js'
import type { Plan } from '../plan.js'
import type { Result, RunOptions } from '../run.js'
import { TurnByTurn } from '../turns.js'
import { Books } from './books.js'
import {
  bounded,
  countedWhole,
  endedOnce,
  goesWithItsClient,
  type RedisView,
  siblingsGoOn,
} from './checks.js'
import { RedisClient } from './client.js'
import { addressOf, SimCluster, WRONG_NODE } from './cluster.js'
import { mapIsTrue, questionsArePaced } from './cluster-checks.js'
import { areKept, sessionsAreKept } from './kept-sessions.js'
import { RedisServer } from './server.js'
import { SimShards } from './shards.js'
import type { RedisStage } from './stage.js'

const FRONT = { host: '192.0.2.1', port: 6380 }
const BACK = { host: '192.0.2.9', port: 6379 }
const BACK_NAME = 'redis.sim'
/** It is the first node of a cluster. */
const NODE_NAME = 'node.sim'
const SHARES: readonly Share[] = ['auto', 'never', 'always']
/** ms after which an operator looks again for a command to end. */
const LOOK_MS = 100
/** ms after the healing at which the operating system misses the peers of connections that vanished */
const KEEP_ALIVE_MS = 5_000
/** Nodes that are asked in one round. */
const QUESTIONS_MAX = 8
/** The connections of one client, one behind the other. */
const CONNECTIONS_MAX = 4

const nodeNamed = (host: string, port: number) => ({ name: `${host}:${port}`, target: { host, port } })
/** Its first node has two names: the one that was configured, and the one that the nodes use. */
const CLUSTER: ClusterOptions = {
  seeds: [nodeNamed(NODE_NAME, addressOf(0).port), nodeNamed(addressOf(1).host, addressOf(1).port)],
  nodeAt: nodeNamed,
}

export class RedisRun implements RedisStage, RedisView, Tracer {
  readonly plan: Plan
  readonly limits: Limits
  readonly pollset: SimPollset
  readonly world: RedisWorld
  readonly proxy: RedisProxy
  readonly backend: RedisBackend
  readonly books = new Books()
  readonly cluster: SimCluster | null
  readonly shards: SimShards | null
  readonly hand: DebuggerActor
  readonly octets: ((bytes: Uint8Array) => void) | null
  readonly faults: Record<string, number>
  healed = false
  commands: Command[] = []
  parts: Part[] = []
  frontends: RedisFrontend[] = []
  sessions: RedisSession[] = []
  engines: readonly EngineInside[] = []
  logged: Command[] = []
  readonly exchanges = []
  /** Questions of the proxy's own to the nodes of a cluster. */
  checks: { readonly engine: EngineInside }[] = []
  /** Deadlines that are of no continuation. */
  checksArmed = 0
  private readonly servers: readonly RedisServer[]
  private readonly clients: RedisClient[] = []
  private dialled = 0
  private readonly checkers: readonly Checker<RedisView>[]
  private readonly holds = s6()
  private readonly waits = s5()
  private readonly lines: TraceLines | null
  private readonly note: ((line: string) => void) | null
  private readonly chance: Prng
  private readonly outcomes = new Map<string, number>()
  private readonly turns: TurnByTurn

  constructor(plan: Plan, options: RunOptions) {
    this.plan = plan
    this.octets = options.octets ?? null
    this.note = options.lines ?? null
    this.limits = redisLimitsOf(plan)
    this.chance = new Prng(plan.seed ^ 0x4ed15)
    const pollset = new SimPollset(plan.seed, faultsOf(plan))
    this.pollset = pollset
    this.turns = new TurnByTurn(pollset, () => this.look())
    this.faults = pollset.done
    pollset.name(BACK_NAME, [BACK.host])
    pollset.name(NODE_NAME, [addressOf(0).host])
    const world = createWorld(pollset, { limits: this.limits.continuation })
    this.lines = options.lines === undefined ? null : new TraceLines(pollset, options.lines)
    world.scheduler.tracer = this
    this.world = {
      ...createTransportWorld(world, this.limits.transport),
      redisLimits: this.limits.redis,
    }
    this.cluster = plan.redisNodes > 0 ? new SimCluster(this, this.chance.fork()) : null
    this.shards =
      this.cluster === null && plan.redisShards > 0 ? new SimShards(this, this.chance.fork()) : null
    this.servers = this.cluster?.servers ??
      this.shards?.servers ?? [new RedisServer(this, 'server', BACK, this.chance.fork())]
    this.backend = new RedisBackend(
      this.world,
      this.shards?.options ?? {
        name: 'main',
        shards: [{ endpoints: [{ name: 'only', target: { host: BACK_NAME, port: BACK.port } }] }],
        check: null,
        cluster: this.cluster === null ? null : CLUSTER,
      },
      { unreached: () => this.tally('a session was not opened') },
      this.limits.engine,
    )
    this.proxy = new RedisProxy(this.world, {
      backend: this.backend,
      share: SHARES[plan.redisShare],
      allowAdmin: false,
    })
    this.proxy.watch({
      ended: (c) => {
        this.logged.push(c)
        this.outcomes.set(c.outcome, (this.outcomes.get(c.outcome) ?? 0) + 1)
      },
    })
    this.hand = new DebuggerActor(this, world.scheduler, this.chance.fork(), null)
    if (plan.holdPercent > 0) world.scheduler.gate = this.hand
    if (this.shards !== null && plan.redisReloadMs > 0) this.reloadSome(this.shards, this.chance.fork())
    if (plan.redisEndPercent > 0) this.endSome(this.chance.fork())
    this.checkers = [
      endedOnce(),
      bounded(),
      countedWhole(),
      siblingsGoOn(),
      goesWithItsClient(),
      questionsArePaced(),
      sessionsAreKept(),
      this.waits,
      this.holds,
    ]
    this.proxy.listen(FRONT, null)
    this.dial()
  }

  // For the actors

  tally(kind: string): void {
    this.faults[kind] = (this.faults[kind] ?? 0) + 1
  }

  say(text: () => string): void {
    this.note?.(`${this.pollset.clock.toFixed(3)} ${text()}\n`)
  }

  get divides(): boolean {
    return this.cluster !== null || this.shards !== null
  }

  get hasMap(): boolean {
    return this.backend.map.isKnown
  }

  mayEnd(): boolean {
    return this.plan.redisClientsMax < 10_000
  }

  private dial(): void {
    const { plan, pollset } = this
    for (let i = 0; i < plan.redisClients; i++) {
      const chance = this.chance.fork()
      pollset.after(1 + (i === 0 ? 0 : chance.below(plan.spreadMs + 1)), () =>
        this.connect(i, chance, plan.redisCommands, CONNECTIONS_MAX),
      )
    }
  }

  private connect(at: number, chance: Prng, commands: number, connections: number): void {
    const far = this.pollset.dial(FRONT, { host: `198.51.100.${at + 1}`, port: 40_000 + connections })
    if (far === null) throw new Error('nobody listens')
    if (connections === CONNECTIONS_MAX) this.dialled++
    this.clients.push(
      new RedisClient(this, far, chance, commands, (left) => {
        if (this.healed || left === 0 || connections === 1) return
        this.pollset.after(chance.below(20), () => {
          if (!this.healed) this.connect(at, chance, left, connections - 1)
        })
      }),
    )
  }

  /** Reloads divide the keys otherwise. */
  private reloadSome(shards: SimShards, chance: Prng): void {
    const { plan, pollset } = this
    pollset.after(chance.between(1, plan.redisReloadMs), () => {
      if (this.healed) return
      this.tally('keys are divided otherwise')
      pollset.queue({ wake() {}, resume: () => this.backend.configure(shards.change()) })
      this.reloadSome(shards, chance)
    })
  }

  /** An operator ends commands. */
  private endSome(chance: Prng): void {
    const { plan, pollset } = this
    pollset.after(chance.between(1, LOOK_MS), () => {
      if (this.healed) return
      if (chance.chance(plan.redisEndPercent))
        pollset.queue({
          wake() {},
          resume: () => {
            const live = this.living().filter((each) => each instanceof Command)
            const one = live[chance.below(live.length)]
            if (one === undefined) return
            this.tally('a command was ended')
            one.terminate()
          },
        })
      this.endSome(chance)
    })
  }

  private living(): Continuation[] {
    return [...this.world.scheduler.alive()]
  }

  // Tracer

  transition(c: Continuation, step: number, out: Outcome<string>): void {
    this.holds.stepped(c)
    this.waits.stepped(c)
    this.lines?.transition(c, step, out)
  }

  diverted(c: Continuation, step: number, cause: 'late' | 'cancelled', next: number): void {
    this.lines?.diverted(c, step, cause, next)
  }

  held(c: Continuation, hold: Hold): void {
    this.lines?.held(c, hold)
  }

  released(c: Continuation, hold: Hold): void {
    this.waits.released(c, hold, this.pollset.now)
    this.lines?.released(c, hold)
  }

  redirected(c: Continuation, from: number, to: number): void {
    this.lines?.redirected(c, from, to)
  }

  // The run

  go(): void {
    const { pollset, plan, proxy, world } = this
    const isDone = (): boolean =>
      this.dialled === plan.redisClients && this.clients.every((each) => each.finished)
    this.turns.until(isDone, plan.runMs)
    this.healed = true
    pollset.heal()
    this.hand.heal()
    if (this.cluster !== null) this.cluster.heal()
    else for (const each of this.servers) each.heal()
    for (const each of this.clients) each.heal()
    pollset.after(KEEP_ALIVE_MS, () => this.missLost())
    this.turns.until(() => isDone() && this.answered, this.endsWithinMs)
    for (const each of this.clients)
      if (!each.finished) throw new Violation('L1', `client ${each.number} waits for ${each.waitsFor}`)
    if (!this.answered)
      throw new Violation('L1', `${this.commands[0]?.id} is at ${this.commands[0]?.stepName}`)
    for (const each of this.checkers) each.quiet?.(this)
    const { cluster, backend } = this
    if (cluster !== null) mapIsTrue(cluster, backend, (over) => this.turns.until(over, this.learnsWithinMs))
    const isKept = (): boolean => areKept(backend, (name) => !name.startsWith(addressOf(WRONG_NODE).host))
    this.turns.until(isKept, this.opensWithinMs)
    if (!isKept()) throw new Violation('E50', 'all has healed, and engines lack sessions')
    for (const each of this.clients) each.part()
    proxy.drain()
    if (this.cluster !== null || plan.redisSessionsMin > 0) this.retire()
    this.turns.until(() => world.scheduler.living === 0, this.closesWithinMs)
    const [left] = this.living()
    if (left !== undefined) throw new Violation('L1', `${left.id} is left at ${left.stepName}`)
    this.look()
    for (const each of this.clients) each.over()
    for (const each of this.checkers) each.end?.(this)
  }

  /** As long as it is configured, a cluster is asked where its slots are, and engines keep sessions. */
  private retire(): void {
    this.turns.until(() => this.proxy.size === 0, this.closesWithinMs)
    this.backend.retire()
  }

  /** TCP's keep-alive finds that the peers of these connections are not there. */
  private missLost(): void {
    for (const each of [...this.frontends, ...this.sessions]) {
      const socket = each.socket as SimSocket
      if (socket.vanished) socket.failed('ETIMEDOUT')
    }
  }

  private get answered(): boolean {
    return this.commands.every((each) => each.told)
  }

  /** All waits of a command, one behind the other, for each that may be before it. */
  private get endsWithinMs(): number {
    const { redis, transport } = this.limits
    const once = redis.leaseMs + redis.commandMs + transport.connectMs * 2 + redis.slowReaderMs
    // Each command of a client may wait for a session that others have.
    return once * (4 + 4 * this.plan.redisCommands) + redis.sessionStallMs + KEEP_ALIVE_MS + 10_000
  }

  /** All nodes are there, and each question is answered. */
  private get learnsWithinMs(): number {
    const { clusterEveryMs, clusterLeastMs, clusterAnswerMs } = this.limits.redis
    return 2 * (clusterEveryMs + clusterLeastMs + QUESTIONS_MAX * clusterAnswerMs) + KEEP_ALIVE_MS
  }

  /** An engine pauses, and opens one session after the other. */
  private get opensWithinMs(): number {
    const { engine, transport } = this.limits
    return (engine.reopenDelayMs + transport.connectMs * 2) * (engine.sessionsMin + 1) + KEEP_ALIVE_MS
  }

  private get closesWithinMs(): number {
    const { redis } = this.limits
    return redis.backendIdleMs + redis.commandMs + 60_000
  }

  /** After a turn. */
  private look(): void {
    this.commands = []
    this.parts = []
    this.frontends = []
    this.sessions = []
    this.checks = []
    for (const each of this.world.scheduler.alive()) {
      if (each instanceof Command) this.commands.push(each)
      else if (each instanceof Part) this.parts.push(each)
      else if (each instanceof RedisFrontend) this.frontends.push(each)
      else if (each instanceof RedisSession) this.sessions.push(each)
      else if (each instanceof Question)
        this.checks.push(each.own as unknown as { readonly engine: EngineInside })
    }
    const { cluster } = this.backend
    this.checksArmed =
      this.sessions.reduce((sum, { stall }) => sum + Number(stall.deadlineArmed), 0) +
      Number(cluster?.deadlineArmed ?? false) +
      Number(this.world.memoryLine.deadlineArmed)
    this.engines = this.backend.engines() as unknown as readonly EngineInside[]
    for (const each of this.checkers) each.turn?.(this)
    this.logged = []
  }

  result(violation: Violation | null): Result {
    const { plan, faults, outcomes, world } = this
    if (world.memory.stalls > 0) faults['bytes were given up for room'] = world.memory.stalls
    return { plan, violation, exchanges: this.proxy.begun, turns: this.pollset.turns, faults, outcomes }
  }

  close(): void {}
}

/** The bounds of the proxy of a run. */
function redisLimitsOf(plan: Plan): Limits {
  const shareReplyBytesMax = plan.redisClientWaitingBytes + plan.redisShareReplyOver
  return limitsWith(limitsOf(plan), {
    engine: { sessionsMin: plan.redisSessionsMin },
    transport: {
      heldBytesSoft: plan.redisHeldSoft,
      heldBytesMax: plan.redisHeldSoft + plan.redisHeldOver,
    },
    redis: {
      clientsMax: plan.redisClientsMax,
      commandsMax: plan.redisCommandsMax,
      shareBytesMax: plan.redisShareBytesMax,
      depth: plan.redisDepth,
      gatherMs: plan.redisGatherMs,
      sharedSessions: plan.redisSharedSessions,
      exclusiveMax: plan.redisExclusiveMax,
      identitiesMax: plan.redisIdentitiesMax,
      leaseMs: plan.redisLeaseMs,
      commandMs: plan.redisCommandMs,
      sessionStallMs: plan.redisStallMs,
      clientWaitingBytes: plan.redisClientWaitingBytes,
      shareReplyBytesMax,
      clientHeldBytesMax: shareReplyBytesMax + plan.redisClientHeldOver,
      slowReaderMs: plan.redisSlowReaderMs,
      sessionWaitingBytes: plan.redisSessionWaitingBytes,
      retryBytesMax: plan.redisRetryBytesMax,
      backendIdleMs: plan.redisIdleMs,
      redirectsMax: plan.redisRedirectsMax,
      tryAgainMs: plan.redisTryAgainMs,
      clusterLeastMs: plan.redisClusterLeastMs,
      clusterEveryMs: plan.redisClusterEveryMs,
      clusterAnswerMs: plan.redisClusterAnswerMs,
      clusterHeldBytes: plan.redisClusterHeldBytes,
      handshakeMs: 1_000,
    },
  })
}
