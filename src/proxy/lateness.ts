// Names the setting that has ended a wait, for the log, and for clients where the route tells them details.

import type { Exchange } from './exchange.js'

/** The setting of each outcome that is a late wait, and its limit. */
const SETTINGS: Readonly<Record<string, readonly [string, (x: Exchange) => number]>> = {
  'connect-late': ['connect', ({ route }) => route.connectMs],
  'lease-late': ['lease', ({ route }) => route.limits.leaseTimeoutMs],
  'head-late': ['head', ({ route }) => route.limits.headTimeoutMs],
  'request-late': ['head', ({ route }) => route.limits.headTimeoutMs],
  'body-late': ['idle', ({ route }) => route.limits.bodyTimeoutMs],
  'response-unread': ['idle', ({ route }) => route.limits.bodyTimeoutMs],
  'tunnel-idle': ['tunnel', ({ route }) => route.limits.tunnelIdleMs],
}

/** Returns `timeouts.head is 60s (route api)`; null if the outcome is not a late wait of a route. */
export function lateSetting(x: Exchange, outcome: string): string | null {
  const setting = Object.hasOwn(SETTINGS, outcome) ? SETTINGS[outcome] : undefined
  if (setting === undefined || x.route.name === '') return null
  const [name, limitOf] = x.now >= x.progress.oldAt ? REQUEST : setting
  return `timeouts.${name} is ${durationText(limitOf(x))} (route ${x.route.name})`
}

const REQUEST: readonly [string, (x: Exchange) => number] = [
  'request',
  ({ route }) => route.limits.exchangeTimeoutMs,
]

const UNITS: readonly (readonly [string, number])[] = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
]

function durationText(ms: number): string {
  const unit = UNITS.find(([, size]) => ms >= size && ms % size === 0)
  return unit === undefined ? `${ms}ms` : `${ms / unit[1]}${unit[0]}`
}
