// The bounds of all rooms, each of which is set by its room and its name: `http2.lingerMs`.

import { type SchedulerLimits, schedulerLimits } from '../continuation/index.js'
import { type EngineLimits, engineLimits } from '../engine/index.js'
import { type Http1Limits, http1Limits } from '../http1/index.js'
import { type Http2Limits, http2Limits } from '../http2/index.js'
import { type NodePollsetLimits, nodePollsetLimits } from '../pollset/index.js'
import { type ProxyLimits, proxyLimits } from '../proxy/index.js'
import { type TransportLimits, transportLimits } from '../transport/index.js'
import { ConfigError } from './address.js'
import { type ClientAddressLimits, clientAddressLimits } from './client-addresses.js'
import { LIMIT_RANGES } from './limit-ranges.js'
import { LIMIT_TEXTS } from './limit-texts.js'
import { type ProcessLogLimits, processLogLimits } from './process-log.js'
import { parseQuantity } from './quantity.js'

export interface ServerLimits extends ClientAddressLimits, ProcessLogLimits {
  /** client connections at once; one more is closed as it comes */
  readonly connectionsMax: number
  /** ms that connections which were told to close have for it, once the time to drain is over */
  readonly cutMs: number
  /** ms from accepting a socket until it is known what it speaks, its TLS handshake included */
  readonly handshakeMs: number
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
  handshakeMs: 10_000,
  proxyHeaderBytesMax: 4_096,
  http1SessionsMax: 256,
  http1OpeningMax: 64,
}

/** One plain object a room. */
export interface Limits {
  readonly pollset: NodePollsetLimits
  readonly continuation: SchedulerLimits
  readonly transport: TransportLimits
  readonly engine: EngineLimits
  readonly http1: Http1Limits
  readonly http2: Http2Limits
  readonly proxy: ProxyLimits
  readonly server: ServerLimits
}

/** Those that are not the defaults. */
export type SomeLimits = { readonly [Room in keyof Limits]?: Partial<Limits[Room]> }

export const defaultLimits: Limits = {
  pollset: nodePollsetLimits,
  continuation: schedulerLimits,
  transport: transportLimits,
  engine: engineLimits,
  http1: http1Limits,
  http2: http2Limits,
  proxy: proxyLimits,
  server: serverLimits,
}

/** The values of each room by name, whatever the room. */
type Values = Readonly<Record<string, number>>
const valuesOf = (limits: SomeLimits): Readonly<Record<string, Values | undefined>> =>
  limits as Readonly<Record<string, Values | undefined>>

export const limitsByRoom: Readonly<Record<string, Values>> = valuesOf(defaultLimits) as Record<
  string,
  Values
>

/** `over` where it says something, and `limits` for the rest. */
export function limitsWith<L extends SomeLimits>(limits: L, over: SomeLimits = {}): L {
  const all: Record<string, Values> = {}
  for (const room of Object.keys(limitsByRoom)) {
    const values = { ...valuesOf(limits)[room], ...valuesOf(over)[room] }
    if (Object.keys(values).length > 0) all[room] = values
  }
  return all as L
}

/** octets for what we say in a head ourselves, and for what frames it */
const OWN_BYTES = 1024
/** octets that each field line may take beside its text, as its size counts them (RFC 9113 §6.5.2) */
const FIELD_OVERHEAD = 32

/** What limits must hold together; throws where they do not. */
export function checkLimits({ transport, http1, http2 }: Limits): void {
  const { flushBytesMax, connectionHeldBytesMax } = transport
  const { startLineBytesMax, fieldSectionBytesMax, fieldsMax, trailerSectionBytesMax, trailersMax } = http1
  const atMost = (name: string, value: number, other: string, most: number): void => {
    if (value > most) throw new ConfigError(`${name}=${value} is more than ${other}=${most}`)
  }
  // A head leaves in one piece: one that no output slab takes would wait for ever.
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
  // What a connection reads ahead, and one read more, is held: less would reset every upload that meets a
  // slow backend.
  if (2 * http1.bodyAheadBytesMax > connectionHeldBytesMax)
    throw new ConfigError(
      `transport.connectionHeldBytesMax=${connectionHeldBytesMax} is less than twice http1.bodyAheadBytesMax=${http1.bodyAheadBytesMax}`,
    )
  atMost('transport.heldBytesSoft', transport.heldBytesSoft, 'transport.heldBytesMax', transport.heldBytesMax)
  atMost('http2.streamWindow', http2.streamWindow, 'http2.streamWindowMax', http2.streamWindowMax)
  const held = 'transport.connectionHeldBytesMax'
  atMost('http2.streamWindowMax', http2.streamWindowMax, held, connectionHeldBytesMax)
}

/** Takes `ROOM.NAME=VALUE` into the limits. */
export function setLimit(limits: SomeLimits, text: string): SomeLimits {
  const [, full, written] = /^([A-Za-z0-9.]+)=(.+)$/s.exec(text) ?? []
  if (full === undefined)
    throw new ConfigError(`'${text}' is not a limit: write ROOM.NAME=VALUE, as in proxy.headTimeoutMs=10s`)
  const [room, name, more] = full.split('.')
  if (name === undefined) throw new ConfigError(whichRoom(full))
  if (more !== undefined || !Object.hasOwn(limitsByRoom, room) || !Object.hasOwn(limitsByRoom[room], name))
    throw new ConfigError(`there is no limit '${full}': ${otherwise(name)}`)
  const [least, most] = valuesRange(room, name)
  const value = parseQuantity(full, written)
  if (value < least || value > most)
    throw new ConfigError(`${full} must be ${least} to ${most}, not ${written}`)
  return limitsWith(limits, { [room]: { [name]: value } })
}

/** Limits by this name, in whichever room. */
const namesakes = (name: string): string[] =>
  Object.entries(limitsByRoom)
    .filter(([, values]) => Object.hasOwn(values, name))
    .map(([room]) => `${room}.${name}`)

const otherwise = (name: string): string => {
  const found = namesakes(name)
  return found.length === 0 ? "'fermata limits' lists them" : `did you mean ${found.join(' or ')}?`
}

function whichRoom(name: string): string {
  const found = namesakes(name)
  return found.length === 0
    ? `there is no limit '${name}': 'fermata limits' lists them`
    : `--limit ${name}: say which room: ${found.join(', ')}`
}

function valuesRange(room: string, name: string): readonly [least: number, most: number] {
  const ranges = LIMIT_RANGES as Readonly<Record<string, Readonly<Record<string, readonly [number, number]>>>>
  return ranges[room]?.[name] ?? [1, Number.MAX_SAFE_INTEGER]
}

/** Prints each limit's name, default and unit, and what it is, for people. */
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
