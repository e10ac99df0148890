// All bounds of all rooms under one roof, so that each can be set by its name.

import { type SchedulerLimits, schedulerLimits } from '../continuation/index.js'
import { type EngineLimits, engineLimits } from '../engine/index.js'
import { type Http1Limits, http1Limits } from '../http1/index.js'
import { type Http2Limits, http2Limits } from '../http2/index.js'
import { type NodePollsetLimits, nodePollsetLimits } from '../pollset/index.js'
import { type ProxyLimits, proxyLimits } from '../proxy/index.js'
import { type TransportLimits, transportLimits } from '../transport/index.js'
import { ConfigError } from './address.js'
import { type ClientAddressLimits, clientAddressLimits } from './client-addresses.js'
import { type ProcessLogLimits, processLogLimits } from './process-log.js'
import { parseQuantity } from './quantity.js'

export interface ServerLimits extends ClientAddressLimits, ProcessLogLimits {
  /** client connections at once; one more is closed as it comes */
  readonly connectionsMax: number
  /** ms that connections which were told to close have for it, once the time to drain is over */
  readonly cutMs: number
  /** ms from accepting a socket until it is known what it speaks, its TLS handshake included */
  readonly arrivalMs: number
  /** octets of a PROXY header, its TLVs included */
  readonly proxyHeaderBytesMax: number
  /**
   * open connections to one backend of HTTP/1.1 (or whose protocol TLS decides), those being opened included
   */
  readonly http1SessionsMax: number
  /** of those, being opened at once */
  readonly http1OpeningMax: number
}

export const serverLimits: ServerLimits = {
  ...clientAddressLimits,
  ...processLogLimits,
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
  TransportLimits &
  Http1Limits &
  Http2Limits &
  ProxyLimits &
  ServerLimits

/** The defaults, room by room. */
export const limitsByRoom: Readonly<Record<string, Readonly<Partial<Limits>>>> = {
  pollset: nodePollsetLimits,
  continuation: schedulerLimits,
  engine: engineLimits,
  transport: transportLimits,
  http1: http1Limits,
  http2: http2Limits,
  proxy: proxyLimits,
  server: serverLimits,
}

/** Spread, as an object that was assigned to stays a slow one. */
export const defaultLimits = { ...(Object.assign({}, ...Object.values(limitsByRoom)) as Limits) }

const KIB = 1024
const MIB = 1024 * KIB
/** What a counter, a SETTINGS value or an array of them is never asked to be. */
const MANY = 1_000_000

/**
 * What each limit may be, where more than 0 is asked: what a window, a SETTINGS value or a number of digits
 * can say; less than would refuse what every peer sends; more than memory was ever meant for. What depends on
 * another limit is in {@link checkLimits}.
 */
const RANGES: Readonly<Partial<Record<keyof Limits, readonly [number, number]>>> = {
  readAheadBytesMax: [KIB, 1024 * MIB],
  lookAheadBytesMax: [1, 1024 * MIB],
  acceptQueueMax: [1, MANY],
  commandsMax: [1, MANY],
  backlog: [1, 65_535],
  // As many seconds as Linux takes.
  frontendTcpKeepAliveMs: [0, 32_767_000],
  backendTcpKeepAliveMs: [0, 32_767_000],
  sessionsMax: [1, MANY],
  openingMax: [1, MANY],
  boundSessionsMax: [0, MANY],
  heldBytesSoft: [MIB, Number.MAX_SAFE_INTEGER],
  heldBytesMax: [MIB, Number.MAX_SAFE_INTEGER],
  connectionHeldBytesMax: [64 * KIB, Number.MAX_SAFE_INTEGER],
  connectAttemptMs: [10, Number.MAX_SAFE_INTEGER],
  connectAddressesMax: [1, 64],
  startLineBytesMax: [KIB, 16 * MIB],
  methodBytesMax: [7, 8 * KIB],
  emptyLinesMax: [0, MANY],
  fieldSectionBytesMax: [KIB, 16 * MIB],
  fieldsMax: [16, 65_536],
  // A number of 14 digits is not exact any more: two readers would see two ends.
  chunkSizeDigitsMax: [1, 13],
  chunkPaddingBytesMax: [0, KIB],
  chunkExtensionBytesMax: [0, 16 * MIB],
  trailerSectionBytesMax: [64, 16 * MIB],
  trailersMax: [0, 65_536],
  halfClosedMs: [0, Number.MAX_SAFE_INTEGER],
  drainIdleMs: [0, Number.MAX_SAFE_INTEGER],
  interimsBurst: [1, MANY],
  interimBytesMax: [KIB, 16 * MIB],
  headerBlockBytesMax: [KIB, 16 * MIB],
  continuationsMax: [1, MANY],
  headerBlockDiscardMax: [KIB, 16 * MIB],
  continuationsDiscardMax: [1, MANY],
  settingsMax: [6, 2_730],
  concurrentStreamsMax: [1, MANY],
  backendStreamsMax: [1, MANY],
  // A change of windows weighs as twenty.
  idleFramesBurst: [100, MANY],
  streamWindow: [1, 0x7fffffff],
  streamWindowMax: [1, 0x7fffffff],
  connectionWindow: [65_535, 0x7fffffff],
  flushBytesMax: [64 * KIB, 16 * MIB],
  headerListBytesMax: [KIB, 48 * KIB],
  headerTableBytesMax: [0, 64 * KIB],
  controlBytesMax: [KIB, 48 * KIB],
  transitBytesMax: [64 * KIB, 1024 * MIB],
  abusesMax: [0, Number.MAX_SAFE_INTEGER],
  connectionsPerAddressMax: [0, Number.MAX_SAFE_INTEGER],
  proxyHeaderBytesMax: [232, 65_551],
  logLineCharactersMax: [100, MANY],
  replayBytesMax: [0, 16 * MIB],
  staleAttemptsMax: [0, MANY],
  tunnelsMax: [0, Number.MAX_SAFE_INTEGER],
}

/** octets for what we say in a head ourselves, and for what frames it */
const OWN_BYTES = KIB
/** octets that each field line may take beside its text, as its size counts them (RFC 9113 §6.5.2) */
const FIELD_OVERHEAD = 32

/** What limits must hold together; throws where they do not. */
export function checkLimits(limits: Limits): void {
  const { flushBytesMax, fieldsMax, trailersMax, startLineBytesMax, fieldSectionBytesMax } = limits
  const atMost = (name: keyof Limits, other: keyof Limits): void => {
    if (limits[name] > limits[other])
      throw new ConfigError(`${name}=${limits[name]} is more than ${other}=${limits[other]}`)
  }
  // A head leaves in one piece: one that no output slab takes would wait for ever.
  const fits = (what: string, bytes: number): void => {
    if (bytes + OWN_BYTES > flushBytesMax)
      throw new ConfigError(
        `${what} is ${bytes} bytes, more than flushBytesMax=${flushBytesMax} can write at once: lower one of them or raise flushBytesMax`,
      )
  }
  fits(
    `startLineBytesMax + fieldSectionBytesMax + ${FIELD_OVERHEAD} for each of fieldsMax`,
    startLineBytesMax + fieldSectionBytesMax + FIELD_OVERHEAD * fieldsMax,
  )
  fits(
    `trailerSectionBytesMax + ${FIELD_OVERHEAD} for each of trailersMax`,
    limits.trailerSectionBytesMax + FIELD_OVERHEAD * trailersMax,
  )
  // What a connection reads ahead, a read of it more, is held: less would reset every upload that meets a
  // slow backend.
  if (2 * limits.bodyAheadBytesMax > limits.connectionHeldBytesMax)
    throw new ConfigError(
      `connectionHeldBytesMax=${limits.connectionHeldBytesMax} is less than twice bodyAheadBytesMax=${limits.bodyAheadBytesMax}`,
    )
  atMost('heldBytesSoft', 'heldBytesMax')
  atMost('streamWindow', 'streamWindowMax')
  atMost('streamWindowMax', 'connectionHeldBytesMax')
}

/** Takes `NAME=VALUE` into the limits. */
export function setLimit(limits: Partial<Limits>, text: string): Partial<Limits> {
  const [, name, written] = /^([A-Za-z0-9]+)=(.+)$/s.exec(text) ?? []
  if (name === undefined)
    throw new ConfigError(`'${text}' is not a limit: write NAME=VALUE, as in headTimeoutMs=10s`)
  if (!Object.hasOwn(defaultLimits, name)) {
    throw new ConfigError(`there is no limit '${name}': 'fermata limits' lists them`)
  }
  const [least, most] = RANGES[name as keyof Limits] ?? [1, Number.MAX_SAFE_INTEGER]
  const value = parseQuantity(name, written)
  if (value < least || value > most)
    throw new ConfigError(`${name} must be ${least} to ${most}, not ${written}`)
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
