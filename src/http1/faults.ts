// The faults of HTTP/1.1 messages (spec/http1/strictness.md): a stable code, the status that answers a
// request, and a reason for people. A fault in a response is always a 502.

const refusals = {
  'start-line': [400, 'malformed start line (RFC 9112 §3, §4)'],
  'start-line-too-long': [400, 'the start line is too long'],
  'empty-lines': [400, 'too many empty lines before a request'],
  version: [505, 'an HTTP version other than 1.0 and 1.1 (RFC 9110 §15.6.6)'],
  'method-too-long': [501, 'a method longer than any that is known (RFC 9112 §3)'],
  'target-too-long': [414, 'the request-target is too long (RFC 9112 §3)'],
  'request-target': [
    400,
    'malformed request-target, or one of another form than its method takes (RFC 9112 §3.2)',
  ],
  host: [400, 'Host is missing, repeated or malformed (RFC 9112 §3.2)'],
  'bare-cr': [400, 'CR without LF (RFC 9112 §2.2)'],
  'bare-lf': [400, 'LF without CR (RFC 9112 §2.2)'],
  'obs-fold': [400, 'a field line begins with white space (RFC 9112 §5.2)'],
  'field-name': [400, 'malformed field name (RFC 9112 §5.1)'],
  'field-value': [400, 'a field value contains control characters (RFC 9110 §5.5)'],
  'fields-too-large': [431, 'too many field lines, or too long ones (RFC 6585 §5)'],
  'connection-option': [
    400,
    'Connection is malformed, or names a field that is not hop-by-hop (RFC 9110 §7.6.1)',
  ],
  'content-length': [400, 'Content-Length is repeated or not a number (RFC 9112 §6.3)'],
  'length-and-coding': [400, 'Content-Length with Transfer-Encoding (RFC 9112 §6.3)'],
  'coding-in-1.0': [400, 'Transfer-Encoding in HTTP/1.0 (RFC 9112 §6.1)'],
  'transfer-coding': [400, 'Transfer-Encoding is not chunked, once and last (RFC 9112 §6.3)'],
  'coding-unknown': [501, 'a transfer coding other than chunked (RFC 9112 §6.1)'],
  'connect-content': [400, 'CONNECT with content (RFC 9110 §9.3.6)'],
  'websocket-content': [400, 'a WebSocket handshake with content (RFC 6455 §4.2.1)'],
  'websocket-key': [400, 'Sec-WebSocket-Key is missing, repeated or malformed (RFC 6455 §4.2.1)'],
  'websocket-version': [426, 'Sec-WebSocket-Version other than 13 (RFC 6455 §4.2.2)'],
  'chunk-size': [400, 'malformed chunk-size, or a too long one (RFC 9112 §7.1)'],
  'chunk-extension': [400, 'malformed chunk extensions, or too long ones (RFC 9112 §7.1.1)'],
  'chunk-end': [400, 'a chunk is not followed by CR LF (RFC 9112 §7.1)'],
  'trailer-forbidden': [400, 'a trailer field that may only stand in a head (RFC 9110 §6.5.1)'],
  'trailers-too-large': [400, 'too many trailers, or too long ones'],
  truncated: [400, 'the connection ended inside a message (RFC 9112 §8)'],
  unanswered: [400, 'the connection ended before a response began (RFC 9112 §8)'],
  'upgrade-not-asked': [400, '101 to a request without Upgrade (RFC 9110 §15.2.2)'],
  'upgrade-missing': [400, '101 without Upgrade (RFC 9110 §15.2.2)'],
  unasked: [400, 'bytes that answer no request (RFC 9112 §9.2)'],
} as const

export type RefusalCode = keyof typeof refusals

export const REFUSALS: Readonly<Record<RefusalCode, readonly [status: number, reason: string]>> = refusals
