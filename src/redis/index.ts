// fermata-proxy/redis: a proxy for Redis on pollset, continuation, transport and engine. It knows no HTTP.

export {
  type BackendOptions,
  type EndpointOptions,
  RedisBackend,
  RedisEndpoint,
  type RedisEvents,
} from './backend.js'
export { Command } from './command.js'
export { commandLife } from './command-steps.js'
export { COMMANDS, type CommandInfo, commandNamed, KINDS, type Kind, subcommandNamed } from './commands.js'
export { RedisFrontend } from './frontend.js'
export { type PingOptions, pingLife } from './health.js'
export { type RedisLimits, redisLimits } from './limits.js'
export { type RedisOptions, RedisProxy, type Share } from './redis-proxy.js'
export { RedisSession } from './session.js'
export type { RedisWorld } from './world.js'
