// Serves a configuration file. It is read again after SIGHUP, and with --watch when it has changed.

import { type Configuration, diagnosticText } from '../config/index.js'
import { randomKey } from '../pollset/index.js'
import { readChecked } from './check-configuration.js'
import { RunningServer, type ServerParts, type Writers } from './create-server.js'
import { fileOrigin, type MadeConfiguration, madeOf } from './origins.js'
import { mistakesIn } from './reading.js'

/** A configuration file that was read. */
export interface FileReading {
  readonly configuration: Configuration
  readonly made: MadeConfiguration
  /** The key for the digits that stand for secrets in messages. */
  readonly key: string
  readonly warnings: readonly string[]
}

/** The error for a file that cannot be served. The message has a line for each mistake. */
export class ConfigFileError extends Error {
  override name = 'ConfigFileError'
}

/** Reads a file for the start. Throws a {@link ConfigFileError} with all its mistakes. */
export function readFile(file: string): FileReading {
  const key = randomKey()
  const result = readChecked(file, key)
  const { configuration } = result
  if (configuration === null) throw new ConfigFileError(mistakesIn(result))
  const made = madeOf(result)
  return { configuration, made, key, warnings: result.warnings.map(diagnosticText) }
}

/** Returns the parts of the server of a file. */
export const filePartsOf = (
  file: string,
  { made, key }: FileReading,
  watches: boolean,
  writers: Writers,
): ServerParts => ({ origin: fileOrigin(file, made), watches, key, ...writers })

/** Makes the server of a file, in this process. */
export const serveFile = (...parts: Parameters<typeof filePartsOf>): RunningServer =>
  new RunningServer(filePartsOf(...parts))
