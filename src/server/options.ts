// The commands and options of `fermata`, with their help. Mistakes in a single option are refused here, wrong
// combinations in combinations.ts; command-line.ts starts the server.

import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import type { AccessLogConfig } from '../config/index.js'
import { addTerminalCommands } from '../terminal/index.js'
import type { ProxyVersion } from '../transport/index.js'
import { parseLogFormat } from './access-log-options.js'
import {
  addRoute,
  ConfigError,
  parseBackend,
  parseConnect,
  parseListen,
  parseRoute,
  parseServerName,
} from './address.js'
import { baseProgram } from './base-program.js'
import { addConfigCommands } from './config-commands.js'
import { exitHelp } from './exit-codes.js'
import { describeLimits } from './limits.js'
import { addRedisCommand, type RedisCommandOptions } from './redis-command.js'
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
import { WORKER_COMMAND } from './worker-settings.js'

export interface ServeOptions extends RunOptions, TlsOptions {
  watch?: boolean
  backend?: string
  route?: ReturnType<typeof parseRoute>[]
  connect?: string[]
  sendProxy?: ProxyVersion
  share: 'process' | 'connection'
}

const EXAMPLES = `
Examples:
  fermata serve                                    with an embedded origin as its backend, to try it
  fermata serve --listen :8080 --backend h2c://127.0.0.1:9000
  fermata serve --listen https://:8443 --cert site.pem --key site.key --backend http://127.0.0.1:3000
  fermata serve fermata.yaml --watch
  fermata serve --route example.org/api=h2c://10.0.0.2:9000 --route /=h2c://10.0.0.1:9000
  fermata serve --trace - --limit engine.sessionsMax=1    print each step of each request
`

/** Adds the options for listeners and routes. */
const places = (command: Command): Command =>
  command
    .option(
      '-l, --listen <address>',
      'listen on HOST:PORT, https://HOST:PORT or unix:PATH, for HTTP/1.1 and HTTP/2; repeatable (default: 127.0.0.1:8080)',
      checked('--listen', collect(parseListen)),
    )
    .option(
      '-b, --backend <url>',
      'the backend of requests that no route takes: http://, https://, h2c:// or h2://, then HOST:PORT or unix:PATH (default without --route: an embedded origin)',
      checked('--backend', (text: string, before: string | undefined) => {
        parseBackend(text)
        if (before === undefined) return text
        throw new ConfigError(`got a second --backend, after ${before}: give the other one a --route`)
      }),
    )
    .option(
      '-r, --route <route>',
      "send requests for HOST/PREFIX to the backend URL, as in 'example.org/api=http://10.0.0.2:80'; HOST may be *.DOMAIN; HOST or PREFIX may be left out; repeatable, and the most specific route wins",
      checked('--route', (text: string, before: ReturnType<typeof parseRoute>[] | undefined) =>
        addRoute(before ?? [], parseRoute(text)),
      ),
    )

/** Adds the TLS options, for clients and for backends. */
const certificates = (command: Command): Command =>
  certified(
    command.option(
      '--cert <file>',
      'PEM certificate chain of https:// listeners; repeatable, each with its --key; the server name chooses',
      collect((file) => file),
    ),
  )
    .option(
      '--backend-ca <file>',
      "trust these PEM authorities for https:// and h2:// backends, in place of the system's",
    )
    .option(
      '--backend-name <name>',
      'the server name to send to such backends, and to check in their certificates',
      checked('--backend-name', (text: string, _before: string | undefined) => parseServerName(text)),
    )
    .option(
      '--backend-insecure',
      'accept any certificate of a backend: whoever sits in between can read and change everything',
    )

/** Adds the options for the PROXY protocol, tunnels and sharing. */
const connections = (command: Command): Command =>
  proxied(command)
    .option(
      '--send-proxy <version>',
      "begin each backend connection with a PROXY header, 'v1' or 'v2'; it names the client only with --share connection",
      oneOf('--send-proxy', 'v1', 'v2'),
    )
    .option(
      '--connect <target>',
      "allow CONNECT tunnels to HOST:PORT; HOST may be * or *.DOMAIN, and PORT may be *; repeatable; '*:*' lets clients reach all that this machine reaches (default: none)",
      checked('--connect', collect(parseConnect)),
    )
    .option(
      '--share <scope>',
      "which requests share backend connections: 'process', those of all clients, or 'connection', those of one client connection",
      oneOf('--share', 'process', 'connection'),
      'process',
    )

/** Adds the options for a file and the access log. */
const logged = (command: Command): Command =>
  command
    .option(
      '--watch',
      'with FILE: read it again when it has changed, or a file that it includes or takes a value from',
    )
    .option(
      '--access-log <file>',
      "append a line to FILE for each request that has ended; '-' is standard output; SIGUSR1 opens FILE again (default: none)",
      (text: string) => text,
    )
    .option(
      '--access-log-format <format>',
      `the form of a line: 'json', 'logfmt', 'combined', or a template, as '\${method} \${path} \${status}'; spec/access-log.md has the fields (default: json)`,
      checked('--access-log-format', (text: string, _before: AccessLogConfig['format'] | undefined) =>
        parseLogFormat(text),
      ),
    )

/** The options that have keys in a file. */
const IN_FILE: readonly (keyof ServeOptions)[] = [
  'workers',
  'listen',
  'backend',
  'route',
  'cert',
  'key',
  'clientCa',
  'requireClientCert',
  'backendCa',
  'backendName',
  'backendInsecure',
  'acceptProxy',
  'connect',
  'sendProxy',
  'accessLog',
  'accessLogFormat',
  'logLevel',
  'logFormat',
  'drainTimeout',
  'limit',
  'admin',
  'adminTokenFile',
  'probes',
  'debug',
  'debugTokenFile',
  'debugSecrets',
]

const optionName = (name: string): string =>
  `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

/**
 * Returns the file to serve, or null. Refuses a text that looks like a URL, and options that
 * belong in the file.
 */
function fileOf(args: readonly string[], options: ServeOptions, self: Command): string | null {
  const [file, excess] = args
  if (excess !== undefined)
    throw new ConfigError(`unexpected argument '${excess}': there is one FILE at most`)
  if (file === undefined) {
    if (options.watch) throw new ConfigError('--watch needs a FILE: fermata serve --watch fermata.yaml')
    return null
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(file) || /^:?\d+$/.test(file))
    throw new ConfigError(`there is no file '${file}'; did you mean --backend ${file}?`)
  if (!existsSync(file)) throw new ConfigError(`there is no file '${file}'`)
  for (const each of IN_FILE)
    if (options[each] !== undefined)
      throw new ConfigError(`${optionName(each)} and a file do not go together: write it into ${file}`)
  if (self.getOptionValueSource('share') === 'cli')
    throw new ConfigError(`--share and a file do not go together: write it into ${file}`)
  return file
}

/** Leads to the help of a command, after each of its errors. */
export const seeHelp = (command: string): string => `See 'fermata ${command} --help'.`

/** Starts what a command line asks for. */
export interface Starts {
  serve(options: ServeOptions): void
  serveFile(file: string, options: ServeOptions): void
  work(name: string): void
  redis(options: RedisCommandOptions): void
}

/** Makes the command line. Parsing throws a {@link ConfigError} for a wrong value. */
export function program({ serve, serveFile, work, redis }: Starts): Command {
  const command = baseProgram()
  const serving = command
    .command('serve')
    .argument('[file]', 'a configuration in YAML, in place of options; see spec/configuration.md')
    .showHelpAfterError(seeHelp('serve'))
    .description('listen for HTTP/1.1 and HTTP/2, in clear text or over TLS, and proxy to backends')
  running(logged(connections(certificates(places(serving)))))
    .addHelpText('after', EXAMPLES + exitHelp)
    .allowExcessArguments()
    .action((_file: string | undefined, options: ServeOptions, self: Command) => {
      const file = fileOf(self.args, options, self)
      if (file === null) serve(options)
      else serveFile(file, options)
    })
  command.command(WORKER_COMMAND, { hidden: true }).argument('<name>').action(work)
  command
    .command('limits')
    .description('list every limit and timeout with its default')
    .action(() => void process.stdout.write(describeLimits()))
  addRedisCommand(command, seeHelp('redis'), redis)
  addConfigCommands(command)
  addTerminalCommands(command)
  return command
}
