// Makes a reverse proxy in one call. The command line uses it too. Promises serve starting and stopping; no
// request passes through one.

import type { Configuration } from '../config/index.js'
import { type Address, randomKey } from '../pollset/index.js'
import type { Exchange } from '../proxy/index.js'
import { ConfigError, type Listen, parseListen } from './address.js'
import { administeredText } from './administration.js'
import { asConfigError, configured } from './config-errors.js'
import { type DebugOptions, debuggedText } from './debugging.js'
import type { Emitter } from './emitter.js'
import { type LiveExchange, liveExchanges, reportOf } from './exchange-views.js'
import type { LogTarget } from './line-logger.js'
import { notListening } from './listen-faults.js'
import { checkDocument, checkOptions } from './option-checks.js'
import { check, MS } from './option-kinds.js'
import {
  type ConfigurationDocument,
  type ConfigurationOrigin,
  documentOf,
  documentOrigin,
  isDocument,
  type Routing,
  routesOf,
  shortOrigin,
} from './origins.js'
import type { ProcessLog } from './process-log.js'
import { Reconfiguring } from './reconfiguring.js'
import { endpointIn, Runtime, type RuntimeBackends, type RuntimeHost, type RuntimeRoutes } from './runtime.js'
import { Server } from './server.js'
import { ProxyServerEmitter, type ProxyServerEvents, ServerError } from './server-events.js'
import { addressSetting } from './setting-names.js'
import type { ShortForm } from './short-form.js'

/** The address and the rules for debuggers (spec/debugger.md). */
export interface DebugListenOptions {
  /** `HOST:PORT` or `unix:PATH`. The file of a Unix-domain socket has mode 0600. */
  readonly listen: string
  /** The token that a debugger must send over TCP. Without it one is made, and written to the log. */
  readonly token?: string
  /** True: shows the values of credentials. */
  readonly secrets?: boolean
}

/** The output of a server. */
export interface Writers {
  /**
   * Writes a line of the process log, without its line end. Or it takes the messages, as loggers of pino and
   * the console do. By default there is no log: the library itself prints nothing.
   */
  readonly log?: LogTarget | undefined
  /** Writes a line of the trace. */
  readonly trace?: ((line: string) => void) | undefined
}

/** A configuration in the shape of the file, typed by `defineConfig` or not, and the output of the server. */
export type DocumentServerOptions = ConfigurationDocument & Writers

export interface ProxyServerOptions extends Omit<ShortForm, 'listen' | 'routes'>, Routing, Writers {
  /** Lets debuggers attach. */
  readonly debug?: DebugListenOptions | undefined
  /**
   * The addresses: `HOST:PORT`, `https://HOST:PORT` or `unix:PATH`; port 0 takes a free port. Each takes
   * HTTP/1.1 and HTTP/2.
   */
  readonly listen: string | readonly (string | Listen)[]
}

export interface ProxyServer extends Emitter<ProxyServerEvents> {
  /** The bound addresses, in the order of binding. */
  readonly addresses: readonly Address[]
  /** Writes a line to the process log. */
  readonly log: Pick<ProcessLog, 'tell'>
  /**
   * Binds all addresses. If one cannot be bound, it rejects with a {@link ServerError} and the server closes.
   */
  listen(): Promise<readonly Address[]>
  /**
   * Lets running requests finish, then closes. Resolves when no socket is open.
   * @param deadlineMs ms after which running requests are cut; by default that of the options
   */
  close(deadlineMs?: number): Promise<void>
  /**
   * Replaces all routes and the backend, or the whole document. Resolves when the new configuration serves.
   * Rejects with a {@link ConfigError} if it has a mistake or a new listener cannot be bound, and then
   * nothing has changed. A document is read in a thread of its own.
   */
  apply(change: Routing | ConfigurationDocument): Promise<void>
  /** Adds backends, and adds and drains their endpoints, at run time. Only with a document. */
  readonly backends: RuntimeBackends
  /** Adds, replaces and removes routes at run time. Only with a document. */
  readonly routes: RuntimeRoutes
  /** Reads the configuration and its files again, and serves it; `reloaded` tells the outcome. */
  reload(): void
  /**
   * Closes as {@link close} does, but first accepts connections and requests for `shutdown.delay`, while load
   * balancers learn of it.
   */
  shutDown(): void
  /** The number of requests that were cut when it closed: they had not ended within the drain timeout. */
  readonly cutRequests: number
  /** Logs what is cut, for a process that ends now. */
  endNow(): void
  /** Opens the access log again by its name, after its file was renamed. */
  reopen(): void
  /** Lists the running requests and tunnels, newest first, with their waits. */
  exchanges(): readonly LiveExchange[]
  /** Describes connections, engines and counts, for people. */
  describe(): Readonly<Record<string, unknown>>
}

const listenOf = (listen: ProxyServerOptions['listen']): Listen[] =>
  [listen].flat().map((each) => (typeof each === 'string' ? parseListen(each) : each))

/** Returns the parsed options for debuggers. Throws a {@link ConfigError}. */
export function debugOptions({ listen, token, secrets = false }: DebugListenOptions): DebugOptions {
  if (token !== undefined && !/^[\x21-\x7e]{8,200}$/.test(token))
    throw new ConfigError('debug: a token has 8 to 200 characters, without spaces')
  return { address: parseListen(listen), token, secrets }
}

const wasClosed = () => new ServerError('not-listening', 'the server was closed')

/** The parts of a running server. */
export interface ServerParts extends Writers {
  readonly origin: ConfigurationOrigin
  /** True: the files of the configuration are watched, and read again when they change. */
  readonly watches?: boolean
  /** The key for the digits that stand for secrets in messages. */
  readonly key?: string
  readonly debug?: DebugOptions | null
}

export class RunningServer extends ProxyServerEmitter implements ProxyServer {
  readonly server: Server
  private readonly bound: Address[] = []
  private listened: Promise<readonly Address[]> | null = null
  private closed: Promise<void> | null = null
  private over = false
  private readonly reconfiguring: Reconfiguring
  private readonly runtime: Runtime
  readonly backends: RuntimeBackends
  readonly routes: RuntimeRoutes

  constructor({ origin, watches = false, key = randomKey(), debug, log, trace }: ServerParts) {
    super()
    const made = configured(() => origin.make())
    if (made.configuration.workers > 1)
      throw new ConfigError('workers is for `fermata serve FILE`: a server made in code runs in this process')
    this.server = configured(() => {
      const { configuration, foundOut } = made
      const debugging = debug ?? debugIn(configuration)
      return new Server({
        configuration,
        foundOut,
        read: () => this.reconfiguring.reload(),
        ...(log === undefined ? {} : { log }),
        ...(trace === undefined ? {} : { trace }),
        ...(debugging === null ? {} : { debug: debugging }),
      })
    })
    this.reconfiguring = new Reconfiguring(this.server, origin, made, watches, key, (wrong) =>
      this.emit('reloaded', wrong === null ? null : asConfigError(wrong)),
    )
    this.runtime = new Runtime(this.runtimeHost(), documentOf(origin))
    this.backends = this.runtime.backends
    this.routes = this.runtime.routes
    this.tellDebugging()
    this.forward()
  }

  private runtimeHost(): RuntimeHost {
    return {
      apply: (document) => this.apply(document),
      endpointOf: (name, address) => endpointIn(this.server.proxy.backends, name, address),
      now: () => this.server.world.pollset.now,
    }
  }

  private tellDebugging(): void {
    const { log } = this.server
    this.server.on('debugging', (address, token) => {
      log.tell('info', debuggedText(address, token))
    })
    this.server.on('undebugged', (address, code) =>
      this.failed('not-listening', this.notListening(address, code, 'debug'), code),
    )
  }

  private forward(): void {
    const { server } = this
    server.on('listening', (address, secure) => {
      this.bound.push(address)
      this.emit('listening', address, secure)
    })
    server.on('administering', (address, what) => server.log.tell('info', administeredText(address, what)))
    server.on('replaced', (address) => void this.emit('replaced', address))
    server.on('failed', (address, code) =>
      this.failed('not-listening', this.notListening(address, code), code),
    )
    server.on('crashed', (id, error) =>
      this.failed('internal', `internal error in ${id} (closed); other requests are unaffected`, error),
    )
    server.on('broken', (error) =>
      this.failed(
        'broken',
        'internal error; all connections were closed, since bytes could reach the wrong client',
        error,
      ),
    )
    server.on('unreached', (backend, why) => void this.emit('unreached', backend, why))
    server.on('draining', () => {
      this.reconfiguring.close()
      this.emit('draining')
    })
    server.on('stopped', () => {
      this.over = true
      this.emit('close')
    })
    server.proxy.watch({ ended: (exchange) => this.ended(exchange) })
  }

  private notListening(address: Address, code: string, of?: 'debug'): string {
    return notListening(address, code, addressSetting(this.server.configuration, address, of))
  }

  private failed(code: ServerError['code'], message: string, cause: unknown): void {
    if (this.listenerCount('error') > 0) this.emit('error', new ServerError(code, message, cause))
    else this.server.log.tell('error', `${message}${cause instanceof Error ? `: ${cause.message}` : ''}`)
  }

  private ended(x: Exchange): void {
    if (this.listenerCount('exchange') === 0) return
    this.emit('exchange', reportOf(x))
  }

  get addresses(): readonly Address[] {
    return [...this.bound]
  }

  get log(): Pick<ProcessLog, 'tell'> {
    return this.server.log
  }

  /** Binds all addresses; the `error` event reports one that cannot be bound. */
  begin(): void {
    this.listen().catch(() => {})
  }

  listen(): Promise<readonly Address[]> {
    if (this.closed !== null) return Promise.reject(wasClosed())
    this.listened ??= new Promise((resolve, reject) => {
      this.server.on('listening', () => {
        if (this.bound.length === this.server.listenersCount) resolve(this.addresses)
      })
      this.server.on('failed', (address, code) => {
        reject(new ServerError('not-listening', this.notListening(address, code), code))
        this.server.command('drain')
      })
      this.server.on('stopped', () => reject(wasClosed()))
      this.server.begin()
    })
    return this.listened
  }

  close(deadlineMs?: number): Promise<void> {
    if (deadlineMs !== undefined) {
      check('the deadline of close', deadlineMs, MS)
      this.server.drainTimeoutMs = deadlineMs
    }
    this.closed ??= new Promise((resolve) => {
      if (this.over) resolve()
      this.server.on('stopped', resolve)
      this.server.command('drain')
    })
    return this.closed
  }

  apply(change: Routing | ConfigurationDocument): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.closed !== null) throw wasClosed()
      if (typeof change !== 'object' || change === null)
        throw new ConfigError('apply takes { backend }, { routes } or a document with listeners')
      this.reconfiguring.apply(change, (wrong) => {
        if (wrong !== null) reject(asConfigError(wrong))
        else {
          this.runtime.replaced(change)
          resolve()
        }
      })
    })
  }

  get cutRequests(): number {
    return this.server.cutRequests
  }

  reload(): void {
    this.server.command('reload')
  }

  shutDown(): void {
    this.server.command('shutdown')
  }

  endNow(): void {
    this.server.endNow()
  }

  reopen(): void {
    this.server.accessLog.reopen()
  }

  exchanges(): readonly LiveExchange[] {
    return liveExchanges(this.server.world)
  }

  describe(): Readonly<Record<string, unknown>> {
    return this.server.describe()
  }
}

/** The listener for debuggers of a document. */
export function debugIn({ debug }: Configuration): DebugOptions | null {
  if (debug === null) return null
  const { address, token, secrets } = debug
  return debugOptions({ listen: address, secrets, ...(token === null ? {} : { token }) })
}

/** Returns the parts of a server with these options. Throws a {@link ConfigError}. */
export function partsOf(options: ProxyServerOptions | DocumentServerOptions): ServerParts {
  if (typeof options !== 'object' || options === null)
    throw new ConfigError("createServer takes an object: write { listen: '127.0.0.1:8080', backend: URL }")
  if (isDocument(options)) {
    const { log, trace, ...document } = options as DocumentServerOptions
    checkDocument(document)
    return { origin: documentOrigin(document as ConfigurationDocument), log, trace }
  }
  checkOptions(options)
  const { listen, routes, backend, debug, log, trace, ...form } = options
  const routing = {
    ...(routes === undefined ? {} : { routes }),
    ...(backend === undefined ? {} : { backend }),
  }
  return {
    origin: shortOrigin({ ...form, listen: listenOf(listen), routes: routesOf(routing) }, 'code'),
    debug: debug === undefined ? null : debugOptions(debug),
    log,
    trace,
  }
}

/**
 * Makes a reverse proxy, which {@link ProxyServer.listen} starts. Its options are a document in the shape of
 * the file, or options in the short form. Throws a {@link ConfigError} if an option is wrong: an address, a
 * route, a certificate, limits that contradict each other.
 */
export const createServer = (options: ProxyServerOptions | DocumentServerOptions): ProxyServer =>
  new RunningServer(partsOf(options))
