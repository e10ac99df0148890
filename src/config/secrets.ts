// Secrets in a form that may be shown: `*** 3fa92c`, where equal secrets have equal digits. The digits belong
// to an HMAC under a key of the process, so nobody can test likely secrets against them elsewhere.

import { createHmac } from 'node:crypto'
import type { Configuration } from './configuration.js'
import { isSecretText } from './secret-text.js'

/** Returns the text that stands for this secret. With null as the key it has no digits. */
export function masked(text: string, key: Uint8Array | null): string {
  if (key === null) return '***'
  return `*** ${createHmac('sha256', key).update(text).digest('hex').slice(0, 6)}`
}

/** Returns the configuration with its secrets masked, to be shown. */
export function withoutSecrets(configuration: Configuration, key: Uint8Array | null): Configuration {
  const hide = <T extends string | null>(text: T): T | string => (text === null ? text : masked(text, key))
  const { listeners, backends, routes, debug, admin } = configuration
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
    routes: routes.map((route) => ({
      ...route,
      filters: route.filters.map((each) => ({ ...each, options: withoutSecretTexts(each.options, key) })),
    })),
    debug: debug && { ...debug, token: hide(debug.token) },
    admin: admin && { ...admin, token: hide(admin.token) },
  }
}

/** Returns a filter's options in which the texts that a schema has read as secrets are masked. */
function withoutSecretTexts(options: unknown, key: Uint8Array | null): unknown {
  if (Array.isArray(options)) return options.map((each) => withoutSecretTexts(each, key))
  if (typeof options !== 'object' || options === null) return options
  if (isSecretText(options)) return masked(options.text, key)
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, withoutSecretTexts(value, key)]),
  )
}
