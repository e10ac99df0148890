// Secrets as they may be shown: `*** 3fa92c`, where equal secrets have equal digits. The digits are of an
// HMAC under a key of the process, so that nobody can try likely secrets against them elsewhere.

import { createHmac } from 'node:crypto'
import type { Configuration } from './configuration.js'

/** Returns what stands for this text. Null as the key shows no digits. */
export function masked(text: string, key: Uint8Array | null): string {
  if (key === null) return '***'
  return `*** ${createHmac('sha256', key).update(text).digest('hex').slice(0, 6)}`
}

/** Returns the configuration with its secrets masked, to be shown. */
export function withoutSecrets(configuration: Configuration, key: Uint8Array | null): Configuration {
  const hide = <T extends string | null>(text: T): T | string => (text === null ? text : masked(text, key))
  const { listeners, backends, debug, admin } = configuration
  return {
    ...configuration,
    listeners: listeners.map((each) => ({
      ...each,
      tls: each.tls && {
        ...each.tls,
        certificates: each.tls.certificates.map((pair) => ({ ...pair, key: masked(pair.key, key) })),
      },
    })),
    backends: backends.map((each) => ({
      ...each,
      balance: {
        ...each.balance,
        affinity: each.balance.affinity && {
          ...each.balance.affinity,
          key: hide(each.balance.affinity.key),
        },
      },
    })),
    debug: debug && { ...debug, token: hide(debug.token) },
    admin: admin && { ...admin, token: hide(admin.token) },
  }
}
