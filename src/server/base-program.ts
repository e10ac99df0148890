// The part of the command line that all commands share. It loads no part of the server.

import { Command, CommanderError } from 'commander'
import { exitCodes } from './exit-codes.js'
import { version } from './version.js'

/** Makes the command line, without a command. */
export const baseProgram = (): Command =>
  new Command('fermata')
    .description('A reverse proxy for HTTP/1.1 and HTTP/2 in which every request is a continuation.')
    .version(version(), '-v, --version')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError("See 'fermata --help'.")
    .exitOverride()

/** Runs a command line. Sets the exit code if it is wrong, after reporting that. */
export function runProgram(parse: () => void): void {
  // A closed pipe or a full disk loses log lines, not requests.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => {})
  try {
    parse()
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    process.exitCode = error.exitCode === 0 ? 0 : exitCodes.USAGE
  }
}
