// Checks of a configuration that the room config/ cannot make: certificates with their keys, and limits that
// depend on each other.

import {
  type Configuration,
  type Diagnostic,
  type LimitTables,
  type Place,
  type ReadResult,
  readConfiguration,
} from '../config/index.js'
import { checkAuthorities, checkCertificates } from '../pollset/index.js'
import { LIMIT_RANGES } from './limit-ranges.js'
import { LIMIT_TEXTS } from './limit-texts.js'
import { checkLimits, defaultLimits, limitsByRoom, limitsWith, type SomeLimits } from './limits.js'

/** The limits of all rooms, for reading a configuration. They can be cloned to another thread. */
export const limitTables = (): LimitTables => ({
  limits: limitsByRoom,
  limitRanges: LIMIT_RANGES as NonNullable<LimitTables['limitRanges']>,
  limitTexts: Object.fromEntries(Object.entries(LIMIT_TEXTS).map(([name, [, text]]) => [name, text])),
})

/** Reads a configuration file with all checks. */
export const readChecked = (file: string): ReadResult => checked(readConfiguration(file, limitTables()))

/** Returns the result with what these checks find. */
export function checked(result: ReadResult): ReadResult {
  const { configuration } = result
  if (configuration === null) return result
  const errors = findings(configuration)
  return errors.length === 0 ? result : { ...result, configuration: null, errors }
}

function findings(configuration: Configuration): Diagnostic[] {
  const errors: Diagnostic[] = []
  const attempt = (place: Place, path: string, check: () => void): boolean => {
    try {
      check()
      return true
    } catch (error) {
      const { file, line, column } = place
      errors.push({
        file,
        line,
        column,
        path,
        message: error instanceof Error ? error.message : String(error),
      })
      return false
    }
  }
  const met = new Set<string>()
  for (const { name, source, tls } of configuration.listeners) {
    if (tls === null) continue
    let whole = true
    for (const each of tls.certificates) {
      if (met.has(each.name)) continue
      met.add(each.name)
      if (!attempt(each.source, `certificates.${each.name}`, () => checkCertificates([each]))) whole = false
    }
    const named = tls.certificates.map(({ name, cert, key }) => ({ cert, key, from: `certificate ${name}` }))
    if (whole) attempt(source, `listeners.${name}.tls.certificates`, () => checkCertificates(named))
    const { clientCa } = tls
    if (clientCa !== null) attempt(source, `listeners.${name}.tls.clientCa`, () => checkAuthorities(clientCa))
  }
  for (const { name, tls, sources } of configuration.backends) {
    const { ca } = tls
    if (ca !== null) attempt(sources['tls.ca'], `backends.${name}.tls.ca`, () => checkAuthorities(ca))
  }
  const place = Object.entries(configuration.sources).find(([name]) => name.startsWith('limits.'))?.[1]
  if (place !== undefined)
    attempt(place, 'limits', () => checkLimits(limitsWith(defaultLimits, configuration.limits as SomeLimits)))
  return errors
}
