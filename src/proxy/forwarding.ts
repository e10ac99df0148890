// Changes a request head as an intermediary must (RFC 9110 §7.6): Via, Max-Forwards, and the fields that
// describe the client to a backend. All other fields pass unchanged.

import { type Client, type Field, type FieldTable, type Head, Token, tokenSet } from '../http/index.js'
import { canonicalAddress } from '../pollset/index.js'
import type { Exchange } from './exchange.js'
import type { AnswerSource } from './filter/answer-source.js'
import { forwardedValue } from './forwarded.js'
import type { ClientView, TrustedProxies } from './trusted-proxies.js'

/** The properties of a connection that our forwarding fields depend on. */
type ForwardedClient = Pick<Client, 'addresses' | 'forwardingFields'>

/**
 * Replaces the client's forwarding fields by our own, before a route reads them. A Host field without
 * `:authority` becomes `:authority` (RFC 9113 §8.3.1).
 */
export function forwardedByUs({ request, view, proxy, frontend }: Exchange): void {
  if (!proxy.tellsClient) {
    forwardAsTold(request, frontend.client)
    return
  }
  forward(request, frontend.client, view, proxy.trusted, proxy.world.fields)
}

const ALWAYS_STRIPPED = tokenSet(Token.FRAMING_LOOKALIKE, Token.HTTP2_SETTINGS)

/** Adds only Via: the program has set the fields that describe the client, or lets them pass. */
function forwardAsTold(request: Head, { forwardingFields }: ForwardedClient): void {
  request.remove(ALWAYS_STRIPPED)
  for (const field of forwardingFields) if (field.token === Token.VIA) request.add(field)
}

/**
 * Changes the fields of a request without an exchange. @param view the client as reported by
 * the trusted proxies
 */
export function forward(
  request: Head,
  client: ForwardedClient,
  view: ClientView | null,
  trusted: TrustedProxies,
  fields: FieldTable,
): void {
  const host = request.authority === null ? request.find(Token.HOST) : null
  if (host !== null) request.addAuthority(fields.make(':authority', host.value, host.neverIndexed))
  const kept = trusted.dropClaims(request, view)
  if (view === null) {
    for (const field of client.forwardingFields) request.add(field)
    return
  }
  for (const field of client.forwardingFields) request.add(believed(fields, field, client, view))
  for (const field of told(request, client, view, trusted, fields)) request.add(field)
  for (const field of kept) request.add(field)
}

/** Returns the addresses from the client's neighbour to our peer, if a proxy stands between. */
function proxiesOf({ addresses }: ForwardedClient, { address, through }: ClientView): readonly string[] {
  const peer = addresses.from.host
  return peer === '' || address === (canonicalAddress(peer) ?? peer) ? through : [...through, peer]
}

/** Returns our forwarding field, continuing the value of trusted proxies. */
function believed(fields: FieldTable, field: Field, client: ForwardedClient, view: ClientView): Field {
  if (field.token === Token.X_FORWARDED_FOR && view.address !== '')
    return fields.make('x-forwarded-for', [view.address, ...proxiesOf(client, view)].join(', '))
  if (field.token === Token.X_FORWARDED_PROTO && view.scheme !== null)
    return fields.make('x-forwarded-proto', view.scheme)
  return field
}

/** Writes the other trusted fields again. */
function told(
  request: Head,
  client: ForwardedClient,
  view: ClientView,
  trusted: TrustedProxies,
  fields: FieldTable,
): Field[] {
  const made: Field[] = []
  if (view.host !== null) made.push(fields.make('x-forwarded-host', view.host))
  if (view.address !== '' && trusted.believes('x-real-ip')) made.push(fields.make('x-real-ip', view.address))
  if (trusted.believes('forwarded')) {
    const scheme = view.scheme ?? request.scheme?.value ?? 'http'
    made.push(
      fields.make('forwarded', forwardedValue(view.address, scheme, view.host, proxiesOf(client, view))),
    )
  }
  return made
}

/** Fields that an answer to TRACE must not repeat (RFC 9110 §9.3.8). */
const SECRET: ReadonlySet<number> = new Set([Token.AUTHORIZATION, Token.PROXY_AUTHORIZATION, Token.COOKIE])

const LAST_HOP = { status: 200, outcome: 'max-forwards' }

/** Our own answer, in place of the backend's. */
export interface OwnAnswer {
  readonly status: number
  /** The outcome that the exchange reports. */
  readonly outcome: string
  /** The whole body; text is sent as UTF-8. */
  readonly text: string | Uint8Array
  readonly fields: readonly (readonly [string, string])[]
  /** Fields that come before those, in their sent form. */
  readonly prepared?: readonly Field[]
  /** `prepared` tells all of its body: no content-type is added. */
  readonly isWhole?: boolean
  /** The content-length that it has most. */
  readonly lengthField?: Field | null
  /** In place of `text`: a body that comes in time. */
  readonly source?: AnswerSource | null
  /** The length of `source`; -1 if unknown. */
  readonly length?: number
}

/**
 * Answers OPTIONS and TRACE with Max-Forwards 0, and decrements a larger number (RFC 9110 §7.6.2). Returns
 * null if the request is forwarded.
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
    return {
      ...LAST_HOP,
      text: '',
      fields: [['allow', 'GET, HEAD, POST, PUT, DELETE, OPTIONS, TRACE, PATCH']],
    }
  }
  const lines = request.fields
    .filter((field) => !SECRET.has(field.token))
    .map((field) => `${field.name}: ${field.value}\r\n`)
  return { ...LAST_HOP, text: lines.join(''), fields: [] }
}
