// Reads the client's preface (RFC 9113 §3.4), and distinguishes it from an HTTP/1.1 request.

import { PREFACE } from './codes.js'

/** Returns the answer to an HTTP/1.1 client, which tells people how to connect. */
export const http1Answer = (date: string, head: boolean): Buffer =>
  Buffer.from(
    `HTTP/1.1 505 HTTP Version Not Supported\r\ndate: ${date}\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: ${HTTP1_TEXT.length}\r\n\r\n${head ? '' : HTTP1_TEXT}`,
    'latin1',
  )
const HTTP1_TEXT = 'HTTP/2 was chosen for this connection by ALPN, and this is HTTP/1.\n'
const HTTP1_METHOD = /^[A-Z]{3,7} [/*h]/
/** The beginning of an HTTP/1.1 request line. */
const HTTP1_METHOD_BEGUN = /^[A-Z]{1,7}$|^[A-Z]{3,7} $/
const PREFACE_TEXT = PREFACE.toString('latin1')

export class ClientPreface {
  /** The client's first octets, up to the length of the preface. */
  private begun: string

  constructor() {
    this.begun = ''
  }

  /** Takes the octets of the preface from a chunk. Returns their number. */
  take(chunk: Buffer): number {
    const size = Math.min(PREFACE.length - this.begun.length, chunk.length)
    this.begun += chunk.toString('latin1', 0, size)
    return size
  }

  /** True once the whole preface has come. */
  get isWhole(): boolean {
    return this.begun.length === PREFACE.length
  }

  /** True if the input is neither the preface nor the beginning of an HTTP/1.1 request line. */
  get isWrong(): boolean {
    return !PREFACE_TEXT.startsWith(this.begun) && !HTTP1_METHOD_BEGUN.test(this.begun)
  }

  get isHttp1(): boolean {
    return HTTP1_METHOD.test(this.begun)
  }

  /** True if the HTTP/1.1 request is HEAD, so its response has no content. */
  get asksHead(): boolean {
    return this.begun.startsWith('HEAD')
  }
}
