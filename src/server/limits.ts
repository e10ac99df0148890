// All bounds of all rooms under one roof, so that each can be set by its name.

import { type SchedulerLimits, schedulerLimits } from '../continuation/index.js'
import { type EngineLimits, engineLimits } from '../engine/index.js'
import { type HeldLimits, heldLimits } from '../http/index.js'
import { type Http1Limits, http1Limits } from '../http1/index.js'
import { type Http2Limits, http2Limits } from '../http2/index.js'
import { type NodePollsetLimits, nodePollsetLimits } from '../pollset/index.js'
import { type ProxyLimits, proxyLimits } from '../proxy/index.js'
import { ConfigError } from './address.js'
import { type ClientAddressLimits, clientAddressLimits } from './client-addresses.js'

export interface ServerLimits extends ClientAddressLimits {
  /** client connections at once; one more is closed as it comes */
  readonly connectionsMax: number
  /** ms that connections which were told to close have for it, once the time to drain is over */
  readonly cutMs: number
  /** ms from accepting a socket until it is known what it speaks, its TLS handshake included */
  readonly arrivalMs: number
  /** octets of a PROXY header, its TLVs included */
  readonly proxyHeaderBytesMax: number
  /** open connections to one backend of HTTP/1.1 (or whose protocol TLS decides), those being opened included */
  readonly http1SessionsMax: number
  /** of those, being opened at once */
  readonly http1OpeningMax: number
}

export const serverLimits: ServerLimits = {
  ...clientAddressLimits,
  connectionsMax: 20_000,
  cutMs: 1_000,
  arrivalMs: 10_000,
  proxyHeaderBytesMax: 4_096,
  http1SessionsMax: 256,
  http1OpeningMax: 64,
}

export type Limits = NodePollsetLimits &
  SchedulerLimits &
  EngineLimits &
  HeldLimits &
  Http1Limits &
  Http2Limits &
  ProxyLimits &
  ServerLimits

/** The defaults, room by room. */
export const limitsByRoom: Readonly<Record<string, Readonly<Partial<Limits>>>> = {
  pollset: nodePollsetLimits,
  continuation: schedulerLimits,
  engine: engineLimits,
  http: heldLimits,
  http1: http1Limits,
  http2: http2Limits,
  proxy: proxyLimits,
  server: serverLimits,
}

export const defaultLimits = Object.assign({}, ...Object.values(limitsByRoom)) as Limits

/** What each limit may be, where more than 0 is asked. An output slab must take the largest head, a window any number of octets. */
const RANGES: Readonly<Partial<Record<keyof Limits, readonly [number, number]>>> = {
  streamWindow: [1, 0x7fffffff],
  streamWindowMax: [1, 0x7fffffff],
  connectionWindow: [65_535, 0x7fffffff],
  flushBytesMax: [65_536, 16 * 1024 * 1024],
  headerListBytesMax: [1_024, 48 * 1024],
  headerTableBytesMax: [0, 65_536],
  controlBytesMax: [1_024, 49_152],
  abusesMax: [0, Number.MAX_SAFE_INTEGER],
  connectionsPerAddressMax: [0, Number.MAX_SAFE_INTEGER],
  proxyHeaderBytesMax: [232, 65_551],
  replayBytesMax: [0, 16 * 1024 * 1024],
}

/** Take `NAME=NUMBER` into the limits. */
export function setLimit(limits: Partial<Limits>, text: string): Partial<Limits> {
  const match = /^([A-Za-z0-9]+)=(\d+)$/.exec(text)
  const name = match?.[1] as keyof Limits | undefined
  if (match === null || name === undefined)
    throw new ConfigError(`'${text}' is not a limit: write NAME=NUMBER`)
  if (!Object.hasOwn(defaultLimits, name)) {
    throw new ConfigError(`there is no limit '${name}': 'fermata limits' lists them`)
  }
  const [least, most] = RANGES[name] ?? [1, Number.MAX_SAFE_INTEGER]
  const value = Number(match[2])
  if (value < least || value > most) throw new ConfigError(`${name} is ${least} to ${most}, not ${value}`)
  return { ...limits, [name]: value }
}

/** One line a limit, for people. */
export function describeLimits(): string {
  return Object.entries(limitsByRoom)
    .map(([room, limits]) => {
      const lines = Object.entries(limits).map(([name, value]) => `  ${name.padEnd(26)} ${value}\n`)
      return `${room}\n${lines.join('')}`
    })
    .join('')
}
