// The WebSocket handshake of HTTP/1.1 (RFC 6455 §4), which extended CONNECT does not have: the key of one
// side and the answer that proves that the other understood it.

import { createHash } from 'node:crypto'
import { type Field, Token } from '../http/index.js'
import type { Pollset } from '../pollset/index.js'
import type { RefusalCode } from './faults.js'
import type { FieldSection } from './field-section.js'

/** The name of the protocol in Upgrade and in `:protocol` (RFC 8441 §5). */
export const WEBSOCKET = 'websocket'
export const WEBSOCKET_VERSION = '13'

const KEY_BYTES = 16

/** Returns true if a key is base64 of 16 octets: 22 digits, the last with 2 bits (RFC 6455 §4.1). */
const isWebSocketKey = (key: string): boolean => /^[A-Za-z0-9+/]{21}[AQgw]==$/.test(key)

/** Makes a key for a handshake with a backend. */
export function newWebSocketKey(pollset: Pollset): string {
  const octets = Buffer.alloc(KEY_BYTES)
  pollset.random(octets)
  return octets.toString('base64')
}

/** Returns the Sec-WebSocket-Accept of this key (RFC 6455 §4.2.2). */
export const webSocketAccept = (key: string): string =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`, 'latin1').digest('base64')

const only = (fields: readonly Field[], token: number): string | null => {
  const found = fields.filter((each) => each.token === token)
  return found.length === 1 ? found[0].value : null
}

/** Returns the fault of a client's handshake, or null. Each field must be there once (RFC 6455 §4.2.1). */
export function handshakeFault({ fields, coding, contentLength }: FieldSection): RefusalCode | null {
  if (coding !== null || contentLength > 0) return 'websocket-content'
  if (only(fields, Token.SEC_WEBSOCKET_VERSION) !== WEBSOCKET_VERSION) return 'websocket-version'
  const key = only(fields, Token.SEC_WEBSOCKET_KEY)
  return key !== null && isWebSocketKey(key) ? null : 'websocket-key'
}

/** Returns the key of a valid handshake. */
export const keyOf = ({ fields }: FieldSection): string => only(fields, Token.SEC_WEBSOCKET_KEY) ?? ''
