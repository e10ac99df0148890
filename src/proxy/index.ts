// The exchange: a request and its response, between a frontend and a backend of either HTTP version.

export { type Automaton, automatonOf, PatternError } from './automaton.js'
export { Backend, type ExchangeSession, type SessionsFor, type Share } from './backend.js'
export { changes } from './changes.js'
export { type Automata, patternsIn, type RouteRequest, type RouterRoute } from './compiled-route.js'
export { ConnectPattern, type ConnectTarget } from './connect-pattern.js'
export { ConnectPolicy } from './connect-policy.js'
export { Exchange } from './exchange.js'
export { exchangeLife, exchangeSteps } from './exchange-steps.js'
export { fieldValue } from './field-value.js'
export { type CheckedEndpoint, type CheckReport, HealthCheck } from './health-check.js'
export { HostPattern } from './host.js'
export { type ProxyLimits, proxyLimits } from './limits.js'
export { GRPC_STATUS } from './own-answer.js'
export {
  ambiguityOf,
  normalised,
  normalisedTarget,
  type RequestPath,
  readings,
  readPath,
  routePath,
} from './path.js'
export { Pattern } from './pattern.js'
export { type ExchangeWatcher, ReverseProxy } from './proxy.js'
export { locationOf, type RedirectAction, type RedirectRequest } from './redirect.js'
export { CLEAR_TEXT, type Refusal } from './refusal.js'
export type { PathOptions, RetryOptions, RouteAction, RouteMatch, Timeouts, ValueMatch } from './route.js'
export { NEVER } from './route.js'
export { type Route, RouteTable } from './route-table.js'
export { AMBIGUOUS, type Explanation, Router } from './routing.js'
export { type TcpLimits, tcpSessions } from './tcp-session.js'
export { Weighted } from './weighted.js'
