// The exchange: a request and its response, from whichever frontend to whichever backend.

export { ConnectPattern, Connects, type ConnectTarget } from './connect.js'
export { Exchange } from './exchange.js'
export { exchangeLife, exchangeSteps } from './exchange-steps.js'
export { HostPattern } from './host.js'
export { type ProxyLimits, proxyLimits } from './limits.js'
export { type ExchangeWatcher, ReverseProxy } from './proxy.js'
export { CLEAR_TEXT, GRPC_STATUS, type Refusal } from './refusal.js'
export {
  Backend,
  type ExchangeSession,
  type Route,
  RouteTable,
  type SessionsFor,
  type Share,
} from './routing.js'
