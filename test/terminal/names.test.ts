// The commands that load this room alone.

import { Command } from 'commander'
import t from 'tap'
import { addTerminalCommands } from '../../src/terminal/index.js'
import { isTerminalCommand } from '../../src/terminal/names.js'
import { run } from '../../tools/testbed/programs.js'

const MAIN = new URL('../../src/main.js', import.meta.url).pathname

t.test('each command of the terminal is known by its name, and no other word is', (t) => {
  const program = new Command()
  addTerminalCommands(program)
  const names = program.commands.map((each) => each.name())
  t.ok(names.length > 0)
  for (const name of names) t.ok(isTerminalCommand(name), name)
  for (const name of ['serve', 'redis', 'check', 'help', '--help', '', undefined])
    t.notOk(isTerminalCommand(name))
  t.end()
})

t.test('a command of the terminal refuses its options as the others do', async (t) => {
  for (const command of ['ps', 'check']) {
    const { code, stderr } = await run(process.execPath, [MAIN, command, '--wrong'])
    t.equal(code, 2)
    t.equal(stderr, "error: unknown option '--wrong'\nSee 'fermata --help'.\n")
  }
})
