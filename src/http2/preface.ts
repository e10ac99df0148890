// The preface of a client (RFC 9113 §3.4), as it comes, and how it is told from a request of HTTP/1.

import { PREFACE } from './codes.js'

/** For a client that speaks HTTP/1 to us: the shortest answer that says what to do. */
export const http1Answer = (date: string, head: boolean): Buffer =>
  Buffer.from(
    `HTTP/1.1 505 HTTP Version Not Supported\r\ndate: ${date}\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: ${HTTP1_TEXT.length}\r\n\r\n${head ? '' : HTTP1_TEXT}`,
    'latin1',
  )
const HTTP1_TEXT = 'HTTP/2 was chosen for this connection by ALPN, and this is HTTP/1.\n'
const HTTP1_METHOD = /^[A-Z]{3,7} [/*h]/
/** What may yet become that. */
const HTTP1_METHOD_BEGUN = /^[A-Z]{1,7}$|^[A-Z]{3,7} $/
const PREFACE_TEXT = PREFACE.toString('latin1')

export class ClientPreface {
  /** The client's first octets, as many as the preface has. */
  private begun: string

  constructor() {
    this.begun = ''
  }

  /** Takes what belongs to the preface from the beginning of a chunk; returns how many octets that are. */
  take(chunk: Buffer): number {
    const size = Math.min(PREFACE.length - this.begun.length, chunk.length)
    this.begun += chunk.toString('latin1', 0, size)
    return size
  }

  /** As many octets have come as it has. */
  get isWhole(): boolean {
    return this.begun.length === PREFACE.length
  }

  /** What has come is another thing, and cannot become the request line of HTTP/1 either. */
  get isWrong(): boolean {
    return !PREFACE_TEXT.startsWith(this.begun) && !HTTP1_METHOD_BEGUN.test(this.begun)
  }

  get isHttp1(): boolean {
    return HTTP1_METHOD.test(this.begun)
  }

  /** That request is HEAD, whose answer has no content. */
  get asksHead(): boolean {
    return this.begun.startsWith('HEAD')
  }
}
