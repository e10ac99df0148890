// Writes our own answers and refusals, as text or as gRPC reads them (spec/exchange.md).

import { type FieldTable, Head, RESET, SENT, Token } from '../http/index.js'
import type { Exchange } from './exchange.js'
import type { OwnAnswer } from './forwarding.js'
import { endingSetting } from './lateness.js'
import type { Refusal } from './refusal.js'

type FieldLines = readonly (readonly [string, string])[]

const PLAIN_TEXT: readonly [string, string] = ['content-type', 'text/plain; charset=utf-8']

/** Answers in the backend's place, and waits until the answer has left. */
export function respond(x: Exchange, { status, text, fields: more }: OwnAnswer): void {
  const { fields } = x.proxy.world
  const body = Buffer.from(text, 'utf8')
  // A response without content has no content-length (RFC 9110 §8.6).
  const bodiless = status === 204 || status === 304
  const hasType = more.some(([name]) => name === 'content-type')
  const lines: FieldLines = bodiless
    ? more
    : [...more, ...(hasType ? [] : [PLAIN_TEXT]), ['content-length', String(body.length)]]
  const bare = x.request.method?.value === 'HEAD' || body.length === 0
  send(x, headOf(fields, status, lines, body.length), bare ? null : body)
}

/** Sends a refusal in the form that the client's library reads, and waits until it has left. */
export function sendRefusal(x: Exchange, refusal: Refusal): void {
  const { status, code } = refusal
  // Clients may know what they did wrong. What is wrong behind the proxy is told where the route allows it.
  const setting = endingSetting(x, code)
  const detail = setting === null ? refusal.text : `${refusal.text}: ${setting}`
  const text = status < 500 || x.route.detailed ? `: ${detail}` : ''
  const tells = `${code} (${x.id})${text}`
  if (isGrpc(x.request)) send(x, grpcHead(x.proxy.world.fields, refusal, tells), null)
  else {
    const line = `${status} ${tells}\n`
    respond(x, { status, outcome: code, text: line, fields: [['x-fermata', code]] })
  }
}

function send(x: Exchange, head: Head, body: Buffer | null): void {
  const { frontend } = x
  x.proxy.world.date.stamp(head)
  x.status = head.status
  frontend.sendHead(head, body === null)
  if (body !== null) frontend.sendWhole(body)
  // A stalled stream has a fault but still takes its answer. A lost stream cancels the exchange.
  x.waitOn(0, frontend, SENT | (frontend.fault === null ? RESET : 0))
}

const headOf = (fields: FieldTable, status: number, lines: FieldLines, length: number): Head =>
  Head.response(
    [fields.field(':status', String(status)), ...lines.map(([name, value]) => fields.make(name, value))],
    undefined,
    length,
  )

// gRPC

const UNKNOWN = 2
/** The gRPC status for each HTTP status of a refusal (spec/exchange.md, Refusals of gRPC requests). */
export const GRPC_STATUS: ReadonlyMap<number, number> = new Map([
  [404, 12],
  [408, 4],
  [501, 12],
  [502, 14],
  [503, 14],
  [504, 4],
])

/** The content-type is `application/grpc`, with or without `+FORMAT` and parameters. */
export function isGrpc(request: Head): boolean {
  const type = request.find(Token.CONTENT_TYPE)
  return type !== null && /^application\/grpc(?:$|[+;\s])/i.test(type.value)
}

/** Encodes bytes outside of SP to `~`, and `%`, as `%XX` (gRPC's PROTOCOL-HTTP2.md). */
const percentEncoded = (text: string): string =>
  Array.from(Buffer.from(text, 'utf8'), (octet) =>
    octet < 0x20 || octet > 0x7e || octet === 0x25
      ? `%${octet.toString(16).toUpperCase().padStart(2, '0')}`
      : String.fromCharCode(octet),
  ).join('')

/** Returns a refusal as a gRPC client reads it: Trailers-Only, a head without a body. */
const grpcHead = (fields: FieldTable, { status, code }: Refusal, text: string): Head =>
  headOf(
    fields,
    200,
    [
      ['content-type', 'application/grpc'],
      ['grpc-status', String(GRPC_STATUS.get(status) ?? UNKNOWN)],
      ['grpc-message', percentEncoded(text).trim()],
      ['x-fermata', code],
    ],
    -1,
  )
