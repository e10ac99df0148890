// What an intermediary changes in a request head (RFC 9110 §7.6): Via, Max-Forwards, and who asked, for
// backends that want to know. Everything else passes unaltered.

import { type Client, type FieldTable, type Head, IDENTITY_FIELDS, Token, tokenSet } from '../http/index.js'

/**
 * What no backend gets of what a client said (spec/exchange.md, Fields): who it claims to be, names that
 * could be read as framing, and an upgrade to HTTP/2, which is for the next hop only (RFC 7540 §3.2.1) and
 * which HTTP/2 does not call malformed.
 */
const STRIPPED = tokenSet(...IDENTITY_FIELDS, Token.FRAMING_LOOKALIKE, Token.HTTP2_SETTINGS)

/**
 * Say that the request came through us, and from whom. Whom it is for is said in `:authority`, also where
 * only Host did (RFC 9113 §8.3.1).
 */
export function forwardedByUs(request: Head, client: Client, fields: FieldTable): void {
  const host = request.authority === null ? request.find(Token.HOST) : null
  if (host !== null) request.addAuthority(fields.make(':authority', host.value, host.neverIndexed))
  request.remove(STRIPPED)
  for (const mark of client.forwardingFields) request.add(mark)
}

/** Fields that an answer to TRACE must not show (RFC 9110 §9.3.8). */
const SECRET: ReadonlySet<number> = new Set([Token.AUTHORIZATION, Token.PROXY_AUTHORIZATION, Token.COOKIE])

export interface OwnAnswer {
  readonly text: string
  readonly fields: [string, string][]
}

/**
 * RFC 9110 §7.6.2: OPTIONS and TRACE with Max-Forwards 0 are answered by whoever has them; above 0 the
 * number is lowered by one. Null when the request goes on.
 */
export function maxForwardsAnswer(request: Head, fields: FieldTable): OwnAnswer | null {
  const method = request.method?.value
  if (method !== 'OPTIONS' && method !== 'TRACE') return null
  const said = request.find(Token.MAX_FORWARDS)
  if (said === null || !/^\d{1,9}$/.test(said.value)) return null
  const left = Number(said.value)
  if (left > 0) {
    request.replace(said, fields.make('max-forwards', String(left - 1)))
    return null
  }
  if (method === 'OPTIONS') {
    return { text: '', fields: [['allow', 'GET, HEAD, POST, PUT, DELETE, OPTIONS, TRACE, PATCH']] }
  }
  const lines = request.fields
    .filter((field) => !SECRET.has(field.token))
    .map((field) => `${field.name}: ${field.value}\r\n`)
  return { text: lines.join(''), fields: [] }
}
