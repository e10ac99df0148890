// Checks of a configuration that the room config/ cannot make: certificates with their keys, paths and
// patterns of routes, and limits that depend on each other.

import {
  type CertificateConfig,
  type Configuration,
  type Diagnostic,
  type LimitTables,
  type Place,
  type ReadOptions,
  type ReadResult,
  readConfiguration,
} from '../config/index.js'
import {
  checkAuthorities,
  checkCertificates,
  type Identity,
  KnownCertificates,
  randomKey,
} from '../pollset/index.js'
import {
  type Automata,
  type Automaton,
  automatonOf,
  compiledRoutes,
  matchesNoPath,
  patternsIn,
} from '../proxy/index.js'
import { parseListen } from './address.js'
import { LIMIT_RANGES } from './limit-ranges.js'
import { LIMIT_TEXTS } from './limit-texts.js'
import { checkLimits, defaultLimits, limitsByRoom, limitsWith, type SomeLimits } from './limits.js'
import { checkModules } from './module-checks.js'
import { UserModules } from './user-modules.js'

/** The limits of all rooms, for reading a configuration. They can be cloned to another thread. */
export const limitTables = (): LimitTables => ({
  limits: limitsByRoom,
  limitRanges: LIMIT_RANGES as NonNullable<LimitTables['limitRanges']>,
  limitTexts: Object.fromEntries(Object.entries(LIMIT_TEXTS).map(([name, [, text]]) => [name, text])),
})

/** The results of slow checks, which the loop then need not repeat. */
export interface FoundOut {
  /** The automata of the patterns in routes. */
  readonly automata: Automata
  readonly identities: readonly Identity[]
}

export const NOTHING_FOUND_OUT: FoundOut = { automata: new Map(), identities: [] }

/** A result with these checks. It can be cloned to another thread. */
export interface CheckedResult extends ReadResult {
  readonly foundOut: FoundOut
}

/**
 * Returns the options of a reading. @param key the key for the digits of secrets, one for all
 * readings of a process
 */
export const readOptions = (key: string): ReadOptions => ({ ...limitTables(), secretKey: Buffer.from(key) })

/** Reads a configuration file with all checks. */
export function readChecked(file: string, key = randomKey()): CheckedResult {
  const options = readOptions(key)
  const result = checked(readConfiguration(file, options))
  const { configuration } = result
  if (configuration === null) return result
  const modules = new UserModules({ env: process.env, secretKey: options.secretKey ?? null })
  const { errors, warnings } = checkModules(configuration, modules)
  return {
    ...result,
    configuration: errors.length === 0 ? configuration : null,
    errors,
    warnings: [...result.warnings, ...warnings],
  }
}

/** Returns the result with the findings of these checks. @param now ms since 1970 */
export function checked(result: ReadResult, now = Date.now()): CheckedResult {
  const { configuration } = result
  if (configuration === null) return { ...result, foundOut: NOTHING_FOUND_OUT }
  const checks = new Checks(configuration, now)
  const { errors, foundOut } = checks
  const warnings = [...result.warnings, ...checks.warnings]
  return { ...result, configuration: errors.length === 0 ? configuration : null, errors, warnings, foundOut }
}

/** The time before its expiry from which on a certificate is reported, in ms. */
const EXPIRY_TOLD_MS = 14 * 24 * 60 * 60 * 1000

class Checks {
  readonly errors: Diagnostic[] = []
  readonly warnings: Diagnostic[] = []
  private readonly configuration: Configuration
  private readonly now: number
  private readonly certificates = new KnownCertificates()
  private readonly automata = new Map<string, Automaton>()

  constructor(configuration: Configuration, now: number) {
    this.configuration = configuration
    this.now = now
    this.checkPorts()
    this.checkListeners()
    this.checkBackends()
    this.checkRoutes()
    this.checkLimits()
  }

  get foundOut(): FoundOut {
    return { automata: this.automata, identities: this.certificates.all }
  }

  /** Calls `check`, and reports at this place an error that it throws. Returns true if it throws none. */
  private attempt(place: Place, path: string, check: () => void): boolean {
    try {
      check()
      return true
    } catch (error) {
      this.errors.push(diagnosticAt(place, path, error instanceof Error ? error.message : String(error)))
      return false
    }
  }

  /** Finds two listeners of one port of which one takes all addresses: the second could not be bound. */
  private checkPorts(): void {
    const { listeners } = this.configuration
    for (const [at, { name, source, address }] of listeners.entries()) {
      const { host, port } = parseListen(address)
      for (const other of listeners.slice(0, at)) {
        const there = parseListen(other.address)
        if (port === 0 || there.port !== port || !(isAny(host) || isAny(there.host))) continue
        this.errors.push(
          diagnosticAt(
            source,
            `listeners.${name}.address`,
            `${address} has the port of the listener ${other.name}, ${other.address}; leave out one, or write another port`,
          ),
        )
      }
    }
  }

  private checkListeners(): void {
    const met = new Map<string, boolean>()
    for (const { name, source, tls } of this.configuration.listeners) {
      if (tls === null) continue
      const { certificates, clientCa } = tls
      for (const each of certificates)
        if (!met.has(each.name)) met.set(each.name, this.checkCertificate(each))
      const named = certificates.map(({ name, cert, key }) => ({ cert, key, from: `certificate ${name}` }))
      if (certificates.every((each) => met.get(each.name)))
        this.attempt(source, `listeners.${name}.tls.certificates`, () =>
          checkCertificates(named, this.certificates),
        )
      if (clientCa !== null)
        this.attempt(source, `listeners.${name}.tls.clientCa`, () => checkAuthorities(clientCa))
    }
  }

  private checkCertificate(certificate: CertificateConfig): boolean {
    const path = `certificates.${certificate.name}`
    return this.attempt(certificate.source, path, () => {
      const { expiresAt } = this.certificates.read({ cert: certificate.cert, key: certificate.key })
      const left = expiresAt - this.now
      if (left >= EXPIRY_TOLD_MS) return
      const day = new Date(expiresAt).toISOString().slice(0, 10)
      const message = left < 0 ? `it has expired, on ${day}` : `it expires soon, on ${day}`
      this.warnings.push(diagnosticAt(certificate.source, path, message))
    })
  }

  private checkBackends(): void {
    for (const { name, tls, sources } of [
      ...this.configuration.backends,
      ...this.configuration.redisBackends,
    ]) {
      const { ca } = tls
      if (ca !== null) this.attempt(sources['tls.ca'], `backends.${name}.tls.ca`, () => checkAuthorities(ca))
    }
  }

  /** Finds routes that the router would refuse, each by itself. */
  private checkRoutes(): void {
    for (const { name, match, path, source } of this.configuration.routes) {
      for (const each of patternsIn(match))
        if (!this.automata.has(each)) this.automata.set(each, automatonOf(each))
      this.attempt(source, `routes.${name}`, () =>
        compiledRoutes([{ name, match, path, to: null }], this.automata),
      )
      if (match.path?.kind === 'pattern') this.checkPattern(match.path.value, name, source)
    }
  }

  /** Reports a pattern that no path can match: a harmless mistake. */
  private checkPattern(text: string, route: string, source: Place): void {
    if (!matchesNoPath(this.automata.get(text) as Automaton)) return
    const message = `the pattern ${JSON.stringify(text)} matches no path: it must match the whole path, from the first '/' on`
    this.warnings.push(diagnosticAt(source, `routes.${route}`, message))
  }

  private checkLimits(): void {
    const { limits, sources } = this.configuration
    const place = Object.entries(sources).find(([name]) => name.startsWith('limits.'))?.[1]
    if (place === undefined) return
    this.attempt(place, 'limits', () => checkLimits(limitsWith(defaultLimits, limits as SomeLimits)))
  }
}

/** Returns true if an address stands for all addresses of this machine. */
const isAny = (host: string): boolean => host === '0.0.0.0' || host === '::'

const diagnosticAt = ({ file, line, column }: Place, path: string, message: string): Diagnostic => ({
  file,
  line,
  column,
  path,
  message,
})
