// Runs the command line: checks combinations of options, starts the server, and logs its events. The options
// are in options.ts, the server in server.ts.

import { closeSync, createWriteStream, openSync, readFileSync } from 'node:fs'
import { type Address, formatAddress, type StandardError } from '../pollset/index.js'
import { addRoute, ConfigError, type Listen, parseListen, type RouteText } from './address.js'
import { runProgram } from './base-program.js'
import { checkTogether } from './combinations.js'
import {
  type DebugListenOptions,
  type ProxyServer,
  type ProxyServerEvents,
  type ProxyServerOptions,
  partsOf,
  RunningServer,
  type ServerParts,
} from './create-server.js'
import { exitCodes } from './exit-codes.js'
import { plainFault } from './fault-text.js'
import { checkLimits, defaultLimits, limitsWith } from './limits.js'
import { openLog } from './open-log.js'
import { program, SEE_HELP, type ServeOptions } from './options.js'
import { type Origin, startOrigin } from './origin.js'
import { PrimaryServer } from './primary-server.js'
import { counted } from './quantity.js'
import { ConfigFileError, type FileReading, filePartsOf, readFile } from './serve-file.js'
import { Superseded } from './served-configuration.js'
import type { ServerCertificates } from './server-options.js'
import { DRAIN_TIMEOUT_MS } from './short-form.js'
import { traceTo } from './trace-file.js'
import { runWorker } from './worker-server.js'
import { WORKER_COMMAND } from './worker-settings.js'

const { USAGE, FAILED, CUT, BROKEN } = exitCodes

const writeLine = (line: string) => void process.stderr.write(`${line}\n`)

/** Runs the command line. Never throws; sets the exit code. */
export function run(argv: readonly string[]): void {
  runProgram(() => {
    try {
      program(serve, serveConfigFile, work).parse(argv as string[])
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      writeLine(`error: ${error.message}\n${SEE_HELP}`)
      process.exitCode = USAGE
    }
  })
}

/** Returns the routes, with `--backend` as the catch-all. */
const withBackend = ({ route, backend }: ServeOptions) =>
  addRoute(route ?? [], { host: '', prefix: '/', url: backend as string })

function serve(options: ServeOptions): void {
  const routes = options.backend === undefined ? (options.route ?? []) : withBackend(options)
  checkTogether(
    options,
    listenersOf(options),
    routes.map((each) => each.url),
  )
  checkLimits(limitsWith(defaultLimits, options.limit))
  if (routes.length > 0) begin(options, routes, null)
  else {
    startOrigin(
      (origin) => begin(options, [{ host: '', prefix: '/', url: `h2c://127.0.0.1:${origin.port}` }], origin),
      (error) => {
        writeLine(`error: the embedded origin cannot start: ${error.message}`)
        process.exitCode = FAILED
      },
    )
  }
}

const listenersOf = ({ listen }: ServeOptions): Listen[] => listen ?? [parseListen('127.0.0.1:8080')]

/** Opens the trace at start, so that a wrong path is a usage error. */
function traceFileOf(file: string): number {
  try {
    return openSync(file, 'w')
  } catch (error) {
    throw wrongFile('--trace', file, error)
  }
}

function traceOf(file: string | undefined): ProxyServerOptions['trace'] {
  if (file === undefined) return undefined
  const stream = file === '-' ? process.stdout : createWriteStream(file, { fd: traceFileOf(file) })
  return traceTo(stream, (level, text) => writeLine(`${level}: ${text}`), plainText)
}

const textOf = (file: string, option: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw wrongFile(option, file, error)
  }
}

const wrongFile = (option: string, file: string, error: unknown): ConfigError =>
  new ConfigError(`${option} ${file}: ${plainText(error)}`)

const plainText = (error: unknown): string =>
  plainFault(error instanceof Error ? error.message : String(error))

/** Reads the certificates from their files, again at each reload. */
function certificatesOf({ cert, key, clientCa, requireClientCert }: ServeOptions): ServerCertificates {
  const keys = (key ?? []).map((file) => textOf(file, '--key'))
  return {
    certificates: (cert ?? []).map((file, at) => ({
      cert: textOf(file, '--cert'),
      key: keys[at],
      from: `--cert ${file} --key ${key?.[at]}`,
    })),
    ...(clientCa === undefined ? {} : { clientCa: textOf(clientCa, '--client-ca') }),
    clientRequired: requireClientCert === true,
  }
}

/** A server in this process, or a primary with its workers. */
type Served = Pick<ProxyServer, 'log' | 'reload' | 'shutDown' | 'endNow' | 'reopen' | 'cutRequests'> & {
  on<E extends keyof ProxyServerEvents>(event: E, listener: ProxyServerEvents[E]): unknown
  begin(): void
  /** True if a worker has failed. */
  readonly hasFailed?: boolean
  /** True if after `endNow` it ends when its workers have ended. */
  readonly endsLater?: boolean
}

function makeServer(
  options: ServeOptions,
  listen: Listen[],
  routes: readonly RouteText[],
  log: StandardError,
): Served {
  const { acceptProxy, connect, sendProxy, backendCa, backendName, backendInsecure } = options
  const { accessLog, accessLogFormat, logLevel, logFormat } = options
  const parts = partsOf({
    listen,
    routes: Object.fromEntries(routes.map(({ host, prefix, url }) => [`${host}${prefix}`, url])),
    certificates: () => certificatesOf(options),
    backendTls: {
      ...(backendCa === undefined ? {} : { ca: textOf(backendCa, '--backend-ca') }),
      ...(backendName === undefined ? {} : { serverName: backendName }),
      verify: backendInsecure !== true,
    },
    ...(acceptProxy === undefined ? {} : { acceptProxy }),
    ...(connect === undefined ? {} : { connect }),
    ...(sendProxy === undefined ? {} : { sendProxy }),
    share: options.share,
    ...(options.backend === undefined && options.route === undefined ? { errors: 'detailed' as const } : {}),
    limits: options.limit ?? {},
    drainTimeoutMs: options.drainTimeout ?? DRAIN_TIMEOUT_MS,
    ...(options.debug === undefined ? {} : { debug: debugOf(options, formatAddress(options.debug)) }),
    ...(accessLog === undefined ? {} : { accessLog: { file: accessLog, format: accessLogFormat } }),
    processLog: { level: logLevel, format: logFormat },
    log,
  })
  const server = servedBy(parts, options.workers ?? 1, options.trace)
  if (backendInsecure) server.log.tell('warn', '--backend-insecure: certificates of backends are not checked')
  return server
}

function servedBy(parts: ServerParts, workers: number, traceFile: string | undefined): Served {
  if (workers === 1) return new RunningServer({ ...parts, trace: traceOf(traceFile) })
  // The workers append to it.
  if (traceFile !== undefined && traceFile !== '-') closeSync(traceFileOf(traceFile))
  return new PrimaryServer({ ...parts, workers, traceFile })
}

/** Runs a worker. */
function work(name: string): void {
  if (process.connected !== true)
    throw new ConfigError(`'fermata ${WORKER_COMMAND}' is started by 'fermata serve --workers 2'`)
  runWorker(name)
}

function debugOf({ debugTokenFile, debugSecrets }: ServeOptions, listen: string): DebugListenOptions {
  const token =
    debugTokenFile === undefined ? {} : { token: textOf(debugTokenFile, '--debug-token-file').trim() }
  return { listen, ...token, secrets: debugSecrets === true }
}

/** Returns the lines about the targets of requests. */
const routeLines = (routes: readonly RouteText[], origin: Origin | null): string[] =>
  routes.map(({ host, prefix, url }) => {
    const from = host === '' && prefix === '/' ? 'everything' : `${host}${prefix}`
    return `${from} goes to ${url}${origin === null ? '' : ' (the embedded origin)'}`
  })

/** The words that announce a server. */
interface Announcement {
  /** The number of its listeners. */
  readonly listeners: number
  /** Returns the lines for the moment when all listen. @param address the address of the last one */
  readonly lines: (address: Address, secure: boolean) => string[]
  /** The addresses of Redis, in the form of `formatAddress`. */
  readonly redis?: ReadonlySet<string>
  /** The things that a reload reads again, with their verb: `certificates were`. */
  readonly reloads: string
}

/** Logs the events of the server. */
function announce(server: Served, { listeners, lines, reloads, redis }: Announcement): void {
  const { log } = server
  let ready = 0
  server.on('listening', (address, secure) => {
    const name = formatAddress(address)
    const spoken = redis?.has(name) === true ? 'Redis' : 'HTTP/1.1 and HTTP/2'
    log.tell('info', `listening on ${name} (${spoken}${secure ? ' over TLS' : ''})`)
    if (++ready === listeners) for (const line of lines(address, secure)) log.tell('info', line)
  })
  server.on('replaced', (address) =>
    log.tell('warn', `replaced ${formatAddress(address)}, a stale socket on which no process listened`),
  )
  server.on('error', ({ code, message, cause }) => {
    log.tell('error', code === 'not-listening' ? message : `${message}: ${stackOf(cause)}`)
    if (code !== 'internal') process.exit(code === 'broken' ? BROKEN : FAILED)
  })
  server.on('reloaded', (error) => {
    if (error === null) log.tell('info', `${reloads} read again`)
    else if (error instanceof Superseded) log.tell('info', `${reloads} not taken: ${error.message}`)
    else log.tell('error', `${reloads} not changed: ${error.message}`)
  })
  server.on('draining', () =>
    log.tell('info', 'draining: running requests may finish; a second signal cuts them'),
  )
}

/** Returns a curl command that reaches this listener. */
function curlFor(address: Address, secure: boolean): string {
  const scheme = secure ? '-k https' : 'http'
  if (address.path !== undefined) return `curl --unix-socket ${address.path} ${scheme}://localhost/`
  const host = address.host === '::' || address.host === '0.0.0.0' ? '127.0.0.1' : address.host
  return `curl ${scheme}://${formatAddress({ host, port: address.port })}/`
}

/** Returns the stack on one line. */
const stackOf = (error: unknown): string =>
  (error instanceof Error ? String(error.stack) : String(error)).replace(/\s*\n\s*/g, ' < ')

/** Serves a configuration file. */
function serveConfigFile(file: string, { watch, trace }: ServeOptions): void {
  let server: Served
  let reading: FileReading
  let log: StandardError
  try {
    reading = readFile(file)
    for (const each of reading.warnings) writeLine(`warning: ${each}`)
    log = openLog(reading.configuration.limits)
    const parts = filePartsOf(file, reading, watch === true, { log })
    server = servedBy(parts, reading.configuration.workers, trace)
  } catch (error) {
    writeLine(error instanceof ConfigFileError ? error.message : `error: ${String((error as Error).message)}`)
    process.exitCode = USAGE
    return
  }
  const { listeners, routes, backends, redisBackends } = reading.configuration
  const served = `${counted(routes.length, 'route')} to ${counted(backends.length, 'backend')}`
  const ofRedis = redisBackends.length === 0 ? '' : `, ${counted(redisBackends.length, 'backend')} of Redis`
  announce(server, {
    listeners: listeners.length,
    lines: () => [`${file} has ${served}${ofRedis}`],
    redis: new Set(
      listeners.flatMap((each) => (each.redis === null ? [] : [formatAddress(parseListen(each.address))])),
    ),
    reloads: 'the configuration was',
  })
  start(server, log, () => {})
}

function begin(options: ServeOptions, routes: readonly RouteText[], origin: Origin | null): void {
  const listen = listenersOf(options)
  let server: Served
  const log = openLog(options.limit ?? {})
  try {
    server = makeServer(options, listen, routes, log)
  } catch (error) {
    writeLine(`error: ${error instanceof Error ? error.message : String(error)}`)
    origin?.close()
    process.exitCode = USAGE
    return
  }
  announce(server, {
    listeners: listen.length,
    lines: (address, secure) => [
      ...routeLines(routes, origin),
      ...(origin === null ? [] : [`try  ${curlFor(address, secure)}`]),
    ],
    reloads: 'certificates were',
  })
  start(server, log, () => origin?.close())
}

/** Binds the listeners, and takes the signals until the server has closed. */
function start(server: Served, log: StandardError, closed: () => void): void {
  const reopen = (): void => server.reopen()
  server.on('close', () => {
    closed()
    log.end()
    for (const signal of [...SIGNALS, 'SIGHUP']) process.removeAllListeners(signal)
    process.off('SIGUSR1', reopen)
    if (server.cutRequests > 0) process.exitCode = CUT
    if (server.hasFailed === true) process.exitCode = FAILED
  })
  process.on('SIGUSR1', reopen)
  process.on('SIGHUP', () => server.reload())
  let asked = false
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (asked) {
        server.endNow()
        if (server.endsLater === true) return
        process.exit(server.cutRequests > 0 ? CUT : 0)
      }
      asked = true
      server.shutDown()
    })
  }
  server.begin()
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const
