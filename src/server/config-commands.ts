// The commands that look at a configuration and start nothing: `fermata check` and `fermata schema`.

import { type Command, Option } from 'commander'
import { diagnosticText, jsonSchema, type ReadResult, readConfiguration } from '../config/index.js'
import { checked, limitTables } from './check-configuration.js'

/** Exit codes: an error; a warning, with --strict. */
const WRONG = 2
const WARNED = 1

interface CheckOptions {
  strict?: boolean
  format: 'text' | 'json'
}

/** Adds `fermata check` and `fermata schema`. */
export function addConfigCommands(program: Command): void {
  program
    .command('check')
    .description('check a configuration: its files, certificates, names and patterns; nothing is started')
    .argument('<file>', 'the configuration, in YAML')
    .option('--strict', 'exit with 1 if there are warnings')
    .addOption(
      new Option('--format <format>', "how to write what is found: 'text', or 'json' for editors")
        .choices(['text', 'json'])
        .default('text'),
    )
    .action(check)
  program
    .command('schema')
    .description('print the JSON Schema of configurations, for editors')
    .action(() => void process.stdout.write(`${JSON.stringify(jsonSchema(limitTables()), null, 2)}\n`))
}

function check(file: string, { strict, format }: CheckOptions): void {
  const result = checked(readConfiguration(file, limitTables()))
  const { errors, warnings } = result
  if (format === 'json') process.stdout.write(`${JSON.stringify({ errors, warnings }, null, 2)}\n`)
  else report(file, result)
  process.exitCode = errors.length > 0 ? WRONG : strict === true && warnings.length > 0 ? WARNED : 0
}

/** Writes what is wrong to standard error, and that all is right to standard output. */
function report(file: string, { configuration, errors, warnings }: ReadResult): void {
  for (const each of errors) process.stderr.write(`${diagnosticText(each)}\n`)
  for (const each of warnings)
    process.stderr.write(`${diagnosticText({ ...each, message: `warning: ${each.message}` })}\n`)
  if (configuration === null) return
  const { listeners, backends, routes } = configuration
  const counts = [
    counted(listeners.length, 'listener'),
    counted(backends.length, 'backend'),
    counted(routes.length, 'route'),
  ]
  process.stdout.write(`${file} is a configuration with ${counts.join(', ')}\n`)
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
