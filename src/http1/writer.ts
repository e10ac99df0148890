// Writes HTTP/1.1 messages (RFC 9112): each function writes into a buffer at an offset and returns the offset
// after it. The caller has checked the room: {@link headBytesMax}, {@link trailersBytesMax}, CHUNK_OVERHEAD.
//
// A head has the form of HTTP/2 (spec/http1/translation.md). Framing fields are written from the framing,
// never copied. Hop-by-hop fields are left out, and so is a field whose text could be read as more than one
// line.

import {
  type Field,
  type Head,
  HOP_BY_HOP,
  isForbiddenTrailer,
  NAME_INVALID,
  Token,
  tokenSet,
  VALUE_INVALID,
} from '../http/index.js'
import { CHUNKED, NONE, TUNNEL, UNTIL_CLOSE } from './framing.js'
import { STATUS_LINE_MAX, STATUS_LINES } from './reason.js'
import { WEBSOCKET_VERSION, webSocketAccept } from './websocket.js'

/** The ways of writing a regular field, by its token. */
const PLAIN = 0
const OMIT = 1
const COOKIES = 2
const IF_CHUNKED = 3
/** Handshake fields: each side of a tunnel has its own. */
const HANDSHAKE = 4
/** `te: trailers` of a request, whose client accepts trailers. */
const TE_TRAILERS = 5
const writeAs: Uint8Array = tokenSet().map((_, token) => {
  if (token === Token.COOKIE) return COOKIES
  if (token === Token.TRAILER) return IF_CHUNKED
  if (token === Token.TE) return TE_TRAILERS
  if (token === Token.SEC_WEBSOCKET_KEY || token === Token.SEC_WEBSOCKET_ACCEPT) return HANDSHAKE
  return token === Token.HOST || token === Token.CONTENT_LENGTH || HOP_BY_HOP.includes(token) ? OMIT : PLAIN
})

/** Up to this length a loop over the characters is faster than a call. */
const LOOP_CHARS_MAX = 64

/** Writes text of latin1 characters without CR, LF and NUL. */
function writeText(b: Buffer, at: number, text: string): number {
  const length = text.length
  if (length > LOOP_CHARS_MAX) return at + b.write(text, at, 'latin1')
  for (let i = 0; i < length; i++) b[at + i] = text.charCodeAt(i)
  return at + length
}

function writeCrLf(b: Buffer, at: number): number {
  b[at] = 13
  b[at + 1] = 10
  return at + 2
}

function writeLine(b: Buffer, at: number, name: string, value: string): number {
  at = writeText(b, at, name)
  b[at] = 0x3a
  b[at + 1] = 0x20
  return writeCrLf(b, writeText(b, at + 2, value))
}

const isUnsafe = (field: Field): boolean => (field.faults & (NAME_INVALID | VALUE_INVALID)) !== 0

/** Returns the most octets that a head takes. A field's size counts 32 for its separators. */
export const headBytesMax = (head: Head): number => head.size + STATUS_LINE_MAX + FRAMING_MAX
/**
 * The most octets of Host's name, framing fields, Connection, TE, an Upgrade of 64 octets and the empty line.
 */
const FRAMING_MAX = 192

/**
 * Writes a request head for a backend. `keep`: the connection persists after it. The target is in
 * origin-form, asterisk-form or, for CONNECT, authority-form, since a backend is not a proxy (RFC 9112 §3.2).
 * `upgrade`: the protocol that it asks to switch to; '' for none.
 */
export function writeRequestHead(
  b: Buffer,
  at: number,
  head: Head,
  framing: number,
  keep: boolean,
  upgrade = '',
): number {
  const method = checked(head.method)
  const target = method === 'CONNECT' ? checked(head.authority) : checked(head.path)
  at = writeText(b, at, method)
  b[at] = 0x20
  at = writeText(b, at + 1, target)
  at = writeText(b, at, ' HTTP/1.1\r\n')
  at = writeLine(b, at, 'host', hostOf(head))
  at = writeFields(b, at, head, framing)
  at = writeFraming(b, at, framing)
  if (upgrade !== '') at = writeLine(b, writeText(b, at, 'connection: upgrade\r\n'), 'upgrade', upgrade)
  if (!keep && framing !== TUNNEL) at = writeText(b, at, 'connection: close\r\n')
  return writeCrLf(b, at)
}

/**
 * Writes extended CONNECT as a GET with Upgrade (RFC 8441 §5, RFC 6455 §4.1), with this key; '' for another
 * protocol than WebSocket.
 */
export function writeUpgradeRequest(b: Buffer, at: number, head: Head, key: string): number {
  at = writeText(b, at, 'GET ')
  at = writeText(b, at, checked(head.path))
  at = writeText(b, at, ' HTTP/1.1\r\n')
  at = writeLine(b, at, 'host', hostOf(head))
  at = writeText(b, at, 'connection: upgrade\r\n')
  at = writeLine(b, at, 'upgrade', checked(head.protocol))
  if (key !== '') {
    at = writeLine(b, at, 'sec-websocket-key', key)
    if (head.find(Token.SEC_WEBSOCKET_VERSION) === null)
      at = writeLine(b, at, 'sec-websocket-version', WEBSOCKET_VERSION)
  }
  return writeCrLf(b, writeFields(b, at, head, TUNNEL))
}

/** Writes a 101 to this protocol, with the answer to the client's WebSocket key, '' for none. */
export function writeSwitchingHead(b: Buffer, at: number, head: Head, upgrade: string, key: string): number {
  at = writeText(b, at, STATUS_LINES[101])
  at = writeText(b, at, 'connection: upgrade\r\n')
  at = writeLine(b, at, 'upgrade', upgrade)
  if (key !== '') at = writeLine(b, at, 'sec-websocket-accept', webSocketAccept(key))
  return writeCrLf(b, writeFields(b, at, head, TUNNEL))
}

/** Returns the value of Host, which is empty if the target has no authority (RFC 9112 §3.2). */
function hostOf(head: Head): string {
  const field = head.authority ?? head.find(Token.HOST)
  return field === null ? '' : checked(field)
}

/** Checks control data again. The reader has judged it, so a fault here is a defect of ours. */
function checked(field: Field | null): string {
  if (field === null || field.faults !== 0) throw new Error('a head without its control data')
  return field.value
}

/**
 * Writes a response head for a client of HTTP/1.`minor`. `keep`: the connection persists, if the framing
 * allows it. HTTP/1.0 gets no interim responses (RFC 9110 §15.2): `at` is returned.
 */
export function writeResponseHead(
  b: Buffer,
  at: number,
  head: Head,
  framing: number,
  minor: number,
  keep: boolean,
): number {
  const status = head.status
  const interim = status < 200
  if (interim && minor === 0) return at
  at = writeText(b, at, STATUS_LINES[status])
  at = writeFields(b, at, head, framing)
  if (framing !== NONE) at = writeFraming(b, at, framing)
  else if (!interim && status !== 204 && head.contentLength >= 0) at = writeLength(b, at, head.contentLength)
  // A 426 must name a protocol (RFC 9110 §15.5.22): we switch to this one only.
  if (status === 426) at = writeText(b, at, 'connection: upgrade\r\nupgrade: websocket\r\n')
  if (!interim && framing !== TUNNEL) {
    if (!keep || framing === UNTIL_CLOSE) at = writeText(b, at, 'connection: close\r\n')
    else if (minor === 0) at = writeText(b, at, 'connection: keep-alive\r\n')
  }
  return writeCrLf(b, at)
}

function writeFraming(b: Buffer, at: number, framing: number): number {
  if (framing === CHUNKED) return writeText(b, at, 'transfer-encoding: chunked\r\n')
  return framing >= 0 ? writeLength(b, at, framing) : at
}

const writeLength = (b: Buffer, at: number, length: number): number =>
  writeLine(b, at, 'content-length', String(length))

function writeFields(b: Buffer, at: number, head: Head, framing: number): number {
  const fields = head.fields
  let cookies = false
  let te = false
  for (let i = head.pseudos; i < fields.length; i++) {
    const field = fields[i]
    if (isUnsafe(field)) continue
    const how = writeAs[field.token]
    if (how === PLAIN) at = writeLine(b, at, field.name, field.value)
    else if (how === HANDSHAKE && framing !== TUNNEL) at = writeLine(b, at, field.name, field.value)
    else if (how === COOKIES && !cookies) {
      cookies = true
      at = writeCookies(b, at, fields, i)
    } else if (how === IF_CHUNKED && framing === CHUNKED) at = writeLine(b, at, field.name, field.value)
    else if (how === TE_TRAILERS && head.method !== null && framing !== TUNNEL) te = true
  }
  // A sender of TE must nominate it (RFC 9110 §10.1.4).
  if (te) at = writeText(b, at, 'te: trailers\r\nconnection: te\r\n')
  return at
}

/** Joins cookie crumbs into one field (RFC 9113 §8.2.3). */
function writeCookies(b: Buffer, at: number, fields: readonly Field[], from: number): number {
  at = writeText(b, writeText(b, at, 'cookie: '), fields[from].value)
  for (let i = from + 1; i < fields.length; i++) {
    const field = fields[i]
    if (field.token !== Token.COOKIE || isUnsafe(field)) continue
    b[at] = 0x3b
    b[at + 1] = 0x20
    at = writeText(b, at + 2, field.value)
  }
  return writeCrLf(b, at)
}

/** The most octets around one chunk: eight digits and two line ends. */
export const CHUNK_OVERHEAD = 12

/** Writes the line before a chunk of `size` octets, from 1 to 2^32 - 1. */
export function writeChunkSize(b: Buffer, at: number, size: number): number {
  let shift = 28
  while (shift > 0 && size >>> shift === 0) shift -= 4
  for (; shift >= 0; shift -= 4) {
    const digit = (size >>> shift) & 15
    b[at++] = digit < 10 ? 0x30 + digit : 0x57 + digit
  }
  return writeCrLf(b, at)
}

/** Writes the end of a chunk. */
export const writeChunkEnd = writeCrLf

/** Returns the most octets of the end of a chunked body. */
export function trailersBytesMax(trailers: readonly Field[] | null): number {
  let size = 5
  if (trailers !== null) for (const field of trailers) size += field.size
  return size
}

/** Writes the last chunk and the trailers that may be sent. */
export function writeLastChunk(b: Buffer, at: number, trailers: readonly Field[] | null): number {
  b[at] = 0x30
  at = writeCrLf(b, at + 1)
  if (trailers !== null) {
    for (const field of trailers) {
      if (!isUnsafe(field) && !isForbiddenTrailer(field.token)) at = writeLine(b, at, field.name, field.value)
    }
  }
  return writeCrLf(b, at)
}
