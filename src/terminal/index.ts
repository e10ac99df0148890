// The commands that look at a running server from a process of their own: ps, why, top and debug. They are
// clients of its debugger, so drawing costs the server nothing.

import type { Command } from 'commander'
import { DEFAULT_ADDRESS, TerminalError, type TerminalOptions, TOKEN_VARIABLE } from './client.js'
import { debug } from './debug.js'
import { type PsOptions, ps } from './ps.js'
import { top } from './top.js'
import { type WhyOptions, why } from './why.js'

const FAILED = 1

/** Runs a command, and prints what went wrong. */
function run(command: Promise<void>): void {
  command.catch((error: unknown) => {
    const text = error instanceof TerminalError ? error.message : String((error as Error).stack)
    process.stderr.write(`error: ${text}\n`)
    process.exitCode = FAILED
  })
}

const TOKEN_FILE = '--token-file <file>'
const TOKEN_TEXT = `the token of the debugger (default: the variable ${TOKEN_VARIABLE})`
const ADDRESS_TEXT = `the --debug address of the server, HOST:PORT or unix:PATH (default: ${DEFAULT_ADDRESS})`

/** Returns the whole number of an option. Throws an error that says what to write. */
function count(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new TerminalError(`'${text}' is not a number from 1 to 99999`)
  return Number(text)
}

/** Adds the commands to the command line. */
export function addTerminalCommands(program: Command): void {
  program
    .command('ps')
    .description('list the requests in flight of a running server')
    .argument('[address]', ADDRESS_TEXT)
    .option(
      '--filter <condition>',
      'only requests that match, in CEL, as in "request.path.startsWith(\'/api\') && age > 1000.0"',
    )
    .option('--sort <by>', 'age, held, path, step or id', 'age')
    .option('--limit <rows>', 'the most rows (default: 100)', count)
    .option('--json', 'print JSON')
    .option(TOKEN_FILE, TOKEN_TEXT)
    .action((address: string | undefined, options: PsOptions) => run(ps(address ?? DEFAULT_ADDRESS, options)))
  program
    .command('why')
    .description('say what a request waits for, and what keeps it from going on')
    .argument('<id>', 'the request, as ps shows it: m3/s5; or the address, and then the request')
    .argument('[request]')
    .option('--json', 'print JSON')
    .option(TOKEN_FILE, TOKEN_TEXT)
    .action((first: string, second: string | undefined, options: WhyOptions) =>
      run(second === undefined ? why(DEFAULT_ADDRESS, first, options) : why(first, second, options)),
    )
  program
    .command('top')
    .description('show clients, engines and requests of a running server, live')
    .argument('[address]', ADDRESS_TEXT)
    .option(TOKEN_FILE, TOKEN_TEXT)
    .action((address: string | undefined, options: TerminalOptions) =>
      run(top(address ?? DEFAULT_ADDRESS, options)),
    )
  program
    .command('debug')
    .description('hold, step, change and release live requests, at a prompt or from a script')
    .argument('[address]', ADDRESS_TEXT)
    .option(TOKEN_FILE, TOKEN_TEXT)
    .action((address: string | undefined, options: TerminalOptions) =>
      run(debug(address ?? DEFAULT_ADDRESS, options)),
    )
}
