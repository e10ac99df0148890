// A backend: the servers among which its keys are divided. Each share of the keys (a shard) has servers in
// order of preference, and clients use the first that is up. A client moves to another server only when all
// its commands are answered (S8), so a server that a reload has taken away serves what it has, and closes
// with its last client. A Redis Cluster says itself which servers it has.

import { type Engine, type EngineLimits, engineLimits } from '../engine/index.js'
import { Cluster, type ClusterOptions, type ClusterOwner } from './cluster.js'
import { type EndpointOptions, RedisEndpoint, type RedisEvents } from './endpoint.js'
import type { PingOptions } from './health.js'
import type { RedisSession } from './session.js'
import { Shard, ShardMap } from './shards.js'
import type { RedisWorld } from './world.js'

export interface ShardOptions {
  /** In order of preference. */
  readonly endpoints: readonly EndpointOptions[]
  /**
   * The prefixes of its keys; with prefixes it has no slots. Without prefixes it has its share of the slots.
   */
  readonly prefixes?: readonly string[]
}

export interface BackendOptions {
  readonly name: string
  /** Slots are divided among those without prefixes, in this order. There is at least one of these. */
  readonly shards: readonly ShardOptions[]
  /** Null: servers are not checked, and count as up. */
  readonly check: PingOptions | null
  /** It is a Redis Cluster, and `shards` are not used. The same object: the same cluster. */
  readonly cluster?: ClusterOptions | null
}

export class RedisBackend implements ClusterOwner {
  readonly name: string
  /** The places of keys; another object when they have changed. */
  map: ShardMap
  cluster: Cluster | null = null
  private endpoints: readonly RedisEndpoint[] = []
  /** Servers that a reload has taken away, and that may have sessions. */
  private readonly retired = new Set<RedisEndpoint>()
  private readonly world: RedisWorld
  private readonly events: RedisEvents
  private readonly limits: EngineLimits
  private check: PingOptions | null = null

  constructor(
    world: RedisWorld,
    options: BackendOptions,
    events: RedisEvents = { unreached() {} },
    limits: EngineLimits = engineLimits,
  ) {
    this.world = world
    this.name = options.name
    this.events = events
    this.limits = limits
    this.map = this.mapOf(options)
  }

  /**
   * Gives it these servers. One with the name and the target object of one that it has stays, with its
   * sessions.
   */
  configure(options: BackendOptions): void {
    this.map = this.mapOf(options)
  }

  private mapOf({ shards, check, cluster = null }: BackendOptions): ShardMap {
    const before = this.cluster?.endpoints ?? this.endpoints
    const checksAlike = isSameCheck(check, this.check)
    if (cluster !== null) return this.mapOfCluster(cluster, check, checksAlike)
    this.cluster?.close()
    this.cluster = null
    const all: RedisEndpoint[] = []
    const endpointOf = (options: EndpointOptions): RedisEndpoint => {
      const alike = ({ name, target }: RedisEndpoint) => name === options.name && target === options.target
      const known = all.find(alike)
      if (known !== undefined) return known
      const old = before.find(alike)
      const endpoint = old ?? new RedisEndpoint(this.world, options, this.events, this.limits)
      if (old === undefined || !checksAlike) endpoint.check(check, () => this.turned(endpoint))
      all.push(endpoint)
      return endpoint
    }
    const made = shards.map(
      ({ endpoints, prefixes = [] }, at) => new Shard(at, endpoints.map(endpointOf), prefixes),
    )
    this.check = check
    this.endpoints = all
    for (const each of before) if (!all.includes(each)) this.dismiss(each)
    this.forgetRetired()
    return new ShardMap(made)
  }

  private mapOfCluster(options: ClusterOptions, check: PingOptions | null, checksAlike: boolean): ShardMap {
    const { cluster } = this
    this.check = check
    if (cluster?.options !== options) {
      for (const each of cluster?.endpoints ?? this.endpoints) this.dismiss(each)
      this.endpoints = []
      cluster?.close()
      this.cluster = new Cluster(this.world, options, this)
    } else if (!checksAlike) for (const each of cluster.endpoints) each.check(check, () => this.turned(each))
    return (this.cluster as Cluster).map
  }

  // The questions of its cluster

  make(options: EndpointOptions): RedisEndpoint {
    const events: RedisEvents = {
      ...this.events,
      unreached: (endpoint, why) => {
        this.events.unreached(endpoint, why)
        this.cluster?.refresh()
      },
    }
    const endpoint = new RedisEndpoint(this.world, options, events, this.limits)
    endpoint.check(this.check, () => this.turned(endpoint))
    return endpoint
  }

  moved(map: ShardMap): void {
    this.map = map
    this.forgetRetired()
  }

  learned(nodes: number, why: string): void {
    this.events.learned?.(this.name, nodes, why)
  }

  private forgetRetired(): void {
    for (const each of this.retired) if (each.isUnused) this.retired.delete(each)
  }

  dismiss(endpoint: RedisEndpoint): void {
    const keep = (): unknown => this.retired.add(endpoint)
    keep()
    endpoint.retire(keep)
  }

  private turned(endpoint: RedisEndpoint): void {
    this.events.health?.(this.name, endpoint.name, endpoint.isUp)
    for (const shard of this.map.shards) shard.choose()
  }

  /** It serves no more clients: those that it has move, or are served to their end. */
  retire(): void {
    this.cluster?.close()
    for (const each of this.all()) this.dismiss(each)
  }

  private all(): readonly RedisEndpoint[] {
    return this.cluster?.endpoints ?? this.endpoints
  }

  /** Returns the engines of all its servers. */
  engines(): Engine<RedisSession>[] {
    return [...this.all(), ...this.retired].flatMap((each) => each.engines())
  }

  close(): void {
    this.cluster?.close()
    for (const each of [...this.all(), ...this.retired]) each.close()
  }
}

const isSameCheck = (one: PingOptions | null, other: PingOptions | null): boolean =>
  one === other ||
  (one !== null &&
    other !== null &&
    one.intervalMs === other.intervalMs &&
    one.timeoutMs === other.timeoutMs &&
    one.healthy === other.healthy &&
    one.unhealthy === other.unhealthy)
