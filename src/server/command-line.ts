// Runs the command line: checks combinations of options, starts the server, and logs its events. The options
// are in options.ts, the server in server.ts.

import { type Address, formatAddress, type StandardError } from '../pollset/index.js'
import { addRoute, ConfigError, type Listen, parseListen, type RouteText } from './address.js'
import { runProgram } from './base-program.js'
import { checkTogether } from './combinations.js'
import { exitCodes } from './exit-codes.js'
import { checkLimits, defaultLimits, limitsWith } from './limits.js'
import { openLog } from './open-log.js'
import { program, type ServeOptions, seeHelp } from './options.js'
import { type Origin, startOrigin } from './origin.js'
import { shortOrigin } from './origins.js'
import { counted } from './quantity.js'
import { ConfigFileError, type FileReading, filePartsOf, readFile } from './serve-file.js'
import { serveRedis } from './serve-redis.js'
import { announce, type Served, servedBy, serverFormOf, serverOf, start, writeLine } from './serving.js'
import { runWorker } from './worker-server.js'
import { WORKER_COMMAND } from './worker-settings.js'

const { USAGE, FAILED } = exitCodes

/** Runs the command line. Never throws; sets the exit code. */
export function run(argv: readonly string[]): void {
  runProgram(() => {
    try {
      program({ serve, serveFile: serveConfigFile, work, redis: serveRedis }).parse(argv as string[])
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      writeLine(`error: ${error.message}\n${seeHelp(argv[2] === 'redis' ? 'redis' : 'serve')}`)
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

function formOf(options: ServeOptions, listen: Listen[], routes: readonly RouteText[]) {
  const { connect, sendProxy, accessLog, accessLogFormat } = options
  return {
    ...serverFormOf(options),
    listen,
    routes,
    ...(connect === undefined ? {} : { connect }),
    ...(sendProxy === undefined ? {} : { sendProxy }),
    share: options.share,
    ...(options.backend === undefined && options.route === undefined ? { errors: 'detailed' as const } : {}),
    ...(accessLog === undefined ? {} : { accessLog: { file: accessLog, format: accessLogFormat } }),
  }
}

/** Runs a worker. */
function work(name: string): void {
  if (process.connected !== true)
    throw new ConfigError(`'fermata ${WORKER_COMMAND}' is started by 'fermata serve --workers 2'`)
  runWorker(name)
}

/** Returns the lines about the targets of requests. */
const routeLines = (routes: readonly RouteText[], origin: Origin | null): string[] =>
  routes.map(({ host, prefix, url }) => {
    const from = host === '' && prefix === '/' ? 'everything' : `${host}${prefix}`
    return `${from} goes to ${url}${origin === null ? '' : ' (the embedded origin)'}`
  })

/** Returns a curl command that reaches this listener. */
function curlFor(address: Address, secure: boolean): string {
  const scheme = secure ? '-k https' : 'http'
  if (address.path !== undefined) return `curl --unix-socket ${address.path} ${scheme}://localhost/`
  const host = address.host === '::' || address.host === '0.0.0.0' ? '127.0.0.1' : address.host
  return `curl ${scheme}://${formatAddress({ host, port: address.port })}/`
}

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
  const more = redisBackends.length === 0 ? '' : `, ${counted(redisBackends.length, 'backend')} of Redis`
  const ofRedis = new Set(
    listeners.flatMap((each) => (each.redis === null ? [] : [formatAddress(parseListen(each.address))])),
  )
  announce(server, {
    listeners: listeners.length,
    lines: () => [`${file} has ${served}${more}`],
    isRedis: (address) => ofRedis.has(formatAddress(address)),
    reloads: 'the configuration was',
  })
  start(server, log, () => {})
}

function begin(options: ServeOptions, routes: readonly RouteText[], origin: Origin | null): void {
  const listen = listenersOf(options)
  let server: Served
  const log = openLog(options.limit ?? {})
  try {
    server = serverOf(options, shortOrigin(formOf(options, listen, routes)), log)
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
