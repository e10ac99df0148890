// Loads the parts that a command needs, and runs it. A command that only looks at a running server from a
// terminal loads only the terminal's room, which takes a fifth of the time.

import { createRequire } from 'node:module'
import { isTerminalCommand } from '../terminal/names.js'

// `require` loads ES modules synchronously, a quarter faster than `import` does.
const load = createRequire(import.meta.url)

/** Runs the command line. Never throws; sets the exit code. */
export function run(argv: readonly string[]): void {
  if (isTerminalCommand(argv[2])) {
    const { runTerminal } = load('./terminal-program.js') as typeof import('./terminal-program.js')
    runTerminal(argv)
  } else {
    const { run: runAny } = load('./command-line.js') as typeof import('./command-line.js')
    runAny(argv)
  }
}
