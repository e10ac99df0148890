// The limits of all rooms. Each is set by its room and name: `http2.lingerMs`.

import { type AdminLimits, adminLimits } from '../admin/index.js'
import { type SchedulerLimits, schedulerLimits } from '../continuation/index.js'
import { type DebuggerLimits, debuggerLimits } from '../debugger/index.js'
import { type EngineLimits, engineLimits } from '../engine/index.js'
import { type FilterLimits, filterLimits } from '../filters/index.js'
import { type Http1Limits, http1Limits } from '../http1/index.js'
import { type Http2Limits, http2Limits } from '../http2/index.js'
import { type NodeFrontendLimits, nodeFrontendLimits } from '../node/index.js'
import { type NodePollsetLimits, nodePollsetLimits } from '../pollset/index.js'
import { type ProxyLimits, proxyLimits } from '../proxy/index.js'
import { type RedisLimits, redisLimits } from '../redis/index.js'
import { type TransportLimits, transportLimits } from '../transport/index.js'
import { type WorkersLimits, workersLimits } from '../workers/index.js'
import { type AccessLogLimits, accessLogLimits } from './access-logging.js'
import { ConfigError } from './address.js'
import { type ClientAddressLimits, clientAddressLimits } from './client-addresses.js'
import { LIMIT_RANGES } from './limit-ranges.js'
import { LIMIT_TEXTS } from './limit-texts.js'
import { type ProcessLogLimits, processLogLimits } from './process-log.js'
import { parseQuantity } from './quantity.js'

export interface ServerLimits extends AccessLogLimits, ClientAddressLimits, ProcessLogLimits {
  /**
   * The number of open client connections. One more is closed when it is accepted. Each worker counts its
   * own.
   */
  readonly connectionsMax: number
  /** The time that connections have to close after the drain timeout, in ms. Then the process exits. */
  readonly cutMs: number
  /**
   * The longest time from accepting a client connection until its protocol is known, including PROXY header
   * and TLS handshake, in ms. After it the connection is closed.
   */
  readonly handshakeMs: number
  /** The bytes of a PROXY header, including its TLVs. A longer one is refused. */
  readonly proxyHeaderBytesMax: number
  /**
   * The number of connections to one backend of HTTP/1.1, or whose protocol ALPN chooses, including those
   * being opened. Each worker counts its own.
   */
  readonly http1SessionsMax: number
  /**
   * The number of connections to one such backend that are being opened at once. Each worker counts its own.
   */
  readonly http1OpeningMax: number
}

export const serverLimits: ServerLimits = {
  ...accessLogLimits,
  ...clientAddressLimits,
  ...processLogLimits,
  connectionsMax: 20_000,
  cutMs: 1_000,
  handshakeMs: 10_000,
  proxyHeaderBytesMax: 4_096,
  http1SessionsMax: 256,
  http1OpeningMax: 64,
}

/** The limits of each room. */
export interface Limits {
  readonly pollset: NodePollsetLimits
  readonly continuation: SchedulerLimits
  readonly transport: TransportLimits
  readonly engine: EngineLimits
  readonly http1: Http1Limits
  readonly http2: Http2Limits
  readonly proxy: ProxyLimits
  readonly filters: FilterLimits
  readonly redis: RedisLimits
  readonly server: ServerLimits
  readonly debugger: DebuggerLimits
  readonly admin: AdminLimits
  readonly node: NodeFrontendLimits
  readonly workers: WorkersLimits
}

/** Limits that differ from the defaults. */
export type SomeLimits = { readonly [Room in keyof Limits]?: Partial<Limits[Room]> }

export const defaultLimits: Limits = {
  pollset: nodePollsetLimits,
  continuation: schedulerLimits,
  transport: transportLimits,
  engine: engineLimits,
  http1: http1Limits,
  http2: http2Limits,
  proxy: proxyLimits,
  filters: filterLimits,
  redis: redisLimits,
  server: serverLimits,
  debugger: debuggerLimits,
  admin: adminLimits,
  node: nodeFrontendLimits,
  workers: workersLimits,
}

/** The limits of each room, by name. */
type Values = Readonly<Record<string, number>>
const valuesOf = (limits: SomeLimits): Readonly<Record<string, Values | undefined>> =>
  limits as Readonly<Record<string, Values | undefined>>

export const limitsByRoom: Readonly<Record<string, Values>> = valuesOf(defaultLimits) as Record<
  string,
  Values
>

/** Returns `limits`, in which the values of `over` replace its own. */
export function limitsWith<L extends SomeLimits>(limits: L, over: SomeLimits = {}): L {
  const all: Record<string, Values> = {}
  for (const room of Object.keys(limitsByRoom)) {
    const values = { ...valuesOf(limits)[room], ...valuesOf(over)[room] }
    if (Object.keys(values).length > 0) all[room] = values
  }
  return all as L
}

/** bytes for the fields and the framing that we add to a head */
const OWN_BYTES = 1024
/** bytes that a field line counts beside its text (RFC 9113 §6.5.2) */
const FIELD_OVERHEAD = 32

/** Throws if limits contradict each other. */
export function checkLimits({ transport, http1, http2, proxy }: Limits): void {
  const { flushBytesMax, connectionHeldBytesMax } = transport
  const { startLineBytesMax, fieldSectionBytesMax, fieldsMax, trailerSectionBytesMax, trailersMax } = http1
  const atMost = (name: string, value: number, other: string, most: number): void => {
    if (value > most) throw new ConfigError(`${name}=${value} is more than ${other}=${most}`)
  }
  // A head is written in one piece: a head that no output slab can hold would wait forever.
  const fits = (what: string, bytes: number): void => {
    if (bytes + OWN_BYTES > flushBytesMax)
      throw new ConfigError(
        `${what} is ${bytes} bytes, more than transport.flushBytesMax=${flushBytesMax} can write at once: lower one of them or raise transport.flushBytesMax`,
      )
  }
  fits(
    `http1.startLineBytesMax + http1.fieldSectionBytesMax + ${FIELD_OVERHEAD} for each of http1.fieldsMax`,
    startLineBytesMax + fieldSectionBytesMax + FIELD_OVERHEAD * fieldsMax,
  )
  fits(
    `http1.trailerSectionBytesMax + ${FIELD_OVERHEAD} for each of http1.trailersMax`,
    trailerSectionBytesMax + FIELD_OVERHEAD * trailersMax,
  )
  fits('proxy.filterHeadBytesMax', proxy.filterHeadBytesMax)
  // A connection buffers its read-ahead, and one more read: a lower bound would reset every upload
  // to a slow backend.
  if (2 * http1.bodyAheadBytesMax > connectionHeldBytesMax)
    throw new ConfigError(
      `transport.connectionHeldBytesMax=${connectionHeldBytesMax} is less than twice http1.bodyAheadBytesMax=${http1.bodyAheadBytesMax}`,
    )
  atMost('transport.heldBytesSoft', transport.heldBytesSoft, 'transport.heldBytesMax', transport.heldBytesMax)
  atMost('http2.streamWindow', http2.streamWindow, 'http2.streamWindowMax', http2.streamWindowMax)
  const held = 'transport.connectionHeldBytesMax'
  atMost('http2.streamWindowMax', http2.streamWindowMax, held, connectionHeldBytesMax)
}

/** Sets the limit that `ROOM.NAME=VALUE` names. */
export function setLimit(limits: SomeLimits, text: string): SomeLimits {
  const [, full, written] = /^([A-Za-z0-9.]+)=(.+)$/s.exec(text) ?? []
  if (full === undefined)
    throw new ConfigError(`'${text}' is not a limit: write ROOM.NAME=VALUE, as in proxy.headTimeoutMs=10s`)
  const [room, name, more] = full.split('.')
  if (name === undefined) throw new ConfigError(whichRoom(full))
  if (more !== undefined || !Object.hasOwn(limitsByRoom, room) || !Object.hasOwn(limitsByRoom[room], name))
    throw new ConfigError(`there is no limit '${full}': ${likelyLimits(name)}`)
  if (Object.hasOwn(valuesOf(limits)[room] ?? {}, name))
    throw new ConfigError(`--limit ${full} is given twice: leave out one`)
  const [least, most] = valuesRange(room, name)
  const value = parseQuantity(full, written)
  if (value < least || value > most)
    throw new ConfigError(`${full} must be ${least} to ${most}, not ${written}`)
  return limitsWith(limits, { [room]: { [name]: value } })
}

/** Returns the limits with this name, in all rooms. */
const namesakes = (name: string): string[] =>
  Object.entries(limitsByRoom)
    .filter(([, values]) => Object.hasOwn(values, name))
    .map(([room]) => `${room}.${name}`)

/**
 * Returns the limits whose names begin with this text, in all rooms: the unit may be missing,
 * or the case wrong.
 */
const likely = (begin: string): string[] =>
  Object.entries(limitsByRoom).flatMap(([room, values]) =>
    Object.keys(values)
      .filter((each) => each.toLowerCase().startsWith(begin.toLowerCase()))
      .map((each) => `${room}.${each}`),
  )

/** Returns a text of the limits that this name may mean. */
export const likelyLimits = (name: string): string => {
  const same = namesakes(name)
  const found = same.length === 0 && name.length > 3 ? likely(name) : same
  return found.length === 0 ? "'fermata limits' lists them" : `did you mean ${found.join(' or ')}?`
}

function whichRoom(name: string): string {
  const found = namesakes(name)
  return found.length === 0
    ? `there is no limit '${name}': ${likelyLimits(name)}`
    : `'${name}' needs its room: write ${found.join(' or ')}`
}

/** Returns the range of a limit. */
export function valuesRange(room: string, name: string): readonly [least: number, most: number] {
  const ranges = LIMIT_RANGES as Readonly<Record<string, Readonly<Record<string, readonly [number, number]>>>>
  return ranges[room]?.[name] ?? [1, Number.MAX_SAFE_INTEGER]
}

/** Lists each limit with its default, unit and description, for people. */
export function describeLimits(): string {
  const lines: string[] = []
  for (const [room, values] of Object.entries(limitsByRoom)) {
    for (const [name, value] of Object.entries(values)) {
      const full = `${room}.${name}`
      const [unit, text] = LIMIT_TEXTS[full]
      lines.push(`${full} = ${value}${unit === '' ? '' : ` ${unit}`}\n    ${text}\n`)
    }
  }
  return lines.join('')
}
