// Where keys are: the shards behind the proxy, and which of them has which slots. A key whose beginning is
// named is on the shard of that prefix; all others are on the shard that has their slot.
//
// A spot says where a key is: its slot, or, from SLOTS on, the index of a shard.

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

export class ShardMap {
  readonly shards: readonly Shard[]
  /** The shard of what has no key. */
  readonly first: Shard
  /** The index of the shard of each slot. */
  private readonly slots = new Uint16Array(SLOTS)
  /** The longest first. */
  private readonly prefixes: readonly { readonly bytes: Buffer; readonly shard: Shard }[]

  /** @param shards those without prefixes have equal shares of the slots, in this order */
  constructor(shards: readonly Shard[]) {
    const sharing = shards.filter(({ prefixes }) => prefixes.length === 0)
    this.shards = shards
    this.first = sharing[0]
    for (const [at, { index }] of sharing.entries()) this.slots.fill(index, ...shareOf(at, sharing.length))
    this.prefixes = shards
      .flatMap((shard) => shard.prefixes.map((prefix) => ({ bytes: Buffer.from(prefix), shard })))
      .sort((a, b) => b.bytes.length - a.bytes.length)
  }

  /** Whether keys are on several shards. */
  get isSharded(): boolean {
    return this.shards.length > 1
  }

  spotOf(key: Buffer, from: number, to: number): number {
    for (const { bytes, shard } of this.prefixes)
      if (to - from >= bytes.length && bytes.compare(key, from, from + bytes.length) === 0)
        return SLOTS + shard.index
    return slotOf(key, from, to)
  }

  /** Returns the shard of a spot. */
  shardAt(spot: number): Shard {
    return spot < SLOTS ? this.shards[this.slots[spot]] : (this.shards[spot - SLOTS] ?? this.first)
  }

  /** Returns what keys have in common that one command may name. */
  unitOf(spot: number): number {
    return SLOTS + this.shardAt(spot).index
  }
}
