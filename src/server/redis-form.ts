// The short form of a configuration for Redis: the settings of `fermata redis`, with defaults for the
// rest. All listeners lead to one backend, whose name is its first server.

import {
  type AccessLogConfig,
  accessLogConfig,
  type Configuration,
  type RedisBackendConfig,
} from '../config/index.js'
import type { Share } from '../redis/index.js'
import type { RedisShard } from './redis-shards.js'
import {
  backendTlsOf,
  type CommandForm,
  listenersOf,
  NO_SOURCE,
  type ServerForm,
  settingsOfServer,
} from './short-form.js'

export interface RedisForm extends ServerForm, CommandForm {
  /** True: the servers are spoken to over TLS. */
  readonly secure: boolean
  readonly shards: readonly RedisShard[]
  /** Nodes of a cluster, in place of shards; empty: it is none. */
  readonly seeds: readonly string[]
  readonly share: Share
  /** Commands that stop, halt or replace a server are allowed. */
  readonly allowAdmin: boolean
  readonly accessLog?: CommandLogForm
}

/** The access log of commands. */
export interface CommandLogForm {
  readonly file: string
  readonly format?: AccessLogConfig['format'] | undefined
  /** In ms. */
  readonly slowerThan?: number | undefined
}

function backendOf(form: RedisForm): RedisBackendConfig {
  const { secure, shards, seeds } = form
  return {
    name: seeds[0] ?? shards[0].endpoint,
    source: NO_SOURCE,
    sources: {},
    secure,
    shards: shards.map(({ endpoint, prefixes }) => ({ endpoints: [endpoint], prefixes, source: NO_SOURCE })),
    cluster: seeds.length === 0 ? null : { seeds, addresses: {}, source: NO_SOURCE },
    tls: backendTlsOf(form),
    check: null,
  }
}

/** Makes the configuration. Calls `certificates` once. */
export function redisConfigurationOf(form: RedisForm): Configuration {
  const backend = backendOf(form)
  const { accessLog } = form
  const redis = { backend: backend.name, share: form.share, allowAdmin: form.allowAdmin }
  return {
    ...settingsOfServer(form),
    listeners: listenersOf(form).map((each) => ({ ...each, redis })),
    connect: [],
    redisBackends: [backend],
    backends: [],
    routes: [],
    accessLog: accessLog === undefined ? null : accessLogConfig({ file: accessLog.file }, accessLog),
  }
}
