// The servers of `fermata redis` and their shares of the keys: --backend and --prefix, or --cluster.

import { formatAddress } from '../pollset/index.js'
import type { Share } from '../redis/index.js'
import { ConfigError } from './address.js'
import { parseRedisBackend, type RedisAddress } from './redis-address.js'

/** A server, and its share of the keys: those that begin with one of the prefixes, or a part of the slots. */
export interface RedisShard {
  /** `HOST:PORT` or `unix:PATH` */
  readonly endpoint: string
  readonly prefixes: readonly string[]
}

/** A prefix of keys that are on this server. */
export interface KeyPrefix {
  readonly prefix: string
  readonly backend: string
}

interface ShardOptions {
  readonly share: Share
  readonly backend?: readonly string[]
  readonly prefix?: readonly KeyPrefix[]
}

/** Parses `PREFIX=BACKEND`. Throws a {@link ConfigError}. */
export function parsePrefix(text: string): KeyPrefix {
  const at = text.lastIndexOf('=')
  if (at < 1) throw new ConfigError(`'${text}': write PREFIX=HOST:PORT, as in session:=10.0.0.5:6379`)
  parseRedisBackend(text.slice(at + 1))
  return { prefix: text.slice(0, at), backend: text.slice(at + 1) }
}

/**
 * Returns the shards that --backend and --prefix name.
 * Throws a {@link ConfigError} if they do not go together.
 */
export function shardsOf(
  { share, prefix = [] }: ShardOptions,
  backends: readonly RedisAddress[],
): RedisShard[] {
  const all = [...backends, ...prefix.map(({ backend }) => parseRedisBackend(backend))]
  if (all.length > 1 && share === 'never')
    throw new ConfigError('--share never needs one --backend: a client that has one session has one server')
  if (new Set(all.map(({ secure }) => secure)).size > 1)
    throw new ConfigError('several backends speak all TLS (rediss://), or none')
  const byPrefix = new Map<string, { readonly endpoint: string; readonly prefixes: string[] }>()
  const names = new Set<string>()
  for (const name of backends.map(formatAddress)) {
    if (names.has(name)) throw new ConfigError(`--backend ${name} is given twice`)
    names.add(name)
  }
  const met = new Set<string>()
  for (const { prefix: keys, backend: text } of prefix) {
    const name = formatAddress(parseRedisBackend(text))
    if (met.has(keys)) throw new ConfigError(`--prefix ${keys} is given twice`)
    if (names.has(name))
      throw new ConfigError(
        `--prefix ${keys}=${text}: this server is a --backend too, and has a share of all keys`,
      )
    met.add(keys)
    const shard = byPrefix.get(name) ?? { endpoint: name, prefixes: [] }
    shard.prefixes.push(keys)
    byPrefix.set(name, shard)
  }
  return [...[...names].map((endpoint) => ({ endpoint, prefixes: [] })), ...byPrefix.values()]
}

/**
 * Returns the nodes of a cluster that --cluster names.
 * Throws a {@link ConfigError} if something beside it does not go with it.
 */
export function seedsOf(
  { share, backend, prefix }: ShardOptions,
  seeds: readonly RedisAddress[],
): readonly string[] {
  if (backend !== undefined || prefix !== undefined)
    throw new ConfigError('--cluster names its servers itself: leave out --backend and --prefix')
  if (share === 'never')
    throw new ConfigError(
      '--share never does not go with --cluster: a client that has one session has one server',
    )
  if (new Set(seeds.map(({ secure }) => secure)).size > 1)
    throw new ConfigError('several --cluster speak all TLS (rediss://), or none')
  const names = seeds.map(formatAddress)
  const twice = names.find((each, at) => names.indexOf(each) < at)
  if (twice !== undefined) throw new ConfigError(`--cluster ${twice} is given twice`)
  return names
}
