// The options that `fermata serve` and `fermata redis` share, with their help, and the readers of a single
// option.

import type { Command } from 'commander'
import { type AccessLogConfig, LOG_FORMATS, LOG_LEVELS } from '../config/index.js'
import { ConfigError, type Listen, parseDuration, parseListen, parseNetwork } from './address.js'
import { type SomeLimits, setLimit } from './limits.js'

/** Prefixes a message that begins with the value with the name of the option. */
export function checked<T>(
  option: string,
  parse: (text: string, before: T) => T,
): (text: string, before: T) => T {
  return (text, before) => {
    try {
      return parse(text, before)
    } catch (error) {
      if (error instanceof ConfigError && error.message.startsWith("'"))
        throw new ConfigError(`${option} ${error.message}`)
      throw error
    }
  }
}

/** Takes an option that may be given more than once. */
export const collect =
  <T>(parse: (text: string) => T) =>
  (text: string, before: T[] | undefined): T[] => [...(before ?? []), parse(text)]

/** Takes one of these words. */
export const oneOf = <const T extends string>(option: string, ...words: readonly T[]) =>
  checked(option, (text: string) => {
    if (!words.some((word) => word === text))
      throw new ConfigError(
        `'${text}': write '${words.slice(0, -1).join("', '")}' or '${words[words.length - 1]}'`,
      )
    return text as T
  })

/** Takes an address of operators. */
const address = (option: string) =>
  checked(option, (text: string, _before: Listen | undefined) => parseListen(text))

/** The most workers. */
const WORKERS_MAX = 64

function parseWorkers(text: string): number {
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > WORKERS_MAX)
    throw new ConfigError(`'${text}': write a number from 1 to ${WORKERS_MAX}`)
  return count
}

/** The options of certificates, for clients and for backends. */
export interface TlsOptions {
  cert?: string[]
  key?: string[]
  clientCa?: string
  requireClientCert?: boolean
  backendCa?: string
  backendName?: string
  backendInsecure?: boolean
}

/** The options of a process that serves. */
export interface RunOptions {
  listen?: Listen[]
  acceptProxy?: string[]
  workers?: number
  trace?: string
  logLevel?: (typeof LOG_LEVELS)[number]
  logFormat?: (typeof LOG_FORMATS)[number]
  accessLog?: string
  accessLogFormat?: AccessLogConfig['format']
  admin?: Listen
  adminTokenFile?: string
  probes?: Listen
  debug?: Listen
  debugTokenFile?: string
  debugSecrets?: boolean
  drainTimeout?: number
  limit?: SomeLimits
}

/** Adds the options that go with `--cert`. */
export const certified = (command: Command): Command =>
  command
    .option(
      '--key <file>',
      'PEM private key of the --cert with the same position',
      collect((file) => file),
    )
    .option(
      '--client-ca <file>',
      'ask clients for a certificate, which one of these PEM authorities must have signed',
    )
    .option('--require-client-cert', 'refuse clients without a valid certificate (needs --client-ca)')

/** Adds the option for proxies in front. */
export const proxied = (command: Command): Command =>
  command.option(
    '--accept-proxy <network>',
    'require a PROXY header from clients in this network (CIDR), and believe it; repeatable',
    checked('--accept-proxy', collect(parseNetwork)),
  )

/** Adds the options for workers, trace, the process log, operators, draining and limits. */
export const running = (command: Command): Command =>
  command
    .option(
      '-w, --workers <number>',
      'the processes that carry requests, beside one that has the sockets; 1 carries them in this process (default: 1)',
      checked('--workers', (text: string, _before: number | undefined) => parseWorkers(text)),
    )
    .option(
      '--trace <file>',
      "write a line for each step of each request and connection to FILE; '-' is standard output",
    )
    .option(
      '--log-level <level>',
      "the level from which messages of the process are written to standard error: 'error', 'warn', 'info' or 'debug' (default: info)",
      oneOf('--log-level', ...LOG_LEVELS),
    )
    .option(
      '--log-format <format>',
      "the form of such a line: 'text', TIME LEVEL TEXT, or 'json' (default: text)",
      oneOf('--log-format', ...LOG_FORMATS),
    )
    .option(
      '--admin <address>',
      'let operators ask and act at HOST:PORT, with a token, or at unix:PATH, which only this user may open: lists, metrics, drain, reload; spec/admin.md (default: none)',
      address('--admin'),
    )
    .option('--admin-token-file <file>', 'the token that operators must send; needed over TCP')
    .option(
      '--probes <address>',
      'tell health, readiness and metrics to everyone at HOST:PORT or unix:PATH (default: none)',
      address('--probes'),
    )
    .option(
      '--debug <address>',
      "let debuggers attach at HOST:PORT, with a token, or at unix:PATH, which only this user may open; see 'fermata debug' (default: none)",
      address('--debug'),
    )
    .option(
      '--debug-token-file <file>',
      'the token that debuggers must send; without it one is made at each start, and printed',
    )
    .option('--debug-secrets', 'show debuggers the values of credentials: Authorization, Cookie and the like')
    .option(
      '--drain-timeout <duration>',
      'the time that running requests have to finish after SIGTERM or SIGINT, as 10s, 500ms or 2m (default: 30s)',
      checked('--drain-timeout', (text: string, _before: number | undefined) => parseDuration(text)),
    )
    .option(
      '--limit <room.name=value>',
      "set a limit or timeout, as in transport.connectMs=10s or transport.flushBytesMax=512KiB; repeatable; 'fermata limits' lists them",
      checked('--limit', (text: string, before: SomeLimits | undefined) => setLimit(before ?? {}, text)),
    )
