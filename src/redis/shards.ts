// The places of keys: the shards behind the proxy, and their slots. A key with a named prefix is on the shard
// of that prefix; all others are on the shard that has their slot.
//
// A spot is the place of a key: its slot, or, from SLOTS on, the index of a shard.

import type { RedisEndpoint } from './endpoint.js'
import { SLOTS, slotOf } from './slots.js'

/** A share of the keys, and the servers that have it. */
export class Shard {
  /** Its place in the map. */
  readonly index: number
  readonly name: string
  /** In order of preference. */
  readonly endpoints: readonly RedisEndpoint[]
  readonly prefixes: readonly string[]
  /** The first server that is up; the first, if none is. */
  current: RedisEndpoint

  constructor(index: number, endpoints: readonly RedisEndpoint[], prefixes: readonly string[]) {
    this.index = index
    this.name = endpoints[0].name
    this.endpoints = endpoints
    this.prefixes = prefixes
    this.current = endpoints[0]
    this.choose()
  }

  choose(): void {
    this.current = this.endpoints.find((each) => each.isUp) ?? this.endpoints[0]
  }
}

/**
 * Returns the slots that a shard has: the first, and the one behind the last.
 * @param at its place among the shards without prefixes
 */
export const shareOf = (at: number, shards: number): readonly [number, number] => [
  Math.ceil((at * SLOTS) / shards),
  Math.ceil(((at + 1) * SLOTS) / shards),
]

export interface Slots {
  /** The index of the shard of each slot. */
  readonly owners: Uint16Array
  /** Indexes that shards may have. */
  readonly most: number
  /** It is what a node has told. */
  readonly isKnown: boolean
}

export class ShardMap {
  readonly shards: readonly Shard[]
  /** The shard of commands without a key. */
  readonly first: Shard
  /** One command names keys of one slot, and commands may be told that their keys are elsewhere. */
  readonly isCluster: boolean
  /** False: it is a guess, and only commands with keys find their way. */
  readonly isKnown: boolean
  /** SCAN has as many places: above the index of each shard. */
  readonly places: number
  private readonly owners: Uint16Array
  /** Their indexes may have gaps. */
  private readonly byIndex: readonly (Shard | undefined)[]
  /** The longest first. */
  private readonly prefixes: readonly { readonly bytes: Buffer; readonly shard: Shard }[]

  /**
   * @param shards those without prefixes have equal shares of the slots, in this order
   * @param slots those of a Redis Cluster, whose nodes the shards are
   */
  constructor(shards: readonly Shard[], slots: Slots | null = null) {
    const sharing = shards.filter(({ prefixes }) => prefixes.length === 0)
    const byIndex: (Shard | undefined)[] = []
    for (const each of shards) byIndex[each.index] = each
    this.shards = shards
    this.byIndex = byIndex
    this.first = sharing[0]
    this.isCluster = slots !== null
    this.isKnown = slots?.isKnown ?? true
    this.places = slots?.most ?? shards.length
    this.owners = slots?.owners ?? new Uint16Array(SLOTS)
    if (slots === null)
      for (const [at, { index }] of sharing.entries()) this.owners.fill(index, ...shareOf(at, sharing.length))
    this.prefixes = shards
      .flatMap((shard) => shard.prefixes.map((prefix) => ({ bytes: Buffer.from(prefix), shard })))
      .sort((a, b) => b.bytes.length - a.bytes.length)
  }

  /** True if keys are on several shards, or may be. */
  get isSharded(): boolean {
    return this.isCluster || this.shards.length > 1
  }

  spotOf(key: Buffer, from: number, to: number): number {
    for (const { bytes, shard } of this.prefixes)
      if (to - from >= bytes.length && bytes.compare(key, from, from + bytes.length) === 0)
        return SLOTS + shard.index
    return slotOf(key, from, to)
  }

  /** Returns true if these shards are its own, with the same slots. */
  isSame(shards: readonly Shard[], owners: Uint16Array): boolean {
    return this.hasShards(shards) && owners.every((each, slot) => each === this.owners[slot])
  }

  hasShards(shards: readonly Shard[]): boolean {
    return shards.length === this.shards.length && shards.every((each, at) => each === this.shards[at])
  }

  /** Returns the shard with this index. */
  shardWith(index: number): Shard | undefined {
    return this.byIndex[index]
  }

  /** Returns the shard of a spot. */
  shardAt(spot: number): Shard {
    return this.byIndex[spot < SLOTS ? this.owners[spot] : spot - SLOTS] ?? this.first
  }

  /** Returns true if no node of the cluster has said who has this slot. */
  isGuess(spot: number): boolean {
    if (!this.isCluster || spot >= SLOTS) return false
    return !this.isKnown || this.byIndex[this.owners[spot]] === undefined
  }

  /** Returns the property that keys of one command must share. */
  unitOf(spot: number): number {
    return this.isCluster && spot < SLOTS ? spot : SLOTS + this.shardAt(spot).index
  }

  /** Returns the first index from this one on that a shard has; -1: none has. */
  placeFrom(index: number): number {
    const { byIndex } = this
    for (let at = index; at < byIndex.length; at++) if (byIndex[at] !== undefined) return at
    return -1
  }
}
