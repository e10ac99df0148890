// The shards of a backend of Redis: the servers of each, and the keys that it has; or the cluster that it is.

import type { RedisClusterConfig, RedisShardConfig } from './configuration.js'
import type { Diagnostics, Path } from './diagnostics.js'
import type { Named } from './parts.js'
import type { BackendFile } from './schema.js'

type Endpoints = NonNullable<BackendFile['endpoints']> | readonly string[]

const NODE = /^.+:\d{1,5}$/

export class ShardReading {
  private readonly entry: Named<BackendFile>
  private readonly diagnostics: Diagnostics
  private readonly addresses = new Set<string>()
  private readonly prefixes = new Set<string>()

  constructor(entry: Named<BackendFile>, diagnostics: Diagnostics) {
    this.entry = entry
    this.diagnostics = diagnostics
  }

  /** Returns the cluster; null if it is none. */
  readCluster(): RedisClusterConfig | null {
    const { value, document, path } = this.entry
    const { cluster } = value
    if (cluster === undefined) return null
    const { seeds, addresses = {} } = cluster
    const source = document.keyPlace(path, 'cluster')
    for (const [at, each] of seeds.entries()) this.checkNode(each, ['cluster', 'seeds', at])
    for (const [name, each] of Object.entries(addresses)) {
      if (!NODE.test(name))
        this.error(['cluster', 'addresses', name], `${name} is not HOST:PORT, as nodes name each other`)
      this.checkNode(each, ['cluster', 'addresses', name])
    }
    return { seeds: this.endpointsOf(seeds, ['cluster', 'seeds']), addresses, source }
  }

  private checkNode(address: string, at: Path): void {
    if (address.startsWith('unix:'))
      this.error(at, 'nodes of a cluster name each other by HOST:PORT; write one')
  }

  /** Returns the shards; endpoints without shards are those of the only one. */
  read(): readonly RedisShardConfig[] {
    const { name, value, document, path } = this.entry
    const { endpoints, shards, cluster } = value
    if (cluster !== undefined) {
      for (const key of ['endpoints', 'shards'] as const)
        if (value[key] !== undefined)
          this.error([key], `a cluster names its servers itself; leave out ${key}, or cluster`)
      return []
    }
    if (shards === undefined) {
      const source = document.keyPlace(path.slice(0, -1), name)
      if (endpoints === undefined && !document.isDamaged(path))
        this.error(
          [],
          'a backend of Redis needs endpoints or shards, or a cluster; write endpoints: [HOST:PORT]',
        )
      return [{ endpoints: this.endpointsOf(endpoints ?? [], ['endpoints']), prefixes: [], source }]
    }
    if (endpoints !== undefined)
      this.error(['endpoints'], 'shards are written too, each with its endpoints; leave out one')
    const read = shards.map((each, at) => ({
      endpoints: this.endpointsOf(each.endpoints, ['shards', at, 'endpoints']),
      prefixes: this.prefixesOf(each.prefixes ?? [], ['shards', at, 'prefixes']),
      source: document.place([...path, 'shards', at]),
    }))
    if (read.every(({ prefixes }) => prefixes.length > 0))
      this.error(['shards'], 'keys with other prefixes are nowhere; write a shard without prefixes')
    return read
  }

  private endpointsOf(endpoints: Endpoints, at: Path): readonly string[] {
    return endpoints.map((each, place) => {
      const address = typeof each === 'string' ? each : each.address
      if (typeof each !== 'string' && each.weight !== undefined)
        this.error([...at, place, 'weight'], 'the first endpoint that is up is used; leave weight out')
      if (this.addresses.has(address))
        this.error([...at, place], `the endpoint ${address} is written twice; leave out one`)
      this.addresses.add(address)
      return address
    })
  }

  private prefixesOf(prefixes: readonly string[], at: Path): readonly string[] {
    for (const [place, each] of prefixes.entries()) {
      if (this.prefixes.has(each))
        this.error([...at, place], `the prefix ${JSON.stringify(each)} is written twice; leave out one`)
      this.prefixes.add(each)
    }
    return prefixes
  }

  private error(at: Path, message: string): void {
    const { document, path } = this.entry
    const whole = [...path, ...at]
    const last = whole.at(-1)
    const place =
      typeof last === 'number' ? document.place(whole) : document.keyPlace(whole.slice(0, -1), String(last))
    this.diagnostics.error(place, whole, message)
  }
}
