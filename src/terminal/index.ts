// The commands that inspect a running server from a process of their own, so drawing costs the server
// nothing. `ps`, `why`, `end` and `top` ask its debugger or its admin listener; `debug` needs the debugger,
// and `drain` the admin listener.

import { type Command, InvalidArgumentError } from 'commander'
import {
  ADMIN_TOKEN_VARIABLE,
  DEFAULT_ADDRESS,
  TerminalError,
  type TerminalOptions,
  TOKEN_VARIABLE,
} from './connecting.js'
import { type DebugOptions, debug } from './debug.js'
import { type DrainOptions, drain } from './drain.js'
import { end } from './end.js'
import { terminalLimits } from './limits.js'
import { type PsOptions, ps } from './ps.js'
import { type PurgeOptions, purge } from './purge.js'
import { printableLines } from './table.js'
import { top } from './top.js'
import { type WhyOptions, why } from './why.js'

const FAILED = 1

/** Runs a command, and prints its failure. */
function run(command: Promise<void>): void {
  command.catch((error: unknown) => {
    const text = error instanceof TerminalError ? error.message : String((error as Error).stack)
    process.stderr.write(`error: ${printableLines(text)}\n`)
    process.exitCode = FAILED
  })
}

const TOKEN_FILE = '--token-file <file>'
const TOKEN_TEXT = `the token of the debugger (default: the variable ${TOKEN_VARIABLE})`
const EITHER_TOKEN_TEXT = `the token of the address (default: the variable ${TOKEN_VARIABLE} or ${ADMIN_TOKEN_VARIABLE})`
const ADMIN_TOKEN_TEXT = `the token of the admin listener (default: the variable ${ADMIN_TOKEN_VARIABLE})`
const ADDRESS_TEXT = `the --debug address of the server, HOST:PORT or unix:PATH (default: ${DEFAULT_ADDRESS})`
const EITHER_TEXT = `the debug or admin address of the server, HOST:PORT or unix:PATH (default: ${DEFAULT_ADDRESS})`

/** Parses a number of rows. */
function rowCount(text: string): number {
  const { rowsMax } = terminalLimits
  const count = /^[1-9]\d{0,8}$/.test(text) ? Number(text) : 0
  if (count === 0 || count > rowsMax) throw new InvalidArgumentError(`Write a number from 1 to ${rowsMax}.`)
  return count
}

const PS_EXAMPLES = `
Examples:
  fermata ps --filter "request.path.startsWith('/api') && age > 1000.0"
  fermata ps unix:/run/fermata.sock --sort held --limit 10
  fermata ps --json | jq '.rows[].id'
`
const WHY_TEXT = `
ID is that of a request, as 'fermata ps' shows it. ADDRESS is the debug or admin address of the server,
HOST:PORT or unix:PATH (default: ${DEFAULT_ADDRESS}).

Examples:
  fermata why m3/s5
  fermata why unix:/run/fermata.sock m3/s5 --json
`
const END_TEXT = `
ID is that of a request, as 'fermata ps' shows it. ADDRESS is the debug or admin address of the server,
HOST:PORT or unix:PATH (default: ${DEFAULT_ADDRESS}).

Examples:
  fermata end unix:/run/fermata/admin.sock m3/s5
`
const DRAIN_TEXT = `
The endpoint gets no new requests, but those of its clients by affinity; with --block none at all. Running
requests go on. It is not written to the configuration, stays through reloads, and ends with the process.

Examples:
  fermata drain unix:/run/fermata/admin.sock app 10.0.0.5:9000 --for 10m
  fermata drain unix:/run/fermata/admin.sock app 10.0.0.5:9000 --undo
`
const PURGE_TEXT = `
CACHE is the name of the filter, as 'cache' or that under 'filters' in the configuration. A URL is that of the
request, with its query. What is being fetched meanwhile is used once, and is not stored.

Examples:
  fermata purge unix:/run/fermata/admin.sock pages --url https://example.org/news
  fermata purge unix:/run/fermata/admin.sock pages --prefix https://example.org/images/
  fermata purge unix:/run/fermata/admin.sock pages --tag article-7
`
const TOP_TEXT = `
Keys: q quits, s sorts, r reverses the order, / filters, arrows scroll, ? lists all keys.
Without a terminal the picture is printed once.
`
const DEBUG_EXAMPLES = `
'help' lists the commands, and 'quit' leaves. From a pipe or a file the lines are a script: they run one after
the other. The first that fails ends it with status 1, unless --keep-going is given.
'wait', or 'wait SECONDS', waits in a script for the next stop (default: 60).
When the script or the prompt ends, all that it holds goes on, and its breakpoints are gone.

Examples:
  fermata debug                                        a prompt, with history and completion
  echo 'late m3/s5' | fermata debug unix:/run/fermata.sock
  fermata debug --keep-going < commands.txt
  fermata debug --worker w2                            a worker of a server with workers
  printf 'break exchange.lease\\nwait\\nanswer 503\\ncontinue\\n' | fermata debug
`

/** Adds the commands to the command line. */
export function addTerminalCommands(program: Command): void {
  program
    .command('ps')
    .description('list the requests in flight of a running server')
    .argument('[address]', EITHER_TEXT)
    .option('--filter <condition>', 'list only requests that match this condition, in CEL')
    .option('--sort <by>', 'sort by age, held, path, step or id', 'age')
    .option('--limit <rows>', 'list at most this many (default: 100)', rowCount)
    .option('--json', 'print JSON')
    .option(TOKEN_FILE, EITHER_TOKEN_TEXT)
    .addHelpText('after', PS_EXAMPLES)
    .action((address: string | undefined, options: PsOptions) => run(ps(address ?? DEFAULT_ADDRESS, options)))
  program
    .command('why')
    .description('say what a request waits for, and what keeps it from going on')
    // The first of two arguments is the address. Commander has no optional argument in front of another.
    .usage('[options] [ADDRESS] ID')
    .argument('<id>')
    .argument('[request]')
    .option('--json', 'print JSON')
    .option(TOKEN_FILE, EITHER_TOKEN_TEXT)
    .addHelpText('after', WHY_TEXT)
    .action((first: string, second: string | undefined, options: WhyOptions) =>
      run(second === undefined ? why(DEFAULT_ADDRESS, first, options) : why(first, second, options)),
    )
  program
    .command('end')
    .description('end a request, as if its client had left')
    .usage('[options] [ADDRESS] ID')
    .argument('<id>')
    .argument('[request]')
    .option(TOKEN_FILE, EITHER_TOKEN_TEXT)
    .addHelpText('after', END_TEXT)
    .action((first: string, second: string | undefined, options: TerminalOptions) =>
      run(second === undefined ? end(DEFAULT_ADDRESS, first, options) : end(first, second, options)),
    )
  program
    .command('drain')
    .description('keep new requests from an endpoint of a backend')
    .argument('<address>', 'the admin address of the server, HOST:PORT or unix:PATH')
    .argument('<backend>', 'the name of the backend')
    .argument('<endpoint>', 'the address or the URL of the endpoint')
    .option('--for <time>', 'as 30s, 10m or 1h (default: until it is undone, or the server ends)')
    .option('--block', 'not even requests of its clients by affinity')
    .option('--undo', 'make the endpoint as configured again')
    .option(TOKEN_FILE, ADMIN_TOKEN_TEXT)
    .addHelpText('after', DRAIN_TEXT)
    .action((address: string, backend: string, endpoint: string, options: DrainOptions) =>
      run(drain(address, backend, endpoint, options)),
    )
  program
    .command('purge')
    .description('remove what a cache has stored')
    .argument('<address>', 'the admin address of the server, HOST:PORT or unix:PATH')
    .argument('<cache>', 'the name of the cache')
    .option('--url <url>', 'the responses of this URL')
    .option('--prefix <url>', 'those of all URLs that begin so')
    .option('--tag <tag>', 'those with this tag')
    .option('--all', 'everything')
    .option(TOKEN_FILE, ADMIN_TOKEN_TEXT)
    .addHelpText('after', PURGE_TEXT)
    .action((address: string, cache: string, options: PurgeOptions) => run(purge(address, cache, options)))
  program
    .command('top')
    .description('show clients, engines and requests of a running server, live')
    .argument('[address]', EITHER_TEXT)
    .option(TOKEN_FILE, EITHER_TOKEN_TEXT)
    .addHelpText('after', TOP_TEXT)
    .action((address: string | undefined, options: TerminalOptions) =>
      run(top(address ?? DEFAULT_ADDRESS, options)),
    )
  program
    .command('debug')
    .description('hold, step, change and release live requests, at a prompt or from a script')
    .argument('[address]', ADDRESS_TEXT)
    .option('--worker <id>', 'the worker that is debugged, as w1, where the server has workers')
    .option('--keep-going', 'go on after a command that fails, where the commands are a script')
    .option(TOKEN_FILE, TOKEN_TEXT)
    .addHelpText('after', DEBUG_EXAMPLES)
    .action((address: string | undefined, options: DebugOptions) =>
      run(debug(address ?? DEFAULT_ADDRESS, options)),
    )
}
