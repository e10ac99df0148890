// The commands that read a configuration and start nothing: `fermata check`, `explain` and `schema`.

import { type Command, Option } from 'commander'
import { diagnosticText, jsonSchema, type ReadResult } from '../config/index.js'
import { limitTables, readChecked } from './check-configuration.js'
import { explain, explanationText } from './explain.js'
import { counted } from './quantity.js'

/** Exit codes: an error; a warning, with --strict. */
const WRONG = 2
const WARNED = 1

interface CheckOptions {
  strict?: boolean
  format: 'text' | 'json'
}

/** Adds `fermata check`, `explain` and `schema`. */
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
    .command('explain')
    .description('show what a configuration does with a request, and where each setting was written')
    .argument('<file>', 'the configuration, in YAML')
    .argument('<url>', 'what is asked for, as https://example.org/path?query')
    .option('-X, --request <method>', 'the method', 'GET')
    .option(
      '-H, --header <line>',
      "a field, as 'x-beta: 1'; repeatable",
      (line: string, before: string[] = []) => [...before, line],
    )
    .option('--from <address>', 'the address of the client', '192.0.2.1')
    .option('--json', 'write JSON')
    .action(explainUrl)
  program
    .command('schema')
    .description('print the JSON Schema of configurations, for editors')
    .action(() => void process.stdout.write(`${JSON.stringify(jsonSchema(limitTables()), null, 2)}\n`))
}

interface ExplainOptions {
  request: string
  header?: string[]
  from: string
  json?: boolean
}

function explainUrl(file: string, url: string, options: ExplainOptions): void {
  const result = readChecked(file)
  if (result.configuration === null) {
    report(file, result)
    process.exitCode = WRONG
    return
  }
  const { request, header = [], from, json } = options
  const lines = explain(result.configuration, { url, method: request, headers: header, from })
  process.stdout.write(json ? `${JSON.stringify(lines, null, 2)}\n` : explanationText(lines))
}

function check(file: string, { strict, format }: CheckOptions): void {
  const result = readChecked(file)
  const { errors, warnings } = result
  if (format === 'json') process.stdout.write(`${JSON.stringify({ errors, warnings }, null, 2)}\n`)
  else report(file, result)
  process.exitCode = errors.length > 0 ? WRONG : strict === true && warnings.length > 0 ? WARNED : 0
}

/** Writes mistakes to standard error, or to standard output that there are none. */
function report(file: string, { configuration, errors, warnings }: ReadResult): void {
  for (const each of errors) process.stderr.write(`${diagnosticText(each)}\n`)
  for (const each of warnings)
    process.stderr.write(`${diagnosticText({ ...each, message: `warning: ${each.message}` })}\n`)
  if (configuration === null) return
  const { listeners, backends, redisBackends, routes } = configuration
  const counts = [
    counted(listeners.length, 'listener'),
    counted(backends.length + redisBackends.length, 'backend'),
    counted(routes.length, 'route'),
  ]
  process.stdout.write(`${file} is a configuration with ${counts.join(', ')}\n`)
}
