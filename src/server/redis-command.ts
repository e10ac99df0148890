// The options of `fermata redis`, with their help. serve-redis.ts starts the server.

import type { Command } from 'commander'
import type { AccessLogConfig } from '../config/index.js'
import type { Share } from '../redis/index.js'
import { parseLogFormat } from './access-log-options.js'
import { parseDuration, parseServerName } from './address.js'
import { exitHelp } from './exit-codes.js'
import { parseRedisBackend, parseRedisListen } from './redis-address.js'
import { type KeyPrefix, parsePrefix } from './redis-shards.js'
import {
  certified,
  checked,
  collect,
  oneOf,
  proxied,
  type RunOptions,
  running,
  type TlsOptions,
} from './shared-options.js'

export interface RedisCommandOptions extends RunOptions, TlsOptions {
  backend?: string[]
  cluster?: string[]
  prefix?: KeyPrefix[]
  share: Share
  allowAdmin?: boolean
  accessLogSlowerThan?: number
}

const EXAMPLES = `
Examples:
  fermata redis --listen 127.0.0.1:6380 --backend 127.0.0.1:6379
  fermata redis --listen rediss://:6380 --cert site.pem --key site.key --backend rediss://redis.example.org
  fermata redis --listen unix:/run/fermata/redis.sock --backend unix:/run/redis/redis.sock
  fermata redis --backend 10.0.0.1:6379 --backend 10.0.0.2:6379 --backend 10.0.0.3:6379 --prefix session:=10.0.0.5:6379
  fermata redis --cluster 10.0.0.1:6379 --cluster 10.0.0.2:6379
  fermata redis --share never --backend 10.0.0.1:6379 --limit redis.exclusiveMax=500
  fermata redis --backend 10.0.0.1:6379 --access-log slow.log --access-log-slower-than 10ms
  fermata redis --backend 10.0.0.1:6379 --workers 2 --admin unix:/run/fermata/admin.sock --probes :9900
`

/** Takes servers of Redis. */
const servers = (option: string) =>
  checked(
    option,
    collect((text) => {
      parseRedisBackend(text)
      return text
    }),
  )

/** Adds the options for listeners, servers and keys. */
const places = (command: Command): Command =>
  command
    .option(
      '-l, --listen <address>',
      'listen on HOST:PORT, rediss://HOST:PORT for TLS, or unix:PATH; repeatable (default: 127.0.0.1:6380)',
      checked('--listen', collect(parseRedisListen)),
    )
    .option(
      '-b, --backend <address>',
      'the server of Redis: HOST:PORT, rediss://HOST:PORT for TLS, or unix:PATH; repeatable: keys are divided among several by their slots, always in this order',
      servers('--backend'),
    )
    .option(
      '--cluster <address>',
      'a node of a Redis Cluster, in place of --backend: it names the others; repeatable, for when one is down',
      servers('--cluster'),
    )
    .option(
      '--prefix <keys=address>',
      'keys that begin so are on this server, as in session:=10.0.0.5:6379; the longest prefix decides; repeatable',
      checked('--prefix', collect(parsePrefix)),
    )
    .option(
      '--share <when>',
      "when clients share connections: 'auto', but for what needs one of its own, such as BLPOP, WATCH or SUBSCRIBE, for as long as it needs it; 'never', each client has its own; 'always', what needs one of its own is refused",
      oneOf('--share', 'never', 'auto', 'always'),
      'auto',
    )
    .option('--allow-admin', 'allow DEBUG, SHUTDOWN, REPLICAOF, FAILOVER, SYNC and the like')

/** Adds the TLS options, for clients and for servers. */
const certificates = (command: Command): Command =>
  certified(
    command.option(
      '--cert <file>',
      'PEM certificate chain of rediss:// listeners; repeatable, each with its --key; the server name chooses',
      collect((file) => file),
    ),
  )
    .option(
      '--backend-ca <file>',
      "trust these PEM authorities for a rediss:// backend, in place of the system's",
    )
    .option(
      '--backend-name <name>',
      'the server name to send to such a backend, and to check in its certificate',
      checked('--backend-name', (text: string, _before: string | undefined) => parseServerName(text)),
    )
    .option(
      '--backend-insecure',
      'accept any certificate of the backend: whoever sits in between can read and change everything',
    )

/** Adds the options for the access log. */
const logged = (command: Command): Command =>
  command
    .option(
      '--access-log <file>',
      "append a line to FILE for each command that has ended; '-' is standard output; SIGUSR1 opens FILE again (default: none)",
      (text: string) => text,
    )
    .option(
      '--access-log-format <format>',
      `the form of a line: 'json', 'logfmt', 'combined', or a template, as '\${command} \${keys} \${ms}'; spec/access-log.md has the fields (default: json)`,
      checked('--access-log-format', (text: string, _before: AccessLogConfig['format'] | undefined) =>
        parseLogFormat(text, 'commands'),
      ),
    )
    .option(
      '--access-log-slower-than <duration>',
      'only for commands that take as long, as 10ms (default: 0, for each)',
      checked('--access-log-slower-than', (text: string, _before: number | undefined) => parseDuration(text)),
    )

/** Adds `fermata redis`. @param serve starts the server */
export function addRedisCommand(
  program: Command,
  see: string,
  serve: (options: RedisCommandOptions) => void,
): void {
  const command = program
    .command('redis')
    .description('listen for clients of Redis, and share a few connections to a server among them')
    .showHelpAfterError(see)
  running(logged(proxied(certificates(places(command)))))
    .addHelpText('after', `${exitHelp}${EXAMPLES}`)
    .action(serve)
}
