// `fermata redis`: its options, and the process that runs it.

import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { Share } from '../redis/index.js'
import { ConfigError, type Listen, parseDuration, parseServerName } from './address.js'
import { exitCodes, exitHelp } from './exit-codes.js'
import { plainFault } from './fault-text.js'
import { checkLimits, defaultLimits, limitsWith, type SomeLimits, setLimit } from './limits.js'
import { openLog } from './open-log.js'
import { parseRedisBackend, parseRedisListen, type RedisAddress } from './redis-address.js'
import { RedisServer } from './redis-server.js'
import { type KeyPrefix, parsePrefix, seedsOf, shardsOf } from './redis-shards.js'
import { DRAIN_TIMEOUT_MS } from './short-form.js'

interface RedisCommandOptions {
  listen?: Listen[]
  backend?: string[]
  cluster?: string[]
  prefix?: KeyPrefix[]
  share: Share
  allowAdmin?: boolean
  cert?: string
  key?: string
  backendCa?: string
  backendName?: string
  backendInsecure?: boolean
  trace?: string
  drainTimeout?: number
  limit?: SomeLimits
}

const EXAMPLES = `
Examples:
  fermata redis --listen 127.0.0.1:6380 --backend 127.0.0.1:6379
  fermata redis --listen rediss://:6380 --cert site.pem --key site.key --backend rediss://redis.example.org
  fermata redis --listen unix:/run/fermata/redis.sock --backend unix:/run/redis/redis.sock
  fermata redis --backend 10.0.0.1:6379 --backend 10.0.0.2:6379 --backend 10.0.0.3:6379 --prefix session:=10.0.0.5:6379
  fermata redis --cluster 10.0.0.1:6379 --cluster 10.0.0.2:6379
  fermata redis --share never --backend 10.0.0.1:6379 --limit redis.exclusiveMax=500
`

const { FAILED, CUT } = exitCodes
const SIGNALS = ['SIGTERM', 'SIGINT'] as const

const named =
  <T>(option: string, parse: (text: string, before: T) => T) =>
  (text: string, before: T): T => {
    try {
      return parse(text, before)
    } catch (error) {
      if (error instanceof ConfigError && error.message.startsWith("'"))
        throw new ConfigError(`${option} ${error.message}`)
      throw error
    }
  }

function textOf(option: string, file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError(`${option} ${file}: ${plainFault((error as Error).message)}`)
  }
}

function share(text: string): Share {
  if (text !== 'never' && text !== 'auto' && text !== 'always')
    throw new ConfigError(`'${text}': write 'never', 'auto' or 'always'`)
  return text
}

/** Adds `fermata redis`. @param help leads to the help, after each error */
export function addRedisCommand(program: Command): void {
  program
    .command('redis')
    .description('listen for clients of Redis, and share a few connections to a server among them')
    .showHelpAfterError("See 'fermata redis --help'.")
    .option(
      '-l, --listen <address>',
      'listen on HOST:PORT, rediss://HOST:PORT for TLS, or unix:PATH; repeatable (default: 127.0.0.1:6380)',
      named('--listen', (text: string, before: Listen[] | undefined) => [
        ...(before ?? []),
        parseRedisListen(text),
      ]),
    )
    .option(
      '-b, --backend <address>',
      'the server of Redis: HOST:PORT, rediss://HOST:PORT for TLS, or unix:PATH; repeatable: keys are divided among several by their slots, always in this order',
      named('--backend', (text: string, before: string[] | undefined) => {
        parseRedisBackend(text)
        return [...(before ?? []), text]
      }),
    )
    .option(
      '--cluster <address>',
      'a node of a Redis Cluster, in place of --backend: it names the others; repeatable, for when one is down',
      named('--cluster', (text: string, before: string[] | undefined) => {
        parseRedisBackend(text)
        return [...(before ?? []), text]
      }),
    )
    .option(
      '--prefix <keys=address>',
      'keys that begin so are on this server, as in session:=10.0.0.5:6379; the longest prefix decides; repeatable',
      named('--prefix', (text: string, before: KeyPrefix[] | undefined) => [
        ...(before ?? []),
        parsePrefix(text),
      ]),
    )
    .option(
      '--share <when>',
      "when clients share connections: 'auto', but for what needs one of its own, such as BLPOP, WATCH or SUBSCRIBE, for as long as it needs it; 'never', each client has its own; 'always', what needs one of its own is refused",
      named('--share', (text: string, _before: Share) => share(text)),
      'auto',
    )
    .option('--allow-admin', 'allow DEBUG, SHUTDOWN, REPLICAOF, FAILOVER, SYNC and the like')
    .option('--cert <file>', 'PEM certificate chain of rediss:// listeners')
    .option('--key <file>', 'PEM private key of --cert')
    .option(
      '--backend-ca <file>',
      "trust these PEM authorities for a rediss:// backend, in place of the system's",
    )
    .option(
      '--backend-name <name>',
      'the server name to send to such a backend, and to check in its certificate',
      named('--backend-name', (text: string, _before: string | undefined) => parseServerName(text)),
    )
    .option(
      '--backend-insecure',
      'accept any certificate of the backend: whoever sits in between can read and change everything',
    )
    .option(
      '--trace <file>',
      "print a line for each step of each command and connection; only '-', standard output",
    )
    .option(
      '--drain-timeout <duration>',
      'the time that commands have to be answered after SIGTERM or SIGINT, as 10s, 500ms or 2m (default: 30s)',
      named('--drain-timeout', (text: string, _before: number | undefined) => parseDuration(text)),
    )
    .option(
      '--limit <room.name=value>',
      "set a limit or timeout, as in redis.commandMs=10s; repeatable; 'fermata limits' lists them",
      named('--limit', (text: string, before: SomeLimits | undefined) => setLimit(before ?? {}, text)),
    )
    .addHelpText('after', `${exitHelp}${EXAMPLES}`)
    .action(runRedis)
}

function certificatesOf({ cert, key }: RedisCommandOptions, secure: boolean) {
  if (!secure) {
    if (cert !== undefined || key !== undefined)
      throw new ConfigError('--cert and --key are for --listen rediss://HOST:PORT, and there is none')
    return null
  }
  const chain = textOf('--cert', cert)
  const secret = textOf('--key', key)
  if (chain === undefined || secret === undefined)
    throw new ConfigError('--listen rediss:// needs --cert FILE and --key FILE')
  return { certificates: [{ cert: chain, key: secret, from: `--cert ${cert} --key ${key}` }], alpn: [] }
}

function backendTlsOf(options: RedisCommandOptions, { secure }: RedisAddress) {
  const { backendCa, backendName, backendInsecure } = options
  if (!secure) {
    if (backendCa !== undefined || backendName !== undefined || backendInsecure === true)
      throw new ConfigError(
        '--backend-ca, --backend-name and --backend-insecure are for --backend rediss://HOST',
      )
    return null
  }
  const ca = textOf('--backend-ca', backendCa)
  return {
    serverName: backendName ?? null,
    alpn: [],
    verify: backendInsecure !== true,
    ...(ca === undefined ? {} : { ca }),
  }
}

function runRedis(options: RedisCommandOptions): void {
  const { backend, cluster } = options
  if (backend === undefined && cluster === undefined)
    throw new ConfigError('--backend is missing: fermata redis --backend 127.0.0.1:6379')
  if (options.trace !== undefined && options.trace !== '-')
    throw new ConfigError(`--trace ${options.trace}: write '-', standard output`)
  const backends = (backend ?? cluster ?? []).map(parseRedisBackend)
  const shards = cluster === undefined ? shardsOf(options, backends) : []
  const listen = options.listen ?? [parseRedisListen('127.0.0.1:6380')]
  const limits = limitsWith(defaultLimits, options.limit)
  checkLimits(limits)
  const log = openLog(options.limit ?? {})
  const made = {
    listen,
    certificates: certificatesOf(
      options,
      listen.some((each) => each.secure === true),
    ),
    shards,
    seeds: cluster === undefined ? [] : seedsOf(options, backends),
    backendTls: backendTlsOf(options, backends[0]),
    share: options.share,
    allowAdmin: options.allowAdmin === true,
    limits,
    drainTimeoutMs: options.drainTimeout ?? DRAIN_TIMEOUT_MS,
    log,
    trace: options.trace === undefined ? undefined : (line: string) => void process.stdout.write(line),
  }
  let server: RedisServer
  try {
    server = new RedisServer(made, {
      failed: (why) => {
        server.log.tell('error', why)
        process.exit(FAILED)
      },
      stopped: () => {
        log.end()
        for (const signal of SIGNALS) process.removeAllListeners(signal)
        if (server.cutClients > 0) process.exitCode = CUT
      },
    })
    server.begin()
  } catch (error) {
    throw error instanceof ConfigError ? error : new ConfigError((error as Error).message)
  }
  if (options.backendInsecure === true)
    server.log.tell('warn', '--backend-insecure: certificates of the backend are not checked')
  let asked = false
  for (const signal of SIGNALS)
    process.on(signal, () => {
      if (asked) {
        server.endNow()
        process.exit(server.cutClients > 0 ? CUT : 0)
      }
      asked = true
      server.drain()
    })
}
