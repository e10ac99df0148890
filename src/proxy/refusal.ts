// The answers of our own to a request that cannot be served, and what they say (spec/exchange.md).

import { type FieldTable, type Head, responseHead, Token } from '../http/index.js'

export interface Refusal {
  readonly status: number
  /** Stable, kebab-case: for the log, and for the one who asks why. */
  readonly code: string
  readonly text: string
}

export const refusal = (status: number, code: string, text: string): Refusal => ({ status, code, text })

export const CLEAR_TEXT = refusal(
  400,
  'clear-text',
  'this port speaks HTTP over TLS, and the request came in clear text: use https://',
)
export const NO_ROUTE = refusal(404, 'no-route', 'no route is configured for this host and path')
export const NO_CONNECT = refusal(501, 'connect-not-served', 'CONNECT is not supported here')
export const NO_PROTOCOL = refusal(
  501,
  'protocol-not-served',
  'only the websocket protocol is supported for extended CONNECT',
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
  'the backend answered the request to switch to WebSocket with a success that is not a 101',
)
export const CONNECT_LATE = refusal(504, 'connect-late', 'the target could not be reached in time')
export const LEASE_LATE = refusal(503, 'lease-late', 'no connection to the backend was free in time')
export const QUEUE_FULL = refusal(503, 'queue-full', 'too many requests are waiting for the backend')
export const RETRIES_SPENT = refusal(
  503,
  'retries-spent',
  'the backend refused the request each time it was sent',
)
export const RETRY_LATE = refusal(504, 'retry-late', 'retry timeout exceeded')
export const HEAD_LATE = refusal(504, 'head-late', 'the backend did not answer in time')
export const REQUEST_LATE = refusal(408, 'request-late', 'the request did not come whole in time')
export const STALLED = refusal(503, 'stall', 'memory ran short while the request waited for the backend')

/** 502, for a fault of the backend's or of the way to it. */
export const badGateway = (code: string, text: string): Refusal => refusal(502, code, text)

/** A text answer: its body, and the head to go before it. */
export function answer(
  fields: FieldTable,
  status: number,
  text: string,
  more: readonly [string, string][] = [],
): { head: Head; body: Buffer } {
  const body = Buffer.from(text, 'utf8')
  const head = responseHead(
    fields.field(':status', String(status)),
    [
      ...more.map(([name, value]) => fields.make(name, value)),
      fields.field('content-type', 'text/plain; charset=utf-8'),
      fields.field('content-length', String(body.length)),
    ],
    body.length,
  )
  return { head, body }
}

// gRPC

const UNKNOWN = 2
/** What a refusal's HTTP status becomes (spec/exchange.md, Refusals of gRPC requests). */
export const GRPC_STATUS: ReadonlyMap<number, number> = new Map([
  [404, 12],
  [408, 4],
  [501, 12],
  [502, 14],
  [503, 14],
  [504, 4],
])

/** Its content-type is gRPC's own: `application/grpc`, with or without `+FORMAT` and parameters. */
export function isGrpc(request: Head): boolean {
  const type = request.find(Token.CONTENT_TYPE)
  return type !== null && /^application\/grpc(?:$|[+;\s])/i.test(type.value)
}

/** Octets outside of SP to `~`, and `%`, as `%XX` (gRPC's PROTOCOL-HTTP2.md). */
const percentEncoded = (text: string): string =>
  Array.from(Buffer.from(text, 'utf8'), (octet) =>
    octet < 0x20 || octet > 0x7e || octet === 0x25
      ? `%${octet.toString(16).toUpperCase().padStart(2, '0')}`
      : String.fromCharCode(octet),
  ).join('')

/** A refusal as a gRPC client reads it: Trailers-Only, nothing follows the head. */
export function grpcAnswer(fields: FieldTable, { status, code, text }: Refusal): Head {
  const lines: readonly [string, string][] = [
    ['content-type', 'application/grpc'],
    ['grpc-status', String(GRPC_STATUS.get(status) ?? UNKNOWN)],
    ['grpc-message', percentEncoded(text).trim()],
    ['x-fermata', code],
  ]
  return responseHead(
    fields.field(':status', '200'),
    lines.map(([name, value]) => fields.make(name, value)),
    -1,
  )
}
