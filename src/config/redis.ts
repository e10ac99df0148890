// Listeners and backends of Redis: their settings, and the checks that concern more than one key.

import type { RedisBackendConfig, RedisListenerConfig } from './configuration.js'
import type { Diagnostics, Path } from './diagnostics.js'
import { Sources } from './inheritance.js'
import type { Named, Names } from './parts.js'
import { ShardReading } from './redis-shards.js'
import type { BackendFile, ListenerFile } from './schema.js'

export const isRedis = (protocol: BackendFile['protocol']): protocol is 'redis' | 'rediss' =>
  protocol === 'redis' || protocol === 'rediss'

/** The settings of a listener that only Redis has. */
const OF_REDIS = ['backend', 'share', 'allowAdmin'] as const

/** Reads the settings of a listener for Redis; null if it serves HTTP. */
export function redisListenerOf(
  { value, document, path, name }: Named<ListenerFile>,
  names: Names,
  backends: ReadonlyMap<string, BackendFile>,
  diagnostics: Diagnostics,
): RedisListenerConfig | null {
  const error = (key: string, message: string): void =>
    diagnostics.error(document.keyPlace(path, key), [...path, key], message)
  if (value.protocol !== 'redis') {
    for (const key of OF_REDIS)
      if (value[key] !== undefined)
        error(key, `${key} is for Redis; write protocol: redis in this listener, or leave it out`)
    return null
  }
  if (value.protocols !== undefined)
    error('protocols', 'these are versions of HTTP, and the protocol is redis; leave it out')
  const { backend, share = 'auto', allowAdmin = false } = value
  if (backend === undefined) {
    if (!document.isDamaged(path))
      diagnostics.error(
        document.keyPlace(path.slice(0, -1), name),
        path,
        'a listener of Redis needs a backend; write backend: NAME',
      )
    return null
  }
  names.check('backends', backend, document, [...path, 'backend'])
  const to = backends.get(backend)
  if (to !== undefined && !isRedis(to.protocol))
    diagnostics.error(
      document.place([...path, 'backend']),
      [...path, 'backend'],
      `the backend ${backend} speaks ${to.protocol ?? 'http'}; write protocol: redis there, or name another`,
    )
  if (share === 'never' && ((to?.shards?.length ?? 0) > 1 || to?.cluster !== undefined))
    error(
      'share',
      `the backend ${backend} has several ${to?.cluster === undefined ? 'shards' : 'nodes'}, and a client with one session has one server; write auto`,
    )
  return { backend, share, allowAdmin }
}

/**
 * The settings that a backend of Redis does not have: clients choose database and user, and no
 * route leads to it.
 */
const NOT_OF_REDIS = [
  'discovery',
  'share',
  'sendProxy',
  'balance',
  'limits',
  'retryBudget',
  'timeouts',
  'retry',
] as const

/** Reads a backend of Redis. */
export function redisBackendOf(entry: Named<BackendFile>, diagnostics: Diagnostics): RedisBackendConfig {
  const { name, value, document, path } = entry
  const sources = new Sources()
  const shards = new ShardReading(entry, diagnostics)
  const own = <T>(key: string, at: Path, written: T | undefined, builtIn: T): T =>
    sources.own(key, document, [...path, ...at], written, builtIn)
  const error = (at: Path, message: string): void => {
    const whole = [...path, ...at]
    diagnostics.error(document.keyPlace(whole.slice(0, -1), String(whole.at(-1))), whole, message)
  }
  for (const key of NOT_OF_REDIS)
    if (value[key] !== undefined)
      error(
        [key],
        `a backend of Redis has endpoints, shards or a cluster, tls and health.active; leave ${key} out`,
      )
  const secure = value.protocol === 'rediss'
  if (!secure && value.tls !== undefined && !document.isDamaged(path))
    error(['tls'], 'the protocol redis has no TLS; write protocol: rediss, or leave out tls')
  const { tls, health } = value
  for (const key of ['passive', 'panic'] as const)
    if (health?.[key] !== undefined)
      error(['health', key], `a backend of Redis is checked by PING alone; leave ${key} out`)
  if (tls?.verify === false && tls.ca !== undefined)
    error(['tls', 'ca'], 'verify is false, so nothing is checked against it; leave out one')
  return {
    name,
    source: document.keyPlace(path.slice(0, -1), name),
    secure,
    shards: shards.read(),
    cluster: shards.readCluster(),
    tls: {
      ca: own<string | null>('tls.ca', ['tls', 'ca'], tls?.ca, null),
      name: own<string | null>('tls.name', ['tls', 'name'], tls?.name, null),
      verify: own('tls.verify', ['tls', 'verify'], tls?.verify, true),
    },
    check: checkOf(value.health?.active, own, error),
    sources: sources.all,
  }
}

type Active = NonNullable<NonNullable<BackendFile['health']>['active']>

function checkOf(
  active: Active | undefined,
  own: (key: string, at: Path, written: number | undefined, builtIn: number) => number,
  error: (at: Path, message: string) => void,
): RedisBackendConfig['check'] {
  if (active === undefined) return null
  const at = ['health', 'active']
  for (const key of ['http', 'grpc', 'tcp', 'initial'] as const)
    if (active[key] !== undefined)
      error([...at, key], `a backend of Redis is checked by PING; write ping: true, and leave ${key} out`)
  if (active.ping !== true) error(at, 'a check of Redis needs a kind; write ping: true')
  return {
    intervalMs: own('health.active.intervalMs', [...at, 'interval'], active.interval, 10_000),
    timeoutMs: own('health.active.timeoutMs', [...at, 'timeout'], active.timeout, 2_000),
    healthy: own('health.active.healthy', [...at, 'healthy'], active.healthy, 2),
    unhealthy: own('health.active.unhealthy', [...at, 'unhealthy'], active.unhealthy, 3),
  }
}
