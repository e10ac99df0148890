// Serves Redis: `fermata redis`.

import type { StandardError } from '../pollset/index.js'
import { ConfigError } from './address.js'
import { checkRedisTogether } from './combinations.js'
import { exitCodes } from './exit-codes.js'
import { checkLimits, defaultLimits, limitsWith } from './limits.js'
import { openLog } from './open-log.js'
import { redisOrigin } from './origins.js'
import { parseRedisBackend, parseRedisListen } from './redis-address.js'
import type { RedisCommandOptions } from './redis-command.js'
import type { RedisForm } from './redis-form.js'
import { seedsOf, shardsOf } from './redis-shards.js'
import { announce, type Served, serverFormOf, serverOf, start, writeLine } from './serving.js'

/** Starts the server. Throws a {@link ConfigError} if options do not go together. */
export function serveRedis(options: RedisCommandOptions): void {
  const { backend, cluster, share, limit = {} } = options
  const { accessLog, accessLogFormat, accessLogSlowerThan } = options
  if (backend === undefined && cluster === undefined)
    throw new ConfigError('--backend is missing: fermata redis --backend 127.0.0.1:6379')
  const listen = options.listen ?? [parseRedisListen('127.0.0.1:6380')]
  const servers = (backend ?? cluster ?? []).map(parseRedisBackend)
  const places = {
    secure: servers[0].secure,
    shards: cluster === undefined ? shardsOf(options, servers) : [],
    seeds: cluster === undefined ? [] : seedsOf(options, servers),
  }
  checkRedisTogether(options, listen, places.secure)
  checkLimits(limitsWith(defaultLimits, limit))
  const formOf = (): RedisForm => ({
    ...serverFormOf(options),
    ...places,
    listen,
    share,
    allowAdmin: options.allowAdmin === true,
    ...(accessLog === undefined
      ? {}
      : { accessLog: { file: accessLog, format: accessLogFormat, slowerThan: accessLogSlowerThan } }),
  })
  const log: StandardError = openLog(limit)
  let server: Served
  try {
    server = serverOf(options, redisOrigin(formOf()), log)
  } catch (error) {
    writeLine(`error: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = exitCodes.USAGE
    return
  }
  announce(server, {
    listeners: listen.length,
    lines: () => placeLines(places),
    isRedis: () => true,
    reloads: 'certificates were',
  })
  start(server, log, () => {})
}

/** Returns the lines about the servers of keys. */
function placeLines({ shards, seeds }: Pick<RedisForm, 'shards' | 'seeds'>): string[] {
  if (seeds.length > 0) return [`keys are in the Redis Cluster of ${seeds.join(', ')}`]
  const slots = shards.filter(({ prefixes }) => prefixes.length === 0).map(({ endpoint }) => endpoint)
  return [
    slots.length === 1 ? `keys are on ${slots[0]}` : `keys are divided by slots: ${slots.join(', ')}`,
    ...shards.flatMap(({ endpoint, prefixes }) =>
      prefixes.map((each) => `keys that begin with ${each} are on ${endpoint}`),
    ),
  ]
}
