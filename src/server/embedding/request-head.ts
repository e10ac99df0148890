// Makes the head of a backend's request from a request of Node. It reads `headers`, not `rawHeaders`:
// middleware before us changes those.

import type { IncomingHttpHeaders } from 'node:http'
import { type Field, type FieldTable, Head } from '../../http/index.js'
import type { Exchange } from '../../proxy/index.js'
import type { ProxyRequest, RequestOptions } from './options.js'
import type { HeaderValue } from './outgoing-request.js'
import type { ReadTarget } from './target-url.js'

/** Fields of one connection, and those that we write ourselves (RFC 9110 §7.6.1). */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
  'host',
  'http2-settings',
])
/** Fields of a WebSocket handshake, which differ on each side of a tunnel. */
const HANDSHAKE: ReadonlySet<string> = new Set(['sec-websocket-key', 'content-length'])

type Fields = Record<string, HeaderValue | undefined>

/** Returns the fields of a request, as changed by the options. */
export function outgoingFields(
  request: ProxyRequest,
  target: ReadTarget,
  options: RequestOptions,
  told: Fields | null,
  copies: boolean,
): Fields {
  const { headers, auth, host } = options
  const own = request.headers as IncomingHttpHeaders as Fields
  if (!copies && told === null && headers === undefined && auth === undefined && host !== 'target') return own
  const fields: Fields = { ...own }
  if (told !== null) Object.assign(fields, told)
  if (host === 'target') fields.host = target.authority
  if (auth !== undefined) fields.authorization = `Basic ${Buffer.from(auth).toString('base64')}`
  if (headers !== undefined)
    for (const [name, value] of Object.entries(headers)) fields[name.toLowerCase()] = value
  return fields
}

/** Returns the fields that describe the client to a backend, after those that are there already (xfwd). */
export function forwardedFields(request: ProxyRequest, isTunnel: boolean): Fields {
  const own = request.headers as Fields
  const { remoteAddress, encrypted } = request.socket as { remoteAddress?: string; encrypted?: boolean }
  const secure = encrypted === true || own[':scheme'] === 'https'
  const host = textOf(own[':authority'] ?? own.host)
  const scheme = `${isTunnel ? 'ws' : 'http'}${secure ? 's' : ''}`
  const behind = (name: string, value: string): string => {
    const before = textOf(own[name])
    return before === '' ? value : `${before},${value}`
  }
  return {
    'x-forwarded-for': behind('x-forwarded-for', remoteAddress ?? ''),
    'x-forwarded-port': behind('x-forwarded-port', /:(\d+)$/.exec(host)?.[1] ?? (secure ? '443' : '80')),
    'x-forwarded-proto': behind('x-forwarded-proto', scheme),
    'x-forwarded-host': textOf(own['x-forwarded-host']) || host,
  }
}

const textOf = (value: HeaderValue | undefined): string =>
  value === undefined ? '' : typeof value === 'string' ? value : value.join(', ')

/** Returns the names that Connection nominates, which end here too. */
function nominated(connection: HeaderValue | undefined): ReadonlySet<string> | null {
  const text = textOf(connection)
  if (text === '' || text === 'keep-alive' || text === 'close') return null
  return new Set(text.split(',').map((each) => each.trim().toLowerCase()))
}

export interface HeadParts {
  readonly method: string
  readonly path: string
  /** `http` or `https` */
  readonly scheme: string
  readonly fields: Fields
  /** The length of a body in place of the request's; -1 for the request's own, -2 if unknown. */
  readonly length: number
  /** True if it asks for a WebSocket, which is an extended CONNECT here (RFC 8441 §5). */
  readonly isTunnel: boolean
  /** True if it was told to continue already, or Node will tell it (RFC 9110 §10.1.1). */
  readonly continued: boolean
}

/** Makes the head. Returns a message if no backend can take the request. */
export function requestHead(table: FieldTable, parts: HeadParts): Head | string {
  const { fields, isTunnel, length } = parts
  const all: Field[] = isTunnel
    ? [table.field(':method', 'CONNECT'), table.field(':protocol', 'websocket')]
    : [table.field(':method', parts.method)]
  all.push(table.field(':scheme', parts.scheme))
  const host = textOf(fields.host) || textOf(fields[':authority'])
  if (host !== '') all.push(table.field(':authority', host))
  all.push(table.make(':path', parts.path))
  for (const each of all)
    if (each.faults !== 0) return `${each.name.slice(1)} is not valid: ${JSON.stringify(each.value)}`
  const ends = nominated(fields.connection)
  for (const name in fields) {
    const value = fields[name]
    if (value === undefined || value === null || name.charCodeAt(0) === 0x3a || LEFT_OUT.has(name)) continue
    if (ends?.has(name) || (isTunnel && HANDSHAKE.has(name))) continue
    if (name === 'content-length' && length !== -1) continue
    if (name === 'expect' && parts.continued) continue
    if (typeof value === 'object') for (const each of value) all.push(fieldOf(table, name, String(each)))
    else all.push(fieldOf(table, name, String(value)))
  }
  if (/(?:^|,)\s*trailers\s*(?:;|,|$)/i.test(textOf(fields.te))) all.push(table.field('te', 'trailers'))
  if (length >= 0) all.push(table.make('content-length', String(length)))
  const wrong = all.find((each) => each.faults !== 0)
  if (wrong !== undefined) return `the field ${JSON.stringify(wrong.name)} is not valid`
  return Head.request(all)
}

const SELDOM_SAME: ReadonlySet<string> = new Set([
  'content-length',
  'date',
  'if-modified-since',
  'if-none-match',
])

/** Blanks around a value are not part of it. */
const fieldOf = (table: FieldTable, name: string, value: string): Field => {
  const text = value.charCodeAt(0) > 0x20 && value.charCodeAt(value.length - 1) > 0x20 ? value : value.trim()
  return SELDOM_SAME.has(name) ? table.make(name, text) : table.field(name, text)
}

/** Returns true if we answer this exchange, not its backend. */
export const isOwnAnswer = (x: Exchange): boolean => x.refusal !== null || x.ownAnswer !== null
