// Runs a server as the process of a command: reads its files, logs its events, and takes the signals.

import { closeSync, createWriteStream, openSync, readFileSync } from 'node:fs'
import { isAdminToken } from '../config/index.js'
import { type Address, formatAddress, type StandardError } from '../pollset/index.js'
import { ConfigError } from './address.js'
import {
  debugOptions,
  type ProxyServer,
  type ProxyServerOptions,
  RunningServer,
  type ServerParts,
} from './create-server.js'
import { exitCodes } from './exit-codes.js'
import { plainFault } from './fault-text.js'
import type { ConfigurationOrigin } from './origins.js'
import { PrimaryServer } from './primary-server.js'
import { Superseded } from './served-configuration.js'
import type { ProxyServerEvents } from './server-events.js'
import type { ServerCertificates } from './server-options.js'
import type { RunOptions, TlsOptions } from './shared-options.js'
import { addressText, type CommandForm, DRAIN_TIMEOUT_MS, type ServerForm } from './short-form.js'
import { traceTo } from './trace-file.js'

const { FAILED, CUT, BROKEN } = exitCodes

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

export const writeLine = (line: string) => void process.stderr.write(`${line}\n`)

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

export const textOf = (file: string, option: string): string => {
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
function certificatesOf({ cert, key, clientCa, requireClientCert }: TlsOptions): ServerCertificates {
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

/** Returns the settings that both commands have. Reads the files that they name. */
export function serverFormOf(options: RunOptions & TlsOptions): Omit<ServerForm & CommandForm, 'listen'> {
  const { acceptProxy, backendCa, backendName, backendInsecure, logLevel, logFormat } = options
  const { admin, adminTokenFile, probes, workers } = options
  return {
    certificates: () => certificatesOf(options),
    backendTls: {
      ...(backendCa === undefined ? {} : { ca: textOf(backendCa, '--backend-ca') }),
      ...(backendName === undefined ? {} : { serverName: backendName }),
      verify: backendInsecure !== true,
    },
    ...(acceptProxy === undefined ? {} : { acceptProxy }),
    limits: options.limit ?? {},
    drainTimeoutMs: options.drainTimeout ?? DRAIN_TIMEOUT_MS,
    processLog: { level: logLevel, format: logFormat },
    ...(workers === undefined ? {} : { workers }),
    ...(admin === undefined
      ? {}
      : { admin: { address: addressText(admin), token: adminTokenOf(adminTokenFile), hosts: null } }),
    ...(probes === undefined ? {} : { probes: addressText(probes) }),
  }
}

function adminTokenOf(file: string | undefined): string | null {
  if (file === undefined) return null
  const token = textOf(file, '--admin-token-file').trim()
  if (isAdminToken(token)) return token
  throw new ConfigError(`--admin-token-file ${file}: a token has 16 to 200 characters, without spaces`)
}

function debugOf({ debug, debugTokenFile, debugSecrets }: RunOptions) {
  if (debug === undefined) return null
  const token =
    debugTokenFile === undefined ? {} : { token: textOf(debugTokenFile, '--debug-token-file').trim() }
  return debugOptions({ listen: formatAddress(debug), ...token, secrets: debugSecrets === true })
}

/** Makes the server of a command. Throws if a setting is wrong. */
export function serverOf(
  options: RunOptions & TlsOptions,
  origin: ConfigurationOrigin,
  log: StandardError,
): Served {
  const server = servedBy({ origin, debug: debugOf(options), log }, options.workers ?? 1, options.trace)
  if (options.backendInsecure)
    server.log.tell('warn', '--backend-insecure: certificates of backends are not checked')
  return server
}

/** A server in this process, or a primary with its workers. */
export type Served = Pick<
  ProxyServer,
  'log' | 'reload' | 'shutDown' | 'endNow' | 'reopen' | 'cutRequests'
> & {
  on<E extends keyof ProxyServerEvents>(event: E, listener: ProxyServerEvents[E]): unknown
  begin(): void
  /** True if a worker has failed. */
  readonly hasFailed?: boolean
  /** True if after `endNow` it ends when its workers have ended. */
  readonly endsLater?: boolean
}

export function servedBy(parts: ServerParts, workers: number, traceFile: string | undefined): Served {
  if (workers === 1) return new RunningServer({ ...parts, trace: traceOf(traceFile) })
  // The workers append to it.
  if (traceFile !== undefined && traceFile !== '-') closeSync(traceFileOf(traceFile))
  return new PrimaryServer({ ...parts, workers, traceFile })
}

/** The words that announce a server. */
export interface Announcement {
  /** The number of its listeners. */
  readonly listeners: number
  /** Returns the lines for the moment when all listen. @param address the address of the last one */
  readonly lines: (address: Address, secure: boolean) => string[]
  /** Returns true if clients at this address speak Redis. */
  readonly isRedis?: (address: Address) => boolean
  /** The things that a reload reads again, with their verb: `certificates were`. */
  readonly reloads: string
}

/** Logs the events of the server. */
export function announce(server: Served, { listeners, lines, reloads, isRedis }: Announcement): void {
  const { log } = server
  let ready = 0
  server.on('listening', (address, secure) => {
    const spoken = isRedis?.(address) === true ? 'Redis' : 'HTTP/1.1 and HTTP/2'
    log.tell('info', `listening on ${formatAddress(address)} (${spoken}${secure ? ' over TLS' : ''})`)
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

/** Returns the stack on one line. */
const stackOf = (error: unknown): string =>
  (error instanceof Error ? String(error.stack) : String(error)).replace(/\s*\n\s*/g, ' < ')

/** Binds the listeners, and takes the signals until the server has closed. */
export function start(server: Served, log: StandardError, closed: () => void): void {
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
