// Servers among which keys are divided, by slot and by prefix (spec/redis.md, Y23). A reload may divide them
// otherwise: their data stays where it is, since no checker looks at values.

import type { Address, Prng } from '../../../src/pollset/index.js'
import { type BackendOptions, type EndpointOptions, shareOf } from '../../../src/redis/index.js'
import { slotOfKey } from './keys.js'
import { RedisServer } from './server.js'
import type { RedisStage } from './stage.js'

const PORT = 6379
const FIRST_HOST = 61
/** The keys of the last server, if prefixes divide them. */
const PREFIXES = ['{t3}', 'list{t1}']

export class SimShards {
  readonly servers: readonly RedisServer[]
  /** True once keys have been divided otherwise. */
  hasChanged = false
  private readonly endpoints: readonly EndpointOptions[]
  /** The place of the first server in the configuration. */
  private turn = 0
  private readonly isPrefixed: boolean

  constructor(stage: RedisStage, chance: Prng) {
    const { redisShards, redisPrefixes } = stage.plan
    this.isPrefixed = redisPrefixes === 1
    const addresses: readonly Address[] = Array.from({ length: redisShards }, (_, at) => ({
      host: `192.0.2.${FIRST_HOST + at}`,
      port: PORT,
    }))
    this.endpoints = addresses.map((target, at) => ({ name: `shard${at}`, target }))
    this.servers = addresses.map(
      (address, at) => new RedisServer(stage, `shard${at}`, address, chance.fork()),
    )
  }

  private get order(): readonly EndpointOptions[] {
    const { endpoints, turn } = this
    return endpoints.map((_, at) => endpoints[(at + turn) % endpoints.length])
  }

  get options(): BackendOptions {
    const { order } = this
    const shards = order.map((endpoint, at) => ({
      endpoints: [endpoint],
      ...(this.isPrefixed && at === order.length - 1 ? { prefixes: PREFIXES } : {}),
    }))
    return { name: 'main', shards, check: null }
  }

  /** Keys are divided otherwise from now on. */
  change(): BackendOptions {
    this.hasChanged = true
    this.turn++
    return this.options
  }

  /** Returns the name of the server that has this key. */
  ownerOf(key: string): string {
    const { order } = this
    if (this.isPrefixed && PREFIXES.some((each) => key.startsWith(each))) return order[order.length - 1].name
    const sharing = this.isPrefixed ? order.slice(0, -1) : order
    const slot = slotOfKey(key)
    return sharing.find((_, at) => slot < shareOf(at, sharing.length)[1])?.name ?? ''
  }
}
