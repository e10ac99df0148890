// The names of settings in messages: options of the command line if it gave the configuration, keys of the
// document if a file or a document did.

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

const KEYS: SettingNames = {
  scheme: (scheme) => `protocol: ${scheme}`,
  backendName: 'tls.name of the backend',
  backendCa: 'tls.ca of the backend',
  sessions: () => 'limits.sessions of the backend',
  limit: (name) => `limits.${writtenName(name)}, and start again`,
  proxyHeaders: 'trustedProxies.proxyProtocol',
  drainTimeout: (ms) => `shutdown.timeout=${durationText(ms)}`,
}

/** Returns the names of settings as the operator writes them. */
export const settingNames = ({ form }: Pick<Configuration, 'form'>): SettingNames =>
  form === 'options' ? OPTIONS : KEYS

/**
 * Returns the place at which to write another address in place of this one: `with --listen`, `in
 * listeners.main.address`.
 * @param option the option that names the address
 */
export function addressSetting(configuration: Configuration, address: Address, option = '--listen'): string {
  const { form, listeners, admin, probes, debug } = configuration
  const is = (written: string): boolean => formatAddress(parseListen(written)) === formatAddress(address)
  const listener = listeners.find((each) => is(each.address))
  if (form === 'options') {
    const asked = listener === undefined ? { admin, probes } : {}
    const [name] = Object.entries(asked).find(([, each]) => each !== null && is(each.address)) ?? []
    return `with ${name === undefined ? option : `--${name}`}`
  }
  if (listener !== undefined) return `in listeners.${listener.name}.address`
  const others = Object.entries({ admin, probes, debug })
  const other = others.find(([, each]) => each !== null && is(each.address))
  return other === undefined ? 'in listeners' : `in ${other[0]}.address`
}
