// Turns errors of a configuration's parts into errors of the configuration.

import { ConfigError } from './address.js'

/**
 * Calls `make`, and turns its error into a ConfigError: certificates, networks and patterns are checked
 * where they are used.
 */
export function configured<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw error instanceof Error ? asConfigError(error) : error
  }
}

export const asConfigError = (error: Error): ConfigError =>
  error instanceof ConfigError ? error : Object.assign(new ConfigError(error.message), { cause: error })
