// Names the setting that has ended a wait, or was reached. It is for the log, and for clients if the route
// shows them details.

import type { Exchange } from './exchange.js'
import { durationText } from './unit-text.js'

type Setting = readonly [name: string, limitOf: (x: Exchange) => number]

const IDLE: Setting = ['idle', ({ route }) => route.limits.bodyTimeoutMs]

/** The setting and the limit of each outcome of a late wait. */
const SETTINGS: Readonly<Record<string, Setting>> = {
  'connect-late': ['connect', ({ route }) => route.connectMs],
  'lease-late': ['lease', ({ route }) => route.limits.leaseTimeoutMs],
  'head-late': ['head', ({ route }) => route.limits.headTimeoutMs],
  'request-late': ['head', ({ route }) => route.limits.headTimeoutMs],
  'body-late': IDLE,
  'response-unread': IDLE,
  'tunnel-idle': ['tunnel', ({ route }) => route.limits.tunnelIdleMs],
}

/** The limit of a backend that each outcome has reached, and its value. */
const LIMITS: Readonly<Record<string, readonly [string, (x: Exchange) => number]>> = {
  'requests-full': ['requests', ({ backend }) => backend?.options.requestsMax ?? 0],
  'queue-full': [
    'pending',
    ({ engine, endpoint, backend }) =>
      (endpoint === null ? backend?.options.waitingMax : engine?.limits.queueMax) ?? 0,
  ],
}

/**
 * Returns `timeouts.head is 60s (route api)`, or `limits.requests is 10 (backend api)`; null if the outcome
 * has no setting of a route or backend.
 */
export function endingSetting(x: Exchange, outcome: string): string | null {
  const limit = Object.hasOwn(LIMITS, outcome) ? LIMITS[outcome] : undefined
  if (limit !== undefined && x.backend !== null && x.route.name !== '')
    return `limits.${limit[0]} is ${limit[1](x)} (backend ${x.backend.name})`
  const setting = Object.hasOwn(SETTINGS, outcome) ? SETTINGS[outcome] : undefined
  if (setting === undefined || x.route.name === '') return null
  // After the response head, the rule for late bodies applies to a request.
  const isBody = outcome === 'request-late' && x.refusal === null
  const [name, limitOf] = x.now >= x.progress.oldAt ? REQUEST : isBody ? IDLE : setting
  return `timeouts.${name} is ${durationText(limitOf(x))} (route ${x.route.name})`
}

const REQUEST: Setting = ['request', ({ route }) => route.limits.exchangeTimeoutMs]
