// Writes our own answers and refusals, as text or in the form of gRPC (spec/exchange.md).

import { BODY, type Field, type FieldTable, Head, RESET, SENT, Token } from '../http/index.js'
import type { Exchange } from './exchange.js'
import type { AnswerSource } from './filter/answer-source.js'
import { DOWN } from './filter/bodies.js'
import type { OwnAnswer } from './forwarding.js'
import { endingSetting } from './lateness.js'
import { answerMs } from './limits.js'
import type { Refusal } from './refusal.js'

type FieldLines = readonly (readonly [string, string])[]

const NO_FIELDS: readonly Field[] = []
const NOTHING = Buffer.alloc(0)
const PLAIN_TEXT: readonly [string, string] = ['content-type', 'text/plain; charset=utf-8']

/** Our own answer before it is sent: filters may change its head. */
export interface Draft {
  readonly kind: 'answer' | 'refusal'
  head: Head
  /** The whole body; null for none. */
  body: Buffer | null
  /** A body that comes in time, in place of `body`. */
  readonly source: AnswerSource | null
  sent: boolean
  /** The time at which bytes of it last left, in ms of the pollset's clock; its making before. */
  movedAt: number
}

/** Makes an answer in place of the backend's. */
export function draftOf(x: Exchange, answer: OwnAnswer, kind: Draft['kind'] = 'answer'): Draft {
  const { status, text, fields: lines, prepared = NO_FIELDS, source = null, length = -1 } = answer
  const table = x.proxy.world.fields
  const body =
    source !== null ? NOTHING : typeof text === 'string' ? Buffer.from(text, 'utf8') : bytesOf(text)
  // A response without content has no content-length (RFC 9110 §8.6).
  const bodiless = status === 204 || status === 304
  const known = bodiless ? -1 : source === null ? body.length : length
  const fields = fieldsOf(table, status, prepared, lines)
  if (!bodiless && source === null && answer.isWhole !== true && !hasType(fields))
    fields.push(table.field(...PLAIN_TEXT))
  if (known >= 0) {
    const { lengthField = null } = answer
    fields.push(lengthField?.number === known ? lengthField : table.make('content-length', String(known)))
  }
  const bare = x.request.method?.value === 'HEAD' || body.length === 0
  const head = Head.response(fields, undefined, known)
  return { kind, head, body: bare ? null : body, source, sent: false, movedAt: x.now }
}

const hasType = (fields: readonly Field[]): boolean =>
  fields.some(({ token }) => token === Token.CONTENT_TYPE)

const bytesOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Makes a refusal in the form that the client's library reads. */
export function refusalDraft(x: Exchange, refusal: Refusal): Draft {
  const { status, code, fields: more = [] } = refusal
  // Clients may know their own mistakes. Mistakes behind the proxy are shown if the route allows it.
  const setting = endingSetting(x, code)
  const detail = setting === null ? refusal.text : `${refusal.text}: ${setting}`
  const text = status < 500 || x.route.detailed ? `: ${detail}` : ''
  const tells = `${code} (${x.id})${text}`
  if (isGrpc(x.request)) {
    const head = grpcHead(x.proxy.world.fields, refusal, tells)
    return { kind: 'refusal', head, body: null, source: null, sent: false, movedAt: x.now }
  }
  const line = `${status} ${tells}\n`
  const fields: FieldLines = [...more, ['x-fermata', code]]
  return draftOf(x, { status, outcome: code, text: line, fields }, 'refusal')
}

/**
 * Sends our own answer, or the next part of its body. Returns true if it has left, or will leave without
 * more.
 */
export function sendDraft(x: Exchange, draft: Draft): boolean {
  const { frontend } = x
  const { body, source } = draft
  // HEAD has no body.
  const isHead = x.request.method?.value === 'HEAD'
  const down = isHead ? null : (x.filters?.down ?? null)
  const streams = (source !== null || down !== null) && !isHead
  if (!draft.sent) {
    draft.sent = true
    x.proxy.world.date.stamp(draft.head)
    x.status = draft.head.status
    frontend.sendHead(draft.head, body === null && !streams)
    if (body !== null && down === null) frontend.sendWhole(body)
  }
  if (down !== null) {
    x.filters?.moves?.lower(DOWN)
    down.pump()
    if (down.isReady) frontend.forwardBody(down)
  } else if (source !== null && streams && (source.readiness & BODY) !== 0) frontend.forwardBody(source)
  return !streams || (down ?? source)?.remoteEnded === true
}

/** Returns true if no byte of an answer that comes in time has left for too long. */
export function isLate(x: Exchange, draft: Draft): boolean {
  draft.movedAt = Math.max(draft.movedAt, x.frontend.sentAt)
  return x.progress.overdue || x.now - draft.movedAt >= answerMs(x.route.limits)
}

/**
 * Waits until more of our answer can leave, or all of it has left.
 * @param isWhole all of it has been given to the client's stream
 */
export function waitForDraft(x: Exchange, { source, movedAt }: Draft, isWhole: boolean): void {
  const { frontend, filters } = x
  // A wake may bring no bytes.
  if (!isWhole) x.waitUntil(movedAt + answerMs(x.route.limits))
  // A stalled stream has a fault but still takes its answer. A lost stream cancels the exchange.
  x.waitOn(0, frontend, SENT | (frontend.fault === null ? RESET : 0))
  if (!isWhole && source !== null) x.waitOn(1, source, BODY | RESET)
  const moves = filters?.moves ?? null
  if (!isWhole && filters !== null && filters.down !== null && moves !== null) x.waitOn(2, moves, DOWN)
}

function fieldsOf(table: FieldTable, status: number, prepared: readonly Field[], lines: FieldLines): Field[] {
  const fields = [table.status(status)]
  for (const each of prepared) fields.push(each)
  for (const [name, value] of lines) fields.push(table.make(name, value))
  return fields
}

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

/** Returns a refusal in the form of gRPC: Trailers-Only, a head without a body. */
const grpcHead = (fields: FieldTable, { status, code, fields: more = [] }: Refusal, text: string): Head =>
  Head.response(
    fieldsOf(fields, 200, NO_FIELDS, [
      ['content-type', 'application/grpc'],
      ['grpc-status', String(GRPC_STATUS.get(status) ?? UNKNOWN)],
      ['grpc-message', percentEncoded(text).trim()],
      ['x-fermata', code],
      ...more,
    ]),
    undefined,
    -1,
  )
