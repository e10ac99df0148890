// The preface of a client (RFC 9113 §3.4), and how it is told from a request of HTTP/1.

import { PREFACE } from './codes.js'

/** For a client that speaks HTTP/1 to us: the shortest answer that says what to do. */
export const http1Answer = (date: string, head: boolean): Buffer =>
  Buffer.from(
    `HTTP/1.1 505 HTTP Version Not Supported\r\ndate: ${date}\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: ${HTTP1_TEXT.length}\r\n\r\n${head ? '' : HTTP1_TEXT}`,
    'latin1',
  )
const HTTP1_TEXT = 'HTTP/2 was chosen for this connection by ALPN, and this is HTTP/1.\n'
export const HTTP1_METHOD = /^[A-Z]{3,7} [/*h]/
/** What may yet become that. */
export const HTTP1_METHOD_BEGUN = /^[A-Z]{1,7}$|^[A-Z]{3,7} $/
export const PREFACE_TEXT = PREFACE.toString('latin1')
