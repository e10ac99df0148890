// Explains the treatment of a client of Redis by a configuration: its listener and certificate, and the
// servers to which its commands may go.

import {
  type Configuration,
  placeText,
  type RedisBackendConfig,
  type RedisShardConfig,
  type Source,
} from '../config/index.js'
import { certificateFor } from '../pollset/index.js'
import { shareOf } from '../redis/index.js'
import { ConfigError, parseListen } from './address.js'
import type { Explained } from './explain.js'
import { parseRedisBackend } from './redis-address.js'

export const isRedisUrl = (url: string): boolean => /^rediss?:\/\//.test(url)

const line = (about: string, value: string, source: Source | null = null): Explained => ({
  about,
  value,
  place: source === null || source.line < 0 ? '' : placeText(source),
})

const SHARES = {
  never: 'each client has a connection of its own',
  auto: 'clients share connections, unless a command needs one of its own',
  always: 'clients share connections, and what needs one of its own is refused',
} as const

/** Returns a text about the keys of a shard. @param sharing the shards that divide the slots */
function keysText(shard: RedisShardConfig, sharing: readonly RedisShardConfig[]): string {
  if (shard.prefixes.length > 0)
    return `those that begin with ${shard.prefixes.map((each) => JSON.stringify(each)).join(' or ')}`
  const [first, end] = shareOf(sharing.indexOf(shard), sharing.length)
  return `slots ${first} to ${end - 1}`
}

/**
 * Explains the treatment of a client that connects to this URL. Throws a {@link ConfigError} for a wrong URL.
 */
export function explainRedis(configuration: Configuration, url: string): readonly Explained[] {
  const { secure, host, port } = parseRedisBackend(url)
  const alike = configuration.listeners.filter(
    (each) => each.redis !== null && (each.tls !== null) === secure,
  )
  const found = alike.find(({ address }) => parseListen(address).port === port)
  if (found === undefined) {
    const others = alike.map(({ name, address }) => `${name}: ${address}`).join(', ')
    const hint = others === '' ? '' : `; write the port of one that does: ${others}`
    const kind = secure ? 'with TLS' : 'in clear text'
    return [line('listener', `none of Redis listens on port ${port} ${kind}${hint}`)]
  }
  const { redis, tls } = found
  if (redis === null) throw new ConfigError(`the listener ${found.name} does not speak Redis`)
  const lines = [line('listener', `${found.name}: ${found.address}`, found.source)]
  if (tls !== null) {
    const certificate = certificateFor(tls.certificates, host)
    lines.push(line('certificate', certificate.name, certificate.source))
  }
  lines.push(line('share', `${redis.share}: ${SHARES[redis.share]}`))
  lines.push(line('allowAdmin', redis.allowAdmin ? 'DEBUG, SHUTDOWN and the like pass' : 'they are refused'))
  const backend = configuration.redisBackends.find(({ name }) => name === redis.backend) as RedisBackendConfig
  lines.push(line('backend', `${backend.name}${backend.secure ? ', over TLS' : ''}`, backend.source))
  const sharing = backend.shards.filter(({ prefixes }) => prefixes.length === 0)
  for (const shard of backend.shards) {
    if (backend.shards.length > 1) lines.push(line('keys', keysText(shard, sharing), shard.source))
    for (const [at, endpoint] of shard.endpoints.entries())
      lines.push(line(at === 0 ? 'endpoint' : 'or endpoint', endpoint))
  }
  const { cluster } = backend
  if (cluster !== null) {
    lines.push(line('cluster', 'its nodes tell which of them has a key', cluster.source))
    for (const each of cluster.seeds) lines.push(line('seed', each))
    for (const [name, each] of Object.entries(cluster.addresses))
      lines.push(line('address', `${name} is ${each}`))
  }
  const { check } = backend
  const text = check === null ? 'none: the first endpoint is used' : `PING, each ${check.intervalMs} ms`
  lines.push(line('check', text, check === null ? null : backend.sources['health.active.intervalMs']))
  return lines
}
