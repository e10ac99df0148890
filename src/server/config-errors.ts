// Errors of what a configuration is made of, as errors of the configuration.

import { ConfigError } from './address.js'

/** Certificates, networks and patterns are checked where they are used; their errors become a ConfigError. */
export function configured<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw error instanceof Error ? asConfigError(error) : error
  }
}

export const asConfigError = (error: Error): ConfigError =>
  error instanceof ConfigError ? error : Object.assign(new ConfigError(error.message), { cause: error })
