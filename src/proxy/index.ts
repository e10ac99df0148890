// The exchange: a request and its response, between a frontend and a backend of either HTTP version.

export { Backend, type ExchangeSession, type SessionsFor, type Share } from './backend.js'
export { ConnectPattern, type ConnectTarget } from './connect-pattern.js'
export { ConnectPolicy } from './connect-policy.js'
export { Exchange } from './exchange.js'
export { exchangeLife, exchangeSteps } from './exchange-steps.js'
export { HostPattern } from './host.js'
export { type ProxyLimits, proxyLimits } from './limits.js'
export { GRPC_STATUS } from './own-answer.js'
export { type ExchangeWatcher, ReverseProxy } from './proxy.js'
export { CLEAR_TEXT, type Refusal } from './refusal.js'
export { type Route, RouteTable } from './route-table.js'
export { type TcpLimits, tcpSessions } from './tcp-session.js'
