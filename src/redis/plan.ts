// The route of a command if keys are on several shards: to one of them, to several in parts, or to none.

import { infoOf } from './arguments.js'
import type { Command } from './command.js'
import type { CommandInfo, Kind } from './commands.js'
import { arrayOf } from './inline.js'
import { keysOf } from './keys.js'
import type { Merge } from './merge.js'
import { COMMAND, type RequestReader } from './request-reader.js'
import type { ShardMap } from './shards.js'
import { SLOTS } from './slots.js'
import { CLUSTER_UNKNOWN, CROSS_SLOT, errorReply, SCAN_OVER, TOO_LARGE_TO_DIVIDE } from './texts.js'

/** The part of a command for one shard. */
export interface PlannedPart {
  readonly spot: number
  readonly bytes: Buffer
  /** The places of its keys among all keys of the command; null without keys. */
  readonly keys: readonly number[] | null
}

export interface Plan {
  readonly parts: readonly PlannedPart[]
  readonly merge: Merge
  /** Turns the cursor of a server into the client's, for SCAN. */
  readonly cursorOf: ((cursor: bigint) => bigint) | null
}

/**
 * The route: a spot; several; null: any shard, since it has no key; a buffer: the error that is its reply.
 */
export type Route = number | Plan | Buffer | null

export const isPlan = (route: Route): route is Plan =>
  typeof route === 'object' && route !== null && 'parts' in route

const MERGES: Readonly<Record<string, Merge>> = {
  agg_sum: 'sum',
  agg_min: 'min',
  agg_logical_and: 'and',
  all_succeeded: 'all',
  one_succeeded: 'one',
}

/** Returns how replies are merged; null if the table leaves that to the client. */
function mergeOf({ name, policies }: CommandInfo): Merge | null {
  if (name === 'randomkey') return 'any'
  const response = policies[1]
  return response === undefined ? 'elements' : (MERGES[response] ?? null)
}

const DIVIDED: readonly Kind[] = ['shared']
/**
 * Commands that must be whole: a half of one is something nobody asked for. PING asks whether
 * the proxy is there.
 */
const UNDIVIDED: ReadonlySet<string> = new Set(['msetnx', 'ping', 'wait'])

const bytesOf = ({ buffer, from, to }: RequestReader, at: number): Buffer => buffer.subarray(from[at], to[at])

/** Returns the route of the command that was read, which has come as far as the reader knows. */
export function routeOf(info: CommandInfo, kind: Kind, reader: RequestReader, map: ShardMap): Route {
  const keys = keysOf(info, reader)
  const isComplete = reader.known === reader.count
  if (keys === null) return TOO_LARGE_TO_DIVIDE
  const divides = DIVIDED.includes(kind) && !UNDIVIDED.has(info.name)
  if (info.name === 'sort' || info.name === 'sort_ro') return routeOfSort(reader, map)
  if (keys.length > 0) {
    const spot = oneSpotOf(keys, reader, map)
    if (spot !== null) return spot
    if (!divides || info.policies[0] !== 'multi_shard') return CROSS_SLOT
    return isComplete ? byKeys(info, keys, reader, map) : TOO_LARGE_TO_DIVIDE
  }
  if (!divides) return null
  const isScan = info.name === 'scan'
  const merge = mergeOf(info)
  const asksAll = info.policies[0] === 'all_shards' || info.policies[0] === 'all_nodes'
  if (!isScan && (!asksAll || merge === null)) return null
  if (!map.isKnown) return CLUSTER_UNKNOWN
  if (isScan) return routeOfScan(reader, map)
  if (!isComplete) return TOO_LARGE_TO_DIVIDE
  const bytes = arrayOf(Array.from({ length: reader.count }, (_, at) => bytesOf(reader, at)))
  const parts = map.shards.map(({ index }) => ({ spot: SLOTS + index, bytes, keys: null }))
  return { parts, merge: merge ?? 'all', cursorOf: null }
}

/** The route of commands that belong together: a spot, or the error that they are on several shards. */
export function together(route: Route, next: Route, map: ShardMap): Route {
  if (Buffer.isBuffer(route) || next === null) return route
  if (Buffer.isBuffer(next) || route === null) return isPlan(next) ? CROSS_SLOT : next
  if (typeof next !== 'number' || typeof route !== 'number') return CROSS_SLOT
  return map.unitOf(route) === map.unitOf(next) ? next : CROSS_SLOT
}

/** Returns the route of a command, or of a whole transaction, that was read before. */
export function routeWithin(
  { buffer, start, end }: Command,
  reader: RequestReader,
  map: ShardMap,
  kindOf: (info: CommandInfo, reader: RequestReader) => Kind,
): Route {
  let route: Route = null
  if (buffer === null) return route
  for (let at = start; at < end; ) {
    at = reader.read(buffer, at, end)
    if (reader.found !== COMMAND) break
    const info = infoOf(reader)
    const next = routeOf(info, kindOf(info, reader), reader, map)
    route = at === end && route === null ? next : together(route, next, map)
  }
  return route
}

/** Returns the spot of all these keys; null if one command may not name them all. */
function oneSpotOf(
  keys: readonly number[],
  { buffer, from, to }: RequestReader,
  map: ShardMap,
): number | null {
  let found = -1
  for (const at of keys) {
    const spot = map.spotOf(buffer, from[at], to[at])
    if (found >= 0 && spot !== found && map.unitOf(spot) !== map.unitOf(found)) return null
    found = spot
  }
  return found
}

/** A part for each shard, with its keys, and the values that follow them. */
function byKeys(info: CommandInfo, keys: readonly number[], reader: RequestReader, map: ShardMap): Plan {
  const { buffer, from, to } = reader
  const { step } = info.keys[0]
  const words = new Map<number, { readonly args: Buffer[]; readonly places: number[] }>()
  for (const [place, at] of keys.entries()) {
    const unit = map.unitOf(map.spotOf(buffer, from[at], to[at]))
    let part = words.get(unit)
    if (part === undefined) {
      part = { args: [bytesOf(reader, 0)], places: [] }
      words.set(unit, part)
    }
    for (let next = at; next < at + step && next < reader.known; next++) part.args.push(bytesOf(reader, next))
    part.places.push(place)
  }
  const parts = [...words].map(([spot, { args, places }]) => ({ spot, bytes: arrayOf(args), keys: places }))
  return { parts, merge: mergeOf(info) ?? 'all', cursorOf: null }
}

/** Patterns and destinations of SORT name keys that are not in the table: they may be anywhere. */
function routeOfSort(reader: RequestReader, map: ShardMap): Route {
  const { buffer, from, to, known, count } = reader
  if (known < 2) return null
  // A cluster sees to these itself: it refuses patterns, and a destination in another slot.
  for (let at = 2; at < count && !map.isCluster; at++) {
    const word =
      at < known ? buffer.toString('latin1', from[at], Math.min(to[at], from[at] + 6)).toUpperCase() : ''
    if (word === 'STORE' || word === 'BY' || word === 'GET') return CROSS_SLOT
  }
  return map.spotOf(buffer, from[1], to[1])
}

/** The cursor of a client: that of a server, times the number of shards, plus the shard's place. */
function routeOfScan(reader: RequestReader, map: ShardMap): Route {
  const { known, count } = reader
  const text = known > 1 ? bytesOf(reader, 1).toString('latin1') : ''
  if (known < count || !/^\d{1,20}$/.test(text))
    return errorReply('invalid-cursor', 'the cursor of SCAN is not a number')
  const all = BigInt(map.places)
  // The shard of this cursor may have gone: the next one is asked from its beginning on.
  const place = map.placeFrom(Number(BigInt(text) % all))
  if (place < 0) return SCAN_OVER
  const isThere = BigInt(text) % all === BigInt(place)
  const args = Array.from({ length: count }, (_, at) => bytesOf(reader, at))
  args[1] = Buffer.from((isThere ? BigInt(text) / all : 0n).toString())
  const part = { spot: SLOTS + place, bytes: arrayOf(args), keys: null }
  const cursorOf = (cursor: bigint): bigint => {
    if (cursor > 0n) return cursor * all + BigInt(place)
    return BigInt(Math.max(0, map.placeFrom(place + 1)))
  }
  return { parts: [part], merge: 'scan', cursorOf }
}
