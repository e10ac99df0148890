// fermata-proxy: a reverse proxy made in one call.

export type { Address, Certificate } from '../pollset/index.js'
export { ConfigError, type Listen } from './address.js'
export {
  createServer,
  type DocumentServerOptions,
  type ExchangeReport,
  type ProxyServer,
  type ProxyServerEvents,
  type ProxyServerOptions,
  ServerError,
} from './create-server.js'
export type { Emitter, EventMap } from './emitter.js'
export { defaultLimits, type Limits, limitsByRoom, limitsWith, type SomeLimits } from './limits.js'
export type { Level, Logger, LogOutput, LogTarget } from './line-logger.js'
export type { ConfigurationDocument, Routing } from './origins.js'
export type { ServerCertificates } from './server-options.js'
export type { BackendTls } from './short-form.js'
