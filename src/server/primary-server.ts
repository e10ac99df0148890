// The primary process of a server with workers (spec/workers.md). It carries no requests: it has the
// listening sockets, reads the configuration, takes the signals, and replaces workers that die.

import type { Configuration } from '../config/index.js'
import { createWorld } from '../continuation/index.js'
import { createHttpWorld, type HttpWorld } from '../http/index.js'
import type { FamilySnapshot } from '../metrics/index.js'
import {
  type Address,
  Deadline,
  formatAddress,
  NodePollset,
  newTicketKeys,
  type ProcessEnd,
  randomKey,
} from '../pollset/index.js'
import { SharedListeners, Workers, type WorkersEvents } from '../workers/index.js'
import { ConfigError, parseListen } from './address.js'
import { Administration, administeredText } from './administration.js'
import { checked, type FoundOut } from './check-configuration.js'
import { asConfigError } from './config-errors.js'
import { debugIn, type ServerParts } from './create-server.js'
import { debuggedText } from './debugging.js'
import { exitCodes } from './exit-codes.js'
import { defaultLimits, type Limits, limitsWith, type SomeLimits } from './limits.js'
import { notListening } from './listen-faults.js'
import { type MadeConfiguration, madeOf } from './origins.js'
import { PrimaryControl, type PrimaryOrders } from './primary-control.js'
import { PrimaryDebugging } from './primary-debugging.js'
import { ProcessLog } from './process-log.js'
import { Protocols } from './protocols.js'
import { counted } from './quantity.js'
import { partsOf, type ReadAnswer } from './reading.js'
import { Reconfiguring } from './reconfiguring.js'
import { type Applied, Superseded } from './served-configuration.js'
import { ProxyServerEmitter, ServerError } from './server-events.js'
import { addressSetting } from './setting-names.js'
import { SummedMetrics } from './summed-metrics.js'
import { WorkerQuestions } from './worker-questions.js'
import {
  WORKER_COMMAND,
  type WorkerNews,
  type WorkerQuestion,
  type WorkerSettings,
} from './worker-settings.js'

const DAY_MS = 24 * 60 * 60 * 1000
const MAIN = new URL('../main.js', import.meta.url)

export interface PrimaryParts extends ServerParts {
  readonly workers: number
  /** The file of the trace. */
  readonly traceFile?: string | undefined
}

export class PrimaryServer extends ProxyServerEmitter implements PrimaryOrders, WorkersEvents {
  readonly world: HttpWorld
  readonly limitsOf: Limits
  /** The protocols, for speaking with operators. */
  readonly protocols: Protocols
  readonly log: ProcessLog
  readonly ticketKeysMs = DAY_MS
  configuration: Configuration
  /** True if a worker has ended with another status than 0 after the order to end. */
  hasFailed = false
  /** True: after {@link endNow} it ends when its workers have ended. */
  readonly endsLater = true
  readonly takesWorkers = true
  /** The workers that have cut requests when they ended. */
  cutRequests = 0
  private readonly pollset: NodePollset
  private readonly sockets: SharedListeners
  readonly workers: Workers
  private readonly reconfiguring: Reconfiguring
  private readonly control: PrimaryControl
  private readonly metrics: SummedMetrics
  private readonly questions: WorkerQuestions
  private readonly administration: Administration
  private readonly debugging: PrimaryDebugging | null
  private readonly killing: Killing
  private readonly traceFile: string | null
  private ticketKeys = newTicketKeys()
  phase: 'starting' | 'serving' | 'stopping' = 'starting'
  private isDraining = false

  /** Throws a {@link ConfigError} if something is wrong. */
  constructor({ origin, watches = false, key = randomKey(), log, workers, traceFile, debug }: PrimaryParts) {
    super()
    const made = checkedOf(origin.make())
    const { configuration } = made
    const limits: Limits = limitsWith(defaultLimits, configuration.limits as SomeLimits)
    this.configuration = configuration
    this.traceFile = traceFile ?? null
    this.pollset = new NodePollset(limits.pollset)
    const world = createWorld(this.pollset, { limits: limits.continuation })
    this.world = createHttpWorld(world, limits.transport)
    this.limitsOf = limits
    this.protocols = new Protocols(this.world, limits)
    this.world.scheduler.onCrash = ({ id }, error) =>
      this.emit('error', new ServerError('internal', `internal error in ${id} of the primary`, error))
    this.log = new ProcessLog(this.pollset, limits.server, log, configuration.processLog)
    this.sockets = new SharedListeners(this.world, limits.workers.connectionsWaitingMax, {
      bound: (address, asked) => this.emit('listening', address, this.isSecure(asked)),
      replaced: (address) => void this.emit('replaced', address),
    })
    const options = { count: workers, module: MAIN, args: [WORKER_COMMAND], limits: limits.workers }
    this.workers = new Workers(this.world, options, this.sockets, partsFor(made), this)
    this.reconfiguring = new Reconfiguring(this, origin, made, watches, key, (wrong) =>
      this.emit('reloaded', wrong === null ? null : asConfigError(wrong)),
    )
    this.metrics = new SummedMetrics(this.workers)
    this.questions = new WorkerQuestions(this.workers, () => this.pollset.now)
    this.administration = new Administration(this, this.questions, (done) => this.measure(done), {
      ready: (address, what) => this.log.tell('info', administeredText(address, what)),
      failed: (address, code) => this.notListening(address, code),
    })
    const debugging = debug ?? debugIn(configuration)
    this.debugging =
      debugging === null
        ? null
        : new PrimaryDebugging(this.world, limits, debugging, this.workers, this.questions)
    this.killing = new Killing(this.workers)
    this.control = new PrimaryControl(this)
  }

  /** Binds the listeners, then starts the workers. */
  begin(): void {
    this.administration.begin(this.configuration)
    if (this.debugging === null) this.bind()
    else
      this.debugging.begin({
        ready: (address, token) => {
          this.log.tell('info', debuggedText(address, token))
          this.bind()
        },
        failed: (code) => this.notListening(this.debugging?.addresses[0] as Address, code, 'debug'),
      })
  }

  private bind(): void {
    this.sockets.bind(addressesOf(this.configuration), (failed) => {
      if (this.phase === 'stopping') this.over()
      else if (failed === null) this.workers.begin()
      else {
        this.notListening(failed.address, failed.fault.code)
      }
    })
  }

  private notListening(address: Address, code: string, of?: 'debug'): void {
    this.emit(
      'error',
      new ServerError(
        'not-listening',
        notListening(address, code, addressSetting(this.configuration, address, of)),
        code,
      ),
    )
  }

  /** Gives an order, which takes effect in the next turn. */
  command(order: 'reload'): void {
    this.pollset.commands.give(order)
  }

  /** Asks all workers for their metrics. The last numbers of a worker stand for one that does not answer. */
  private measure(done: (text: string) => void): void {
    this.workers.ask('all', { ask: 'metrics' } satisfies WorkerQuestion, ({ answers }) => {
      for (const { from, answer } of answers) this.metrics.told(from, answer as FamilySnapshot[])
      const { listeners, routes, backends, redisBackends } = this.configuration
      // '' stands for none: a request that was refused before it had a route.
      const namesOf = (all: readonly { readonly name: string }[]) =>
        new Set(['', ...all.map(({ name }) => name)])
      const backend = namesOf([...backends, ...redisBackends])
      const names = { listener: namesOf(listeners), route: namesOf(routes), backend }
      done(this.metrics.text(names))
    })
  }

  reload(): void {
    this.pollset.commands.give('reload')
  }

  shutDown(): void {
    this.pollset.commands.give('shutdown')
  }

  reopen(): void {
    this.pollset.commands.give('reopen')
  }

  /** Ends the workers now; it ends after the last. */
  endNow(): void {
    this.pollset.commands.give('end')
  }

  // A configuration

  apply(configuration: Configuration, applied: Applied, foundOut: FoundOut): void {
    this.workers.change(
      partsFor({ configuration, foundOut, contents: { paths: [], digest: '' } }),
      configuration.workers,
      () => {
        this.configuration = configuration
        this.log.configure(configuration.processLog)
        this.sockets.keep(addressesOf(configuration))
      },
      (wrong, superseded) => {
        const error = wrong === null ? null : new ConfigError(wrong)
        if (!superseded) this.metrics.reloaded(error)
        if (superseded) applied(new Superseded('a newer configuration came before it served'))
        else applied(error)
      },
    )
  }

  private isSecure(asked: Address): boolean {
    const name = formatAddress(asked)
    return this.configuration.listeners.some(
      ({ address, tls }) => tls !== null && formatAddress(parseListen(address)) === name,
    )
  }

  // Called by control

  follow(order: string): void {
    if (order === 'reload' && this.phase === 'serving') this.reconfiguring.reload()
    else if (order === 'reopen') this.workers.order('reopen')
    else if (order === 'end') {
      this.workers.order('end')
      this.pollset.deadlines.every(this.limitsOf.server.cutMs).arm(this.killing)
    } else if (order === 'shutdown') {
      this.phase = 'stopping'
      this.reconfiguring.close()
      // They stay bound until the last worker releases them.
      this.sockets.keep([])
      this.workers.stop('shutdown')
    }
  }

  changeTicketKeys(): void {
    this.ticketKeys = newTicketKeys()
    this.workers.setTicketKeys(this.ticketKeys)
  }

  stop(): void {
    this.administration.drain()
    this.debugging?.drain()
    this.log.flush()
    this.pollset.close()
    this.emit('close')
  }

  // Reports of the workers

  settings(): { settings: WorkerSettings; ticketKeys: Uint8Array } {
    const { ticketKeys, traceFile, debugging } = this
    const { admin, probes } = this.configuration
    return {
      settings: {
        trace: traceFile,
        privateAddresses: debugging?.addresses ?? [],
        measures: admin !== null || probes !== null,
        debug: debugging && { folder: debugging.folder, secrets: debugging.secrets },
      },
      ticketKeys,
    }
  }

  serving(): void {
    if (this.phase !== 'starting') return
    this.phase = 'serving'
    this.log.tell('info', `${this.workers.ids.length} workers serve`)
  }

  joined(worker: string, isNew: boolean): void {
    this.log.tell('info', `${worker} serves${isNew ? '' : ' again'}`)
    this.questions.remind(worker)
  }

  told(_worker: string, told: unknown): void {
    const { news } = told as WorkerNews
    if (news !== 'draining' || this.isDraining || this.phase !== 'stopping') return
    this.isDraining = true
    this.emit('draining')
  }

  ended(worker: string, { code, signal }: ProcessEnd, backOffMs: number | null, wasServing: boolean): void {
    this.metrics.lost(worker)
    const how = signal === null ? `with status ${code ?? 'unknown'}` : `by ${signal}`
    if (backOffMs !== null) {
      const when = `another starts in ${backOffMs / 1_000} s`
      this.log.tell('error', `${worker} ended ${how}${wasServing ? '' : ' before it served'}: ${when}`)
    } else if (this.phase !== 'stopping') this.left(worker, code, how)
    else if (code === exitCodes.CUT) this.cutRequests++
    // One that does not serve yet when the server stops is killed.
    else if (code !== 0 && wasServing) {
      this.hasFailed = true
      this.log.tell('error', `${worker} ended ${how}`)
    }
  }

  /** A worker has ended, since there are to be fewer. It has told what it has cut. */
  private left(worker: string, code: number | null, how: string): void {
    const { workers } = this.configuration
    const are = workers === 1 ? 'is' : 'are'
    if (code === 0 || code === exitCodes.CUT)
      this.log.tell('info', `${worker} ended: there ${are} ${counted(workers, 'worker')} now`)
    else this.log.tell('error', `${worker} ended ${how}`)
  }

  faulty(worker: string, why: string): void {
    this.log.tell('error', `${worker} is ended: ${why}`)
  }

  refused(worker: string, why: string): void {
    this.log.tell('error', `${worker} cannot serve the configuration: ${why}`)
  }

  gaveUp(): void {
    this.workers.kill()
    const message = 'no worker could start: see the lines before this one'
    this.emit('error', new ServerError('not-listening', message))
  }

  over(): void {
    this.control.end()
  }
}

/** Ends workers that have ignored the order to end now. */
class Killing extends Deadline {
  private readonly workers: Workers

  constructor(workers: Workers) {
    super()
    this.workers = workers
  }

  expire(): void {
    this.workers.kill()
  }
}

const addressesOf = ({ listeners }: Configuration): Address[] =>
  listeners.map(({ address }) => parseListen(address))

/** Makes the checks that a file gets when it is read. */
function checkedOf(made: MadeConfiguration): MadeConfiguration {
  const { configuration, contents } = made
  return madeOf(checked({ configuration, contents, files: [], errors: [], warnings: [] }))
}

/** Returns the parts of a configuration for workers, without those of the primary. */
const partsFor =
  ({ configuration, foundOut, contents }: MadeConfiguration) =>
  () =>
    partsOf({
      configuration: { ...configuration, admin: null, probes: null, debug: null },
      foundOut,
      contents,
      files: [],
      errors: [],
      warnings: [],
      digest: '',
    } satisfies ReadAnswer)
