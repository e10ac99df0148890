// The names of settings in messages: options of the command line if it gave the configuration, options of
// createServer if a program gave them, keys of the document if a file or a document did.

import { type Configuration, writtenName } from '../config/index.js'
import { type Address, formatAddress } from '../pollset/index.js'
import { durationText } from '../proxy/index.js'
import { parseListen } from './address.js'

export interface SettingNames {
  /** Returns the spelling of a backend's scheme. */
  scheme(scheme: 'http' | 'https' | 'h2c' | 'h2'): string
  /** The spelling of a backend's server name. */
  readonly backendName: string
  /** The spelling of the authorities for a backend's certificate. */
  readonly backendCa: string
  /** Returns the setting that allows more sessions to an endpoint. @param limit the limit of all backends */
  sessions(limit: string): string
  /** Returns the setting that raises a limit: `room.limit`. */
  limit(name: string): string
  /** The setting that lists who must send a PROXY header. */
  readonly proxyHeaders: string
  /** Returns the setting of the time of draining, in ms. */
  drainTimeout(ms: number): string
}

const OPTIONS: SettingNames = {
  scheme: (scheme) => `${scheme}://`,
  backendName: '--backend-name NAME',
  backendCa: '--backend-ca FILE',
  sessions: (limit) => `it with --limit ${limit}=N`,
  limit: (name) => `it with --limit ${name}=N`,
  proxyHeaders: '--accept-proxy',
  drainTimeout: (ms) => `--drain-timeout=${ms / 1_000}s`,
}

/** Returns a limit as a program writes it. */
const limitIn = (name: string): string => {
  const [room, limit] = name.split('.')
  return `it with limits: { ${room}: { ${limit}: N } }`
}

const CODE: SettingNames = {
  scheme: OPTIONS.scheme,
  backendName: 'backendTls: { serverName }',
  backendCa: 'backendTls: { ca }',
  sessions: limitIn,
  limit: limitIn,
  proxyHeaders: 'acceptProxy',
  drainTimeout: (ms) => `drainTimeoutMs=${ms}`,
}

const KEYS: SettingNames = {
  scheme: (scheme) => `protocol: ${scheme}`,
  backendName: 'tls.name of the backend',
  backendCa: 'tls.ca of the backend',
  sessions: () => 'limits.sessions of the backend',
  limit: (name) => `limits.${writtenName(name)}, and start again`,
  proxyHeaders: 'trustedProxies.proxyProtocol',
  drainTimeout: (ms) => `shutdown.timeout=${durationText(ms)}`,
}

const NAMES: Readonly<Record<Configuration['form'], SettingNames>> = {
  options: OPTIONS,
  code: CODE,
  document: KEYS,
}

/** Returns the names of settings as the operator writes them. */
export const settingNames = ({ form }: Pick<Configuration, 'form'>): SettingNames => NAMES[form]

/**
 * Returns the place at which to write another address in place of this one: `with --listen`, `in listen`, `in
 * listeners.main.address`.
 * @param of the kind of the listener, where options name it
 */
export function addressSetting(
  configuration: Configuration,
  address: Address,
  of: 'listen' | 'debug' = 'listen',
): string {
  const { form, listeners, admin, probes, debug } = configuration
  if (form === 'code') return of === 'debug' ? 'in debug.listen' : 'in listen'
  const is = (written: string): boolean => formatAddress(parseListen(written)) === formatAddress(address)
  const listener = listeners.find((each) => is(each.address))
  if (form === 'options') {
    const asked = listener === undefined ? { admin, probes } : {}
    const [name] = Object.entries(asked).find(([, each]) => each !== null && is(each.address)) ?? []
    return `with --${name ?? of}`
  }
  if (listener !== undefined) return `in listeners.${listener.name}.address`
  const others = Object.entries({ admin, probes, debug })
  const other = others.find(([, each]) => each !== null && is(each.address))
  return other === undefined ? 'in listeners' : `in ${other[0]}.address`
}
