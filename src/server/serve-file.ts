// Serves a configuration file: reads it, starts the server, and reads it again for SIGHUP, or with --watch
// when it has changed.

import { type Configuration, diagnosticText } from '../config/index.js'
import type { NodePollset } from '../pollset/index.js'
import { ConfigError } from './address.js'
import { limitTables, readChecked } from './check-configuration.js'
import { RunningServer, type Writers } from './create-server.js'
import type { ConfigurationOrigin } from './origins.js'
import { type Reading, Reloader } from './reloading.js'

/** A configuration file that was read. */
export interface FileReading {
  readonly configuration: Configuration
  readonly files: readonly string[]
  readonly warnings: readonly string[]
}

/** A file that cannot be served. The message has a line for each mistake. */
export class ConfigFileError extends Error {
  override name = 'ConfigFileError'
}

/** Reads a file for the start. Throws a {@link ConfigFileError} with all its mistakes. */
export function readFile(file: string): FileReading {
  const result = readChecked(file)
  const { configuration, errors, warnings, files } = result
  if (configuration === null) throw new ConfigFileError(errors.map(diagnosticText).join('\n'))
  return { configuration, files, warnings: warnings.map(diagnosticText) }
}

/** The first configuration of a file. The file is read again by a {@link Reloader}, off the loop. */
const fileOrigin = (configuration: Configuration): ConfigurationOrigin => ({
  make: () => configuration,
  again: () => configuration,
  changed() {
    throw new ConfigError('a configuration file is changed by editing it')
  },
})

/** Makes the server of a file, and what reads the file again. */
export function serveFile(
  file: string,
  { configuration, files }: FileReading,
  watches: boolean,
  writers: Writers,
): RunningServer {
  let reloader: Reloader | null = null
  const running = new RunningServer({
    origin: fileOrigin(configuration),
    read: () => reloader?.order(),
    ...writers,
  })
  const { server, log } = running
  let current = configuration
  let currentText = JSON.stringify(configuration)
  const request = { file, options: limitTables() }
  reloader = new Reloader(server.world, server.world.pollset as NodePollset, request, files, watches, {
    read(reading: Reading) {
      for (const each of reading.warnings) log.tell('warn', each)
      const next = reading.configuration
      if (next === null) {
        for (const each of reading.errors) log.tell('error', each)
        running.emit('reloaded', new ConfigError(`${file} is wrong`))
        return
      }
      const text = JSON.stringify(next)
      if (text === currentText) {
        log.tell('info', `${file} was read again: nothing has changed`)
        return
      }
      for (const each of unchanged(current, next)) log.tell('warn', each)
      server.apply(next, (wrong) => {
        if (wrong === null) {
          current = next
          currentText = text
        }
        running.emit('reloaded', wrong)
      })
    },
  })
  running.on('draining', () => reloader?.cancel())
  return running
}

/** Returns a line for each change that a reload does not make. */
function unchanged(before: Configuration, after: Configuration): string[] {
  const differs = (name: 'limits' | 'debug'): boolean =>
    JSON.stringify(before[name]) !== JSON.stringify(after[name])
  return (['limits', 'debug'] as const)
    .filter(differs)
    .map((name) => `${name} has changed: this takes effect when the server starts again`)
}
