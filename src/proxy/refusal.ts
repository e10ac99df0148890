// The refusals: the reasons why a request cannot be served, by status and code (spec/exchange.md).
// own-answer.ts sends them.

/** The reason why a request is not served. */
export interface Refusal {
  readonly status: number
  /** Names the reason in `x-fermata` and the log. Stable, kebab-case. */
  readonly code: string
  /** Human-readable. Sent to clients, so it must not tell internals. */
  readonly text: string
  /** The fields of the answer, such as `retry-after`. */
  readonly fields?: readonly (readonly [string, string])[]
}

export const refusal = (status: number, code: string, text: string): Refusal => ({ status, code, text })

export const CLEAR_TEXT = refusal(
  400,
  'clear-text',
  'this port speaks HTTP over TLS, and the request came in clear text: use https://',
)
export const NO_ROUTE = refusal(404, 'no-route', 'no route is configured for this host and path')
export const AMBIGUOUS_PATH = refusal(
  400,
  'path-ambiguous',
  'a backend could read this path as another one: write it without dot segments, //, backslashes, %2F and %25',
)
export const NO_HOST = refusal(400, 'no-host', 'the request names no host to redirect to')
export const NO_ENDPOINT = refusal(503, 'no-endpoint', 'no endpoint of the backend is healthy')
export const REQUESTS_FULL = refusal(503, 'requests-full', 'too many requests run on the backend')
export const NO_CONNECT = refusal(501, 'connect-not-served', 'CONNECT is not supported here')
export const UNSUPPORTED_PROTOCOL = refusal(
  501,
  'protocol-not-served',
  'the route does not allow this protocol of Upgrade or extended CONNECT',
)
export const TUNNELS_FULL = refusal(503, 'tunnels-full', 'too many tunnels are open')
export const NO_TUNNEL = refusal(
  502,
  'backend-without-tunnels',
  "the backend's SETTINGS do not allow extended CONNECT (RFC 8441)",
)
export const DECLINED = refusal(
  502,
  'upgrade-declined',
  'the backend answered the WebSocket handshake with a success other than 101',
)
export const CONNECT_LATE = refusal(504, 'connect-late', 'the target could not be reached in time')
export const LEASE_LATE = refusal(503, 'lease-late', 'no connection to the backend was free in time')
export const QUEUE_FULL = refusal(503, 'queue-full', 'too many requests are waiting for the backend')
export const RETRIES_SPENT = refusal(
  503,
  'retries-spent',
  'the backend refused the request each time it was sent',
)
export const BY_DEBUGGER = refusal(503, 'by-debugger', 'a debugger refused the request')
export const RETRY_LATE = refusal(504, 'retry-late', 'retry timeout exceeded')
export const HEAD_LATE = refusal(504, 'head-late', 'the backend did not answer in time')
export const REQUEST_LATE = refusal(408, 'request-late', 'the client did not send the whole request in time')
export const DENIED = refusal(403, 'denied', 'access is denied')
export const UNAUTHORIZED = refusal(401, 'unauthorized', 'the request needs credentials that are accepted')
export const CHECKS_FULL = refusal(503, 'checks-full', 'too many credentials are being checked')
export const RATE_LIMITED = refusal(429, 'rate-limited', 'too many requests')
export const IN_FLIGHT_FULL = refusal(429, 'in-flight-full', 'too many requests are in flight')
export const IN_FLIGHT_LATE = refusal(
  503,
  'in-flight-late',
  'too many requests are in flight, and none has ended in time',
)
export const FAULT_INJECTED = refusal(503, 'fault-injected', 'the fault that the configuration asks for')
export const BODY_TOO_LARGE = refusal(413, 'body-too-large', 'the body of the request is too large')
export const RESPONSE_TOO_LARGE = refusal(
  502,
  'response-too-large',
  "the backend's response is larger than a filter holds",
)
export const FILTER_FAILED = refusal(500, 'filter-failed', 'a filter failed')
export const FILTER_BUSY = refusal(503, 'filter-busy', 'too many requests wait for a filter')
export const FILTER_LATE = refusal(504, 'filter-late', 'a filter did not decide in time')
export const STALLED = refusal(503, 'stall', 'memory ran short while the request waited for the backend')

/** Returns a 502, for a fault of the backend or of the connection to it. */
export const badGateway = (code: string, text: string): Refusal => refusal(502, code, text)
