// The metrics of a server (spec/metrics.md): counted as exchanges end, or read at a scrape. Labels are names
// from the configuration, codes and our own words.

import { firstMarked } from '../access-log/index.js'
import type { MemberState } from '../balancing/index.js'
import { type Counter, type Family, type FamilySnapshot, type Histogram, Metrics } from '../metrics/index.js'
import type { NodePollset } from '../pollset/index.js'
import { Exchange, type ExchangeWatcher, isSubrequest, stepTimeNames } from '../proxy/index.js'
import type { Backends } from './backends.js'
import { CommandSeries, serverOf } from './command-series.js'
import { readProcess } from './process-metrics.js'
import type { SharedEngine } from './request-kind.js'
import { REQUEST_SECONDS, RequestSeries } from './request-series.js'
import type { Server } from './server.js'
import { version } from './version.js'

/** The most series of metrics; past them, further series of a metric become one. */
const SERIES_MAX = 10_000

/** The bounds of the seconds of a step: most take none. */
const STEP_SECONDS = [0.001, 0.01, 0.1, 1, 10] as const
/** The bounds of the seconds of a turn: one longer than a ms delays the others. */
const TURN_SECONDS = [0.0001, 0.001, 0.01, 0.1, 1] as const

const ms = (value: number): number => value / 1_000

export class ServerMetrics implements ExchangeWatcher {
  readonly all: Metrics
  private readonly server: Server
  private readonly backends: Backends
  private readonly requests: RequestSeries
  /** Those of commands of Redis. */
  readonly commands: CommandSeries
  private readonly stepSeconds: Family<Histogram>
  /** The histograms by the number of the step; undefined until an exchange has waited in it. */
  private readonly steps: (Histogram | undefined)[] = []
  private readonly attempts: Family<Counter>
  private readonly attemptSeconds: Family<Histogram>
  private readonly attemptSecondsBy = new Map<string, Histogram>()
  private readonly retries: Family<Counter>
  private readonly checks: Family<Counter>
  private readonly filterFailures: Family<Counter>
  private readonly reloads: Family<Counter>
  private lastReloadMs: number

  constructor(server: Server, backends: Backends, seriesMax = SERIES_MAX) {
    this.server = server
    this.backends = backends
    const all = new Metrics(seriesMax)
    this.all = all
    this.lastReloadMs = Date.now()
    this.requests = new RequestSeries(all)
    this.commands = new CommandSeries(all, server)
    this.stepSeconds = all.histogram(
      'fermata_step_seconds',
      'Time that an exchange has waited in a step.',
      STEP_SECONDS,
      'step',
    )
    this.attempts = all.counter(
      'fermata_backend_attempts_total',
      'Attempts that did not give the client its response.',
      'backend',
      'endpoint',
      'outcome',
    )
    this.attemptSeconds = all.histogram(
      'fermata_backend_attempt_duration_seconds',
      'Time from the choice of an endpoint to the end of the attempt.',
      REQUEST_SECONDS,
      'backend',
    )
    this.retries = all.counter(
      'fermata_backend_retries_total',
      'Attempts after the first, by why the one before has ended.',
      'backend',
      'reason',
    )
    this.checks = all.counter(
      'fermata_backend_health_checks_total',
      'Active health checks that have ended.',
      'endpoint',
      'result',
    )
    this.filterFailures = all.counter(
      'fermata_filter_failures_total',
      'Failures of filters, and waits of theirs that were late.',
      'filter',
    )
    this.reloads = all.counter('fermata_config_reloads_total', 'Configurations that were applied.', 'result')
    for (const result of ['ok', 'refused']) this.reloads.of(result)
    const turns = all
      .histogram('fermata_turn_seconds', 'Time that a turn of the loop took.', TURN_SECONDS)
      .of()
    ;(server.world.pollset as NodePollset).onTurn = (spentMs) => turns.observe(ms(spentMs))
    this.readAtScrape()
  }

  /** Counts what ends from now on. */
  watch(): void {
    const { proxy, redis } = this.server
    proxy.measureSteps(this)
    proxy.watch(this)
    redis.watch(this.commands)
  }

  // Counted as it happens

  endedTogether(exchanges: readonly Exchange[]): void {
    for (const each of exchanges) if (!isSubrequest(each)) this.count(each)
  }

  private count(x: Exchange): void {
    const { waitTimes, backend } = x
    this.requests.ended(x)
    if (waitTimes !== null)
      for (let rest = waitTimes.marks; rest !== 0; rest &= rest - 1) {
        const at = firstMarked(rest)
        const waited = waitTimes.at(at)
        // `connect` may have taken the whole time of `lease`.
        if (waited > 0) (this.steps[at] ?? this.stepOf(at)).observe(ms(waited))
      }
    if (x.attemptAt >= 0 || x.endedAttempts.length > 0) this.attempted(x, backend?.name ?? '')
  }

  private attempted({ endedAttempts, attemptAt, now }: Exchange, backend: string): void {
    const seconds = this.attemptSecondsOf(backend)
    for (let at = 0; at < endedAttempts.length; at++) {
      const each = endedAttempts[at]
      this.attempts.of(backend, each.endpoint, each.outcome).add()
      seconds.observe(ms(each.ms))
      const isLast = at === endedAttempts.length - 1 && attemptAt < 0
      if (!isLast) this.retries.of(backend, each.outcome).add()
    }
    if (attemptAt >= 0) seconds.observe(ms(now - attemptAt))
  }

  /** Keeps the series: a key made of labels for each request would cost more than the count. */
  private attemptSecondsOf(backend: string): Histogram {
    let seconds = this.attemptSecondsBy.get(backend)
    if (seconds !== undefined) return seconds
    seconds = this.attemptSeconds.of(backend)
    this.attemptSecondsBy.set(backend, seconds)
    return seconds
  }

  filterFailed(_x: Exchange | null, filter: string): void {
    this.filterFailures.of(filter).add()
  }

  checked(endpoint: string, passed: boolean): void {
    this.checks.of(endpoint, passed ? 'passed' : 'failed').add()
  }

  reloaded(wrong: Error | null): void {
    this.reloads.of(wrong === null ? 'ok' : 'refused').add()
    if (wrong === null) this.lastReloadMs = Date.now()
    this.commands.forget()
  }

  /** Returns the text of all, without the series of things that are no longer configured or in DNS. */
  text(): string {
    this.retain()
    return this.all.text()
  }

  /** Returns the numbers of all, without the same series. */
  snapshot(): FamilySnapshot[] {
    this.retain()
    return this.all.snapshot()
  }

  private retain(): void {
    const { configuration } = this.server
    const backends = this.backends.all()
    const live = {
      listener: configuration.listeners.map(({ name }) => name),
      route: configuration.routes.map(({ name }) => name),
      backend: [...backends, ...configuration.redisBackends].map(({ name }) => name),
      endpoint: backends.flatMap(({ endpoints }) => endpoints.map(({ name }) => name)),
    }
    let removed = false
    // '' stands for none: a request that was refused before it had a route.
    for (const [label, names] of Object.entries(live))
      if (this.all.retain(label, new Set(['', ...names]))) removed = true
    if (!removed) return
    this.requests.forget()
    this.attemptSecondsBy.clear()
    this.commands.forget()
  }

  private stepOf(at: number): Histogram {
    const step = this.stepSeconds.of(stepTimeNames[at])
    this.steps[at] = step
    return step
  }

  // Read at a scrape

  private readAtScrape(): void {
    const { all, server, backends } = this
    const { world, proxy, protocols } = server
    all.collected(
      'gauge',
      'fermata_exchanges',
      'Requests in flight, by the step that they wait in.',
      ['step'],
      (add) => {
        for (const [step, count] of this.exchangesByStep()) add(count, step)
      },
    )
    all.collected(
      'gauge',
      'fermata_connections',
      'Open client connections, by listener.',
      ['listener'],
      (add) => {
        for (const [listener, count] of server.clientsByListener()) add(count, listener)
      },
    )
    all.collected('gauge', 'fermata_backend_endpoint_up', '1 if the endpoint gets requests.', PLACE, (add) =>
      this.eachMember((backend, member) => add(member.chosen ? 1 : 0, backend, member.name)),
    )
    all.collected('gauge', 'fermata_backend_endpoint_ejected', '1 if it is ejected.', PLACE, (add) =>
      this.eachMember((backend, member) => add(member.ejectedMs > 0 ? 1 : 0, backend, member.name)),
    )
    all.collected(
      'gauge',
      'fermata_backend_requests',
      'Requests that have a lease or wait for one.',
      PLACE,
      (add) => this.eachMember((backend, member) => add(member.load, backend, member.name)),
    )
    all.collected(
      'gauge',
      'fermata_backend_sessions',
      'Connections to backends.',
      ['engine', 'state'],
      (add) => {
        const counts = new Map<string, number>()
        for (const { name, sessions } of this.engines())
          for (const { state } of sessions) {
            const key = `${name} ${state}`
            counts.set(key, (counts.get(key) ?? 0) + 1)
          }
        for (const [key, count] of counts) {
          const at = key.lastIndexOf(' ')
          add(count, key.slice(0, at), key.slice(at + 1))
        }
      },
    )
    all.collected(
      'gauge',
      'fermata_backend_pending',
      'Requests that wait for a lease.',
      ['engine'],
      (add) => {
        for (const [name, sum] of this.sums(({ queued }) => queued)) add(sum, name)
      },
    )
    all.collected(
      'gauge',
      'fermata_backend_streams',
      'Requests on backend connections.',
      ['engine'],
      (add) => {
        const leased = this.sums(({ sessions }) => sessions.reduce((all, each) => all + each.leased, 0))
        for (const [name, sum] of leased) add(sum, name)
      },
    )
    all.collected(
      'counter',
      'fermata_backend_retry_budget_exhausted_total',
      'Retries that the budget of retries did not allow.',
      ['backend'],
      (add) => {
        for (const { name, budget } of backends.all()) if (budget !== null) add(budget.refused, name)
      },
    )
    all.collected(
      'counter',
      'fermata_filter_events_total',
      'What filters have counted.',
      ['filter', 'event'],
      (add) => {
        for (const [filter, counts] of server.served.filters.events())
          for (const [event, count] of counts) add(count, filter, event)
      },
    )
    all.collected(
      'counter',
      'fermata_log_lines_dropped_total',
      'Lines of logs that were not taken fast enough.',
      ['log'],
      (add) => {
        add(server.accessLog.droppedLines, 'access')
        add(server.log.droppedLines, 'process')
      },
    )
    const own = version()
    all.collected(
      'gauge',
      'fermata_build_info',
      'The versions of Fermata and Node.',
      ['version', 'node'],
      (add) => add(1, own, process.versions.node),
    )
    all.collected('gauge', 'fermata_held_bytes', 'Octets of bodies that are held in memory.', [], (add) =>
      add(world.memory.bytes),
    )
    all.collected('counter', 'fermata_stalls_total', 'Streams that were ended to free memory.', [], (add) =>
      add(world.memory.stalls),
    )
    all.collected(
      'counter',
      'fermata_http_connections_total',
      'What happened on connections.',
      ['version', 'what'],
      (add) => {
        for (const [version, counts] of [
          ['1.1', protocols.http1.counts],
          ['2', protocols.http2.counts],
        ] as const)
          for (const [what, count] of Object.entries(counts))
            if (typeof count === 'number') add(count, version, what)
      },
    )
    all.collected(
      'gauge',
      'fermata_tls_certificate_not_after_seconds',
      'When a certificate expires.',
      ['certificate'],
      (add) => {
        for (const [name, at] of this.certificates()) add(ms(at), name)
      },
    )
    all.collected(
      'gauge',
      'fermata_config_last_success_timestamp_seconds',
      'When the configuration was last applied.',
      [],
      (add) => add(ms(this.lastReloadMs)),
    )
    all.collected(
      'counter',
      'fermata_metrics_series_dropped_total',
      'Series that were asked for past the bound.',
      [],
      (add) => add(all.dropped),
    )
    all.collected('counter', 'fermata_exchanges_begun_total', 'Requests that have begun.', [], (add) =>
      add(proxy.begun),
    )
    readProcess(all)
  }

  /** Returns the expiry of each certificate, by name, in ms since 1970. */
  private certificates(): Map<string, number> {
    const { certificates } = this.server.world.pollset as NodePollset
    const times = new Map<string, number>()
    for (const { tls } of this.server.configuration.listeners)
      for (const { name, cert, key } of tls?.certificates ?? [])
        times.set(name, certificates.read({ cert, key }).expiresAt)
    return times
  }

  /** Adds up a number of the engines of each endpoint. */
  private sums(of: (engine: SharedEngine) => number): Map<string, number> {
    const sums = new Map<string, number>()
    for (const engine of this.engines()) sums.set(engine.name, (sums.get(engine.name) ?? 0) + of(engine))
    return sums
  }

  private *engines(): Iterable<SharedEngine> {
    yield* this.backends.engines()
    for (const backend of this.server.redis.allBackends())
      for (const engine of backend.engines()) {
        const { sessions, queued, limits } = engine
        yield { name: serverOf(engine), sessions, queued, limits, describe: () => engine.describe() }
      }
  }

  private exchangesByStep(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const each of this.server.world.scheduler.alive())
      if (each instanceof Exchange) counts.set(each.stepName, (counts.get(each.stepName) ?? 0) + 1)
    return counts
  }

  private eachMember(visit: (backend: string, member: MemberState) => void): void {
    const { now } = this.server.world.pollset
    for (const { name, balancer } of this.backends.all())
      for (const each of balancer.states(now)) visit(name, each)
  }
}

const PLACE = ['backend', 'endpoint'] as const
