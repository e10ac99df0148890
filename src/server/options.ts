// The commands and options of `fermata`: how each is read, and what its help says. Mistakes in a single
// option are told here; what options mean together, and all that is started, is in command-line.ts.

import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import type { ProxyVersion } from '../transport/index.js'
import {
  addRoute,
  ConfigError,
  parseBackend,
  parseConnect,
  parseDuration,
  parseListen,
  parseNetwork,
  parseRoute,
} from './address.js'
import { describeLimits, type SomeLimits, setLimit } from './limits.js'

/** commander tells a wrong value as its own error; ours say what is right. */
function checked<T>(parse: (text: string, before: T) => T): (text: string, before: T) => T {
  return (text, before) => {
    try {
      return parse(text, before)
    } catch (error) {
      if (error instanceof ConfigError) throw new InvalidArgumentError(error.message)
      throw error
    }
  }
}

const collect =
  <T>(parse: (text: string) => T) =>
  (text: string, before: T[] | undefined): T[] => [...(before ?? []), parse(text)]

/** One of two words. */
const oneOf = <const T extends string>(one: T, other: T) =>
  checked((text: string) => {
    if (text !== one && text !== other) throw new ConfigError(`write '${one}' or '${other}'`)
    return text
  })

export interface ServeOptions {
  listen?: ReturnType<typeof parseListen>[]
  backend?: string
  route?: ReturnType<typeof parseRoute>[]
  cert?: string[]
  key?: string[]
  clientCa?: string
  requireClientCert?: boolean
  backendCa?: string
  backendName?: string
  backendInsecure?: boolean
  acceptProxy?: string[]
  connect?: string[]
  sendProxy?: ProxyVersion
  share: 'process' | 'connection'
  trace?: string
  drainTimeout?: number
  limit?: SomeLimits
}

function version(): string {
  const file = new URL('../../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

const EXAMPLES = `
Examples:
  fermata serve                                    with an embedded origin behind it, to try things out
  fermata serve --listen :8080 --backend h2c://127.0.0.1:9000
  fermata serve --listen https://:8443 --cert site.pem --key site.key --backend http://127.0.0.1:3000
  fermata serve --route example.org/api=h2c://10.0.0.2:9000 --route /=h2c://10.0.0.1:9000
  fermata serve --trace - --limit engine.sessionsMax=1    each transition of each request, on standard output
`

/** Where it listens, and where requests go. */
const places = (command: Command): Command =>
  command
    .option(
      '-l, --listen <address>',
      'HOST:PORT or https://HOST:PORT to listen on, repeatable; HTTP/1.1 and HTTP/2 on each (default: 127.0.0.1:8080)',
      checked(collect(parseListen)),
    )
    .option(
      '-b, --backend <url>',
      'http://, https://, h2c:// or h2://HOST:PORT, for what no route takes (default: an embedded origin, unless there are routes)',
      checked((text: string, before: string | undefined) => {
        parseBackend(text)
        if (before === undefined) return text
        throw new ConfigError(
          `--backend is given twice, and ${before} is there already; others need a --route`,
        )
      }),
    )
    .option(
      '-r, --route <route>',
      "'HOST/PREFIX=URL', repeatable; the most specific wins. HOST or PREFIX may be left out",
      checked((text: string, before: ReturnType<typeof parseRoute>[] | undefined) =>
        addRoute(before ?? [], parseRoute(text)),
      ),
    )

/** TLS, to clients and to backends. */
const certificates = (command: Command): Command =>
  command
    .option(
      '--cert <file>',
      'PEM certificate chain for https:// listeners; repeatable, each with its --key, chosen by server name',
      collect((file) => file),
    )
    .option(
      '--key <file>',
      'PEM private key of the --cert at the same place',
      collect((file) => file),
    )
    .option('--client-ca <file>', 'ask clients for a certificate, and check it against these authorities')
    .option('--require-client-cert', 'serve no client without a good certificate (with --client-ca)')
    .option('--backend-ca <file>', 'PEM authorities to trust for https:// and h2:// backends')
    .option('--backend-name <name>', 'the server name to ask such backends for, and to check')
    .option('--backend-insecure', 'take any certificate of a backend: anyone in between can read along')

/** What its connections begin with, who shares them, and who may have one of their own through it. */
const connections = (command: Command): Command =>
  command
    .option(
      '--accept-proxy <network>',
      'connections from this network (CIDR) begin with a PROXY header, which is believed; repeatable',
      checked(collect(parseNetwork)),
    )
    .option(
      '--send-proxy <version>',
      "begin each connection to a backend with a PROXY header, 'v1' or 'v2'; it tells of the client only with --share connection",
      oneOf('v1', 'v2'),
    )
    .option(
      '--connect <target>',
      "HOST:PORT that clients may have tunnels to by CONNECT, repeatable: a name or address, *.DOMAIN, or * for either part; '*:*' lets everyone reach whatever this machine reaches (default: none)",
      checked(collect(parseConnect)),
    )
    .option(
      '--share <scope>',
      "who shares connections to a backend: 'process', all clients, or 'connection', the requests of one client connection",
      oneOf('process', 'connection'),
      'process',
    )

/** How it runs. */
const running = (command: Command): Command =>
  command
    .option(
      '--trace <file>',
      "write a line for each transition of each continuation; '-' for standard output",
    )
    .option(
      '--drain-timeout <duration>',
      'how long running requests may take to finish after SIGTERM or SIGINT (default: 30s)',
      checked((text: string, _before: number | undefined) => parseDuration(text)),
    )
    .option(
      '--limit <room.name=value>',
      "set a bound or timeout by its name, repeatable: proxy.headTimeoutMs=10s, transport.flushBytesMax=512KiB; 'fermata limits' lists them",
      checked((text: string, before: SomeLimits | undefined) => setLimit(before ?? {}, text)),
    )

/** The action of `serve`. Options may be wrong together: commander tells it as it tells of one alone. */
function runAction(serve: (options: ServeOptions) => void, options: ServeOptions, self: Command): void {
  const [excess] = self.args
  if (excess !== undefined) {
    self.error(`error: unexpected argument '${excess}'; did you mean --backend ${excess}?`)
  }
  try {
    serve(options)
  } catch (error) {
    if (error instanceof ConfigError) self.error(`error: ${error.message}`)
    throw error
  }
}

/** The whole command line; `serve` begins what was asked for. */
export function program(serve: (options: ServeOptions) => void): Command {
  const command = new Command('fermata')
    .description('A reverse proxy in which every request can be held and told to go on.')
    .version(version(), '-v, --version')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError("See 'fermata --help'.")
    .exitOverride()
  const serving = command
    .command('serve')
    .showHelpAfterError("See 'fermata serve --help'.")
    .description('listen for HTTP/1.1 and HTTP/2, in clear text or over TLS, and proxy to backends of either')
  running(connections(certificates(places(serving))))
    .addHelpText('after', EXAMPLES)
    .allowExcessArguments()
    .action((options: ServeOptions, self: Command) => runAction(serve, options, self))
  command
    .command('limits')
    .description('print every bound and timeout with its default')
    .action(() => void process.stdout.write(describeLimits()))
  return command
}
