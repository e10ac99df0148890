// The names of settings in messages: options of the command line if those are served, and keys of the
// document if a file or a document is served.

import { type Configuration, writtenName } from '../config/index.js'
import { type Address, formatAddress } from '../pollset/index.js'
import { durationText } from '../proxy/index.js'
import { parseListen } from './address.js'

export interface SettingNames {
  /** How the scheme of a backend is written. */
  scheme(scheme: 'http' | 'https' | 'h2c' | 'h2'): string
  /** How the server name of a backend is written. */
  readonly backendName: string
  /** How the authorities of a backend's certificate are written. */
  readonly backendCa: string
  /** How more sessions to an endpoint are allowed. @param limit that of all backends */
  sessions(limit: string): string
  /** How a limit is raised: `room.limit`. */
  limit(name: string): string
  /** The setting that says who must send a PROXY header. */
  readonly proxyHeaders: string
  /** The time of draining, in ms. */
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
 * Says where another address is written in place of this one: `with --listen`, `in listeners.main.address`.
 *
 * @param option the option that names the address
 */
export function addressSetting(configuration: Configuration, address: Address, option = '--listen'): string {
  const { form, listeners, admin, probes, debug } = configuration
  if (form === 'options') return `with ${option}`
  const is = (written: string): boolean => formatAddress(parseListen(written)) === formatAddress(address)
  const listener = listeners.find((each) => is(each.address))
  if (listener !== undefined) return `in listeners.${listener.name}.address`
  const others = Object.entries({ admin, probes, debug })
  const other = others.find(([, each]) => each !== null && is(each.address))
  return other === undefined ? 'in listeners' : `in ${other[0]}.address`
}
