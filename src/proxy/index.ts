// The exchange: a request and its response, between a frontend and a backend of either HTTP version.

export { addressKey } from './address-key.js'
export { type Automaton, automatonOf, PatternError } from './automaton.js'
export { Backend, type BackendOptions, backendOptions } from './backend.js'
export { Chance } from './chance.js'
export { changes } from './changes.js'
export {
  type Automata,
  compiledRoutes,
  patternsIn,
  type RouteRequest,
  type RouterRoute,
} from './compiled-route.js'
export { ConnectPattern, type ConnectTarget } from './connect-pattern.js'
export { ConnectPolicy } from './connect-policy.js'
export { Discovery, type DiscoveryOptions, discoveryLife, type FoundEndpoint } from './discovery.js'
export { Endpoint } from './endpoint.js'
export { EngineSet, type ExchangeSession, type SessionsFor, type Share } from './engine-set.js'
export { type EndedAttempt, Exchange } from './exchange.js'
export {
  defaultFieldNames,
  defaultRedaction,
  exchangeFields,
  type Hiding,
  hidingBy,
  methodOf,
  type Redaction,
} from './exchange-fields.js'
export { exchangeLife } from './exchange-life.js'
export { exchangeSteps } from './exchange-steps.js'
export { fieldValue } from './field-value.js'
export * from './filter/index.js'
export { forward } from './forwarding.js'
export { type CheckedEndpoint, type CheckReport, HealthCheck } from './health-check.js'
export { defaultPort, HostPattern, readHost } from './host.js'
export { endingSetting } from './lateness.js'
export { type ProxyLimits, proxyLimits } from './limits.js'
export { type OutcomeSide, outcomeSides, sideOf } from './outcomes.js'
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
export { matchesNoPath, Pattern } from './pattern.js'
export { type ExchangeWatcher, ReverseProxy } from './proxy.js'
export { leadsToItself, locationOf, type RedirectAction, type RedirectRequest } from './redirect.js'
export {
  AMBIGUOUS_PATH,
  BODY_TOO_LARGE,
  CHECKS_FULL,
  CLEAR_TEXT,
  DENIED,
  FAULT_INJECTED,
  FILTER_BUSY,
  FILTER_FAILED,
  FILTER_LATE,
  IN_FLIGHT_FULL,
  IN_FLIGHT_LATE,
  NO_HOST,
  NO_ROUTE,
  QUEUE_FULL,
  RATE_LIMITED,
  REQUEST_LATE,
  type Refusal,
  refusal,
  UNAUTHORIZED,
} from './refusal.js'
export { cookieValue } from './request-view.js'
export type { PathOptions, RetryOptions, RouteAction, RouteMatch, Timeouts, ValueMatch } from './route.js'
export { NEVER } from './route.js'
export {
  CONNECT_MS_MAX,
  type CompiledAction,
  NO_ACTION,
  Route,
  type RouteSettings,
  settingsOf,
} from './routes.js'
export { AMBIGUOUS, type Explanation, Router } from './routing.js'
export { stepTimeNames } from './step-times.js'
export { type TcpLimits, tcpSessions } from './tcp-session.js'
export { type ClientView, TrustedProxies } from './trusted-proxies.js'
export { DURATION_UNITS, durationText, inUnit } from './unit-text.js'
export { Weighted } from './weighted.js'
