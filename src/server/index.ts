// fermata-proxy: a reverse proxy made in one call.

export type { App, BackendChooser, ChooserRequest } from '../config/index.js'
export type { Address, Certificate } from '../pollset/index.js'
export { ConfigError, type Listen } from './address.js'
export {
  createServer,
  type DocumentServerOptions,
  type ProxyServer,
  type ProxyServerOptions,
} from './create-server.js'
export { type BackendInput, defineConfig, type RouteInput, type ServerConfig } from './define-config.js'
export { createProxy, type HttpProxy } from './embedding/create-proxy.js'
export { type ErrorCallback, ProxyError, type ProxyEvents, type TunnelView } from './embedding/events.js'
export type { FastifyPlugin, FastifyPluginOptions } from './embedding/fastify.js'
export type { KoaContext, Middleware } from './embedding/mounts.js'
export type {
  PathRewrite,
  ProxyOptions,
  ProxyReply,
  ProxyRequest,
  ProxyTimeouts,
  ProxyTls,
  RequestOptions,
  Target,
  TargetChoice,
  TransformedHead,
} from './embedding/options.js'
export type { OutgoingRequest } from './embedding/outgoing-request.js'
export type { ProxyResponse } from './embedding/proxy-response.js'
export { BodyReadError } from './embedding/read-body.js'
export type { TargetUrl } from './embedding/target-url.js'
export type { Emitter, EventMap } from './emitter.js'
export type { ExchangeReport, LiveExchange } from './exchange-views.js'
export { defaultLimits, type Limits, limitsByRoom, limitsWith, type SomeLimits } from './limits.js'
export type { Level, Logger, LogOutput, LogTarget } from './line-logger.js'
export type { ConfigurationDocument, Routing } from './origins.js'
export type { RuntimeBackend, RuntimeBackends, RuntimeEndpoint, RuntimeRoutes } from './runtime.js'
export { type ProxyServerEvents, ServerError } from './server-events.js'
export type { ServerCertificates } from './server-options.js'
export type { BackendTls } from './short-form.js'
