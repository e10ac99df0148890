// The command line: options, what is wrong with them, and what is printed. Everything it starts is in
// server.ts.

import { createWriteStream, openSync, readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { formatAddress } from '../pollset/index.js'
import {
  addRoute,
  ConfigError,
  type Listen,
  parseBackend,
  parseConnect,
  parseDuration,
  parseListen,
  parseNetwork,
  parseRoute,
} from './address.js'
import { checkLimits, defaultLimits, describeLimits, type Limits, setLimit } from './limits.js'
import { type Origin, startOrigin } from './origin.js'
import type { ProxyVersion } from './proxy-protocol.js'
import { DRAIN_TIMEOUT_MS, Server, type ServerCertificates, type ServerOptions } from './server.js'

/** Exit codes: a wrong command line, and a server that could not serve. */
const USAGE = 2
const FAILED = 1

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

interface ServeOptions {
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
  drainTimeout: number
  limit?: Partial<Limits>
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
  fermata serve --trace - --limit sessionsMax=1    each transition of each request, on standard output
`

function program(serve: (options: ServeOptions) => void): Command {
  const command = new Command('fermata')
    .description('A reverse proxy in which every request can be held and told to go on.')
    .version(version(), '-v, --version')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError("See 'fermata --help'.")
    .exitOverride()
  command
    .command('serve')
    .showHelpAfterError("See 'fermata serve --help'.")
    .description('listen for HTTP/1.1 and HTTP/2, in clear text or over TLS, and proxy to backends of either')
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
        throw new ConfigError(`there is one backend for the rest, and it is ${before}; others need a --route`)
      }),
    )
    .option(
      '-r, --route <route>',
      "'HOST/PREFIX=URL', repeatable; the most specific wins. HOST or PREFIX may be left out",
      checked((text: string, before: ReturnType<typeof parseRoute>[] | undefined) =>
        addRoute(before ?? [], parseRoute(text)),
      ),
    )
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
    .option(
      '--accept-proxy <network>',
      'connections from this network (CIDR) begin with a PROXY header, which is believed; repeatable',
      checked(collect(parseNetwork)),
    )
    .option(
      '--send-proxy <version>',
      "begin each connection to a backend with a PROXY header, 'v1' or 'v2'; it tells of the client only with --share connection",
      checked((text: string) => {
        if (text !== 'v1' && text !== 'v2') throw new ConfigError("it is 'v1' or 'v2'")
        return text
      }),
    )
    .option(
      '--connect <target>',
      "HOST:PORT that clients may have tunnels to by CONNECT, repeatable: a name or address, *.DOMAIN, or * for either part; '*:*' lets everyone reach whatever this machine reaches (default: none)",
      checked(collect(parseConnect)),
    )
    .option(
      '--share <scope>',
      "who shares connections to a backend: 'process', all clients, or 'connection', the requests of one client connection",
      checked((text: string) => {
        if (text !== 'process' && text !== 'connection')
          throw new ConfigError("it is 'process' or 'connection'")
        return text
      }),
      'process',
    )
    .option(
      '--trace <file>',
      "write a line for each transition of each continuation; '-' for standard output",
    )
    .option(
      '--drain-timeout <duration>',
      'how long running requests may take to finish after SIGTERM or SIGINT (default: 30s)',
      checked((text: string) => String(parseDuration(text))),
    )
    .option(
      '--limit <name=number>',
      "set a bound or timeout by its name, repeatable; 'fermata limits' lists them",
      checked((text: string, before: Partial<Limits> | undefined) => setLimit(before ?? {}, text) as never),
    )
    .addHelpText('after', EXAMPLES)
    .allowExcessArguments()
    .action((options: ServeOptions, self: Command) => {
      const [excess] = self.args
      if (excess !== undefined) {
        self.error(`error: '${excess}' is no option of serve: a backend is given with --backend`)
      }
      try {
        serve(options)
      } catch (error) {
        if (error instanceof ConfigError) self.error(`error: ${error.message}`)
        throw error
      }
    })
  command
    .command('limits')
    .description('print every bound and timeout with its default')
    .action(() => void process.stdout.write(describeLimits()))
  return command
}

const say = (line: string) => void process.stderr.write(`${line}\n`)

/** Run the command line. Never throws; sets the exit code. */
export function run(argv: readonly string[]): void {
  try {
    program(serve).parse(argv as string[])
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    process.exitCode = error.exitCode === 0 ? 0 : USAGE
  }
}

/** The routes, and behind them the backend for what none of them takes. */
const withBackend = ({ route, backend }: ServeOptions) =>
  addRoute(route ?? [], { host: '', prefix: '/', url: backend as string })

function serve(options: ServeOptions): void {
  checkTls(options)
  checkLimits({ ...defaultLimits, ...options.limit })
  const routes = options.backend === undefined ? (options.route ?? []) : withBackend(options)
  if (routes.length > 0) begin(options, routes, null)
  else {
    startOrigin(
      (origin) => begin(options, [{ host: '', prefix: '/', url: `h2c://127.0.0.1:${origin.port}` }], origin),
      (error) => {
        say(`fermata: the embedded origin cannot start: ${error.message}`)
        process.exitCode = FAILED
      },
    )
  }
}

/** Opened at once: where it cannot be, nothing is served either. */
function traceFile(file: string): number {
  try {
    return openSync(file, 'w')
  } catch (error) {
    throw wrongFile('--trace', file, error)
  }
}

/** Not ended at the end: the last lines come after all is over, and what is pending is written before the process ends. */
function traceTo(file: string | undefined): ServerOptions['trace'] {
  if (file === undefined) return undefined
  const stream = file === '-' ? process.stdout : createWriteStream(file, { fd: traceFile(file) })
  stream.on('error', (error) => {
    say(`fermata: the trace cannot be written: ${error.message}`)
    process.exit(FAILED)
  })
  return (line) => void stream.write(line)
}

const textOf = (file: string, option: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw wrongFile(option, file, error)
  }
}

const wrongFile = (option: string, file: string, error: unknown): ConfigError =>
  new ConfigError(`${option} ${file}: ${error instanceof Error ? error.message : String(error)}`)

/** Read each time it is asked: certificates are renewed in their files. */
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

/** What belongs together on a command line and is not. */
function checkTls(options: ServeOptions): void {
  const secure = options.listen?.some((each) => each.secure === true) === true
  const { cert = [], key = [], clientCa, requireClientCert } = options
  if (cert.length !== key.length)
    throw new ConfigError(`each --cert has its --key: here are ${cert.length} and ${key.length}`)
  if (secure && cert.length === 0)
    throw new ConfigError('an https:// listener needs --cert FILE and --key FILE')
  if (!secure && cert.length > 0)
    throw new ConfigError('--cert is for https:// listeners: write --listen https://HOST:PORT')
  if (requireClientCert && clientCa === undefined)
    throw new ConfigError('--require-client-cert needs --client-ca FILE to check certificates against')
}

function makeServer(options: ServeOptions, listen: Listen[], routes: ServerOptions['routes']): Server {
  const { acceptProxy, connect, sendProxy, backendCa, backendName, backendInsecure } = options
  const drainTimeoutMs = options.drainTimeout === undefined ? DRAIN_TIMEOUT_MS : Number(options.drainTimeout)
  if (backendInsecure) say('fermata: --backend-insecure: certificates of backends are not checked')
  return new Server({
    listen,
    routes,
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
    limits: options.limit ?? {},
    drainTimeoutMs,
    trace: traceTo(options.trace),
  })
}

/** What the operating system means by it. */
const NOT_LISTENING: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'this machine has no such address (EADDRNOTAVAIL)',
  EACCES: "not permitted; ports below 1024 and other users' directories may need more rights (EACCES)",
  ENOTFOUND: 'the name has no address (ENOTFOUND)',
}

/** Say what becomes of it, for whoever started it. */
function announce(
  server: Server,
  listeners: number,
  routes: ServerOptions['routes'],
  origin: Origin | null,
): void {
  let ready = 0
  server.on('listening', (address, secure) => {
    say(`fermata: listening on ${formatAddress(address)} (HTTP/1.1 and HTTP/2${secure ? ' over TLS' : ''})`)
    if (++ready < listeners) return
    for (const route of routes) {
      const from = route.host === '' && route.prefix === '/' ? 'everything' : `${route.host}${route.prefix}`
      say(`fermata: ${from} goes to ${route.url}${origin === null ? '' : ' (the embedded origin)'}`)
    }
    const host = address.host === '::' || address.host === '0.0.0.0' ? '127.0.0.1' : address.host
    if (origin !== null) {
      say(
        `fermata: try  curl ${secure ? '-k https' : 'http'}://${formatAddress({ host, port: address.port })}/`,
      )
    }
  })
  server.on('failed', (address, code) => {
    const where = formatAddress(address)
    if (code === 'EADDRINUSE')
      say(`fermata: ${where} is in use by another program; choose another with --listen`)
    else say(`fermata: cannot listen on ${where}: ${NOT_LISTENING[code] ?? code}`)
    process.exit(FAILED)
  })
  server.on('crashed', (id, error) => {
    say(`fermata: a fault of our own in ${id}; it was given up, the rest goes on`)
    say(error instanceof Error ? String(error.stack) : String(error))
  })
  server.on('unreached', (backend, why) => say(`fermata: no connection to ${backend}: ${why}`))
  server.on('reloaded', (error) =>
    say(
      error === null
        ? 'fermata: certificates read anew'
        : `fermata: certificates stay as they were: ${error.message}`,
    ),
  )
  server.on('draining', () => say('fermata: draining; again to end at once'))
}

function begin(options: ServeOptions, routes: ServerOptions['routes'], origin: Origin | null): void {
  const listen = options.listen ?? [parseListen('127.0.0.1:8080')]
  let server: Server
  try {
    server = makeServer(options, listen, routes)
  } catch (error) {
    say(`fermata: ${error instanceof Error ? error.message : String(error)}`)
    origin?.close()
    process.exitCode = USAGE
    return
  }
  announce(server, listen.length, routes, origin)
  server.on('stopped', () => {
    origin?.close()
    for (const signal of [...SIGNALS, 'SIGHUP']) process.removeAllListeners(signal)
  })
  process.on('SIGHUP', () => server.command('reload'))
  let asked = false
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (asked) process.exit(FAILED)
      asked = true
      server.command('drain')
    })
  }
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const
