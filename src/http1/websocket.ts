// The handshake of the WebSocket Protocol (RFC 6455 §4), as far as HTTP/1.1 has it and extended CONNECT has
// not: the key that one side makes up, and the answer that shows that the other has understood it. What
// passes after it is no business of ours.

import { createHash } from 'node:crypto'
import { type Field, Token } from '../http/index.js'
import type { Pollset } from '../pollset/index.js'
import type { RefusalCode } from './faults.js'
import type { FieldSection } from './field-section.js'

/** Its name in Upgrade and in `:protocol` (RFC 8441 §5). */
export const WEBSOCKET = 'websocket'
export const WEBSOCKET_VERSION = '13'

const KEY_BYTES = 16

/** Base64 of 16 octets: 22 digits of 6 bits, the last of which has only 2 (RFC 6455 §4.1). */
const isWebSocketKey = (key: string): boolean => /^[A-Za-z0-9+/]{21}[AQgw]==$/.test(key)

/** A key of our own, for a handshake with a backend. */
export function newWebSocketKey(pollset: Pollset): string {
  const octets = Buffer.alloc(KEY_BYTES)
  pollset.random(octets)
  return octets.toString('base64')
}

/** Sec-WebSocket-Accept for this key (RFC 6455 §4.2.2). */
export const webSocketAccept = (key: string): string =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`, 'latin1').digest('base64')

const only = (fields: readonly Field[], token: number): string | null => {
  const found = fields.filter((each) => each.token === token)
  return found.length === 1 ? found[0].value : null
}

/**
 * What is wrong with a client's handshake, or null; each of its fields must stand there once (RFC 6455
 * §4.2.1).
 */
export function handshakeFault({ fields, coding, contentLength }: FieldSection): RefusalCode | null {
  if (coding !== null || contentLength > 0) return 'websocket-content'
  if (only(fields, Token.SEC_WEBSOCKET_VERSION) !== WEBSOCKET_VERSION) return 'websocket-version'
  const key = only(fields, Token.SEC_WEBSOCKET_KEY)
  return key !== null && isWebSocketKey(key) ? null : 'websocket-key'
}

/** The key of a handshake without a fault. */
export const keyOf = ({ fields }: FieldSection): string => only(fields, Token.SEC_WEBSOCKET_KEY) ?? ''
