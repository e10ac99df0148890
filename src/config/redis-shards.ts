// The shards of a backend of Redis: the servers of each, and the keys that it has.

import type { RedisShardConfig } from './configuration.js'
import type { Diagnostics, Path } from './diagnostics.js'
import type { Named } from './parts.js'
import type { BackendFile } from './schema.js'

type Endpoints = NonNullable<BackendFile['endpoints']> | readonly string[]

export class ShardReading {
  private readonly entry: Named<BackendFile>
  private readonly diagnostics: Diagnostics
  private readonly addresses = new Set<string>()
  private readonly prefixes = new Set<string>()

  constructor(entry: Named<BackendFile>, diagnostics: Diagnostics) {
    this.entry = entry
    this.diagnostics = diagnostics
  }

  /** Returns the shards; endpoints without shards are those of the only one. */
  read(): readonly RedisShardConfig[] {
    const { name, value, document, path } = this.entry
    const { endpoints, shards } = value
    if (shards === undefined) {
      const source = document.keyPlace(path.slice(0, -1), name)
      if (endpoints === undefined && !document.isDamaged(path))
        this.error([], 'a backend of Redis needs endpoints or shards; write endpoints: [HOST:PORT]')
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
