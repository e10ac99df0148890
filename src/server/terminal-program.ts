// The command line with the commands of the terminal alone.

import { addTerminalCommands } from '../terminal/index.js'
import { baseProgram, runProgram } from './base-program.js'

/** Runs a command of the terminal. Sets the exit code. */
export function runTerminal(argv: readonly string[]): void {
  const program = baseProgram()
  addTerminalCommands(program)
  runProgram(() => void program.parse(argv as string[]))
}
