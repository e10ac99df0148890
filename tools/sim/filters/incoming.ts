// Messages as they come, in however many parts: what has come is read again only when it may be whole.

import { type ReadMessage, readMessage } from '../../../src/testing/messages.js'

const HEAD_END = '\r\n\r\n'
const LENGTH = /\r\ncontent-length: *(\d+)/i
const CHUNKED = /\r\ntransfer-encoding:/i

export class Incoming {
  private parts: Buffer[] = []
  private size = 0
  /** Bytes that the message has at least; 0 before its head has come. */
  private least = 0
  private isChunked = false
  private readonly isBodiless: boolean

  /** @param isBodiless messages have no body, whatever their heads say: they answer HEAD */
  constructor(isBodiless = false) {
    this.isBodiless = isBodiless
  }

  add(part: Uint8Array): void {
    this.parts.push(Buffer.from(part))
    this.size += part.length
    if (this.least === 0) this.lookForHead()
  }

  private lookForHead(): void {
    const text = this.bytes.toString('latin1')
    const end = text.indexOf(HEAD_END)
    if (end < 0) return
    const head = text.slice(0, end)
    this.isChunked = CHUNKED.test(head)
    this.least = end + HEAD_END.length + (this.isBodiless ? 0 : Number(LENGTH.exec(head)?.[1] ?? 0))
  }

  /** All received bytes. */
  get bytes(): Buffer {
    if (this.parts.length !== 1) this.parts = [Buffer.concat(this.parts)]
    return this.parts[0]
  }

  /** Returns true if the received bytes end as a last chunk does. */
  private mayEnd(): boolean {
    const last = this.parts.at(-1)
    if (last === undefined || last[last.length - 1] !== 0x0a) return false
    return this.bytes.toString('latin1', Math.max(0, this.size - 4)) === HEAD_END
  }

  /** Returns the next message, once it is whole; null before. @param ended no more will come */
  next(ended: boolean): ReadMessage | null {
    if (this.least === 0 || this.size < this.least) return null
    // The last chunk ends with an empty line, whatever part it comes in.
    if (this.isChunked && !this.isBodiless && !this.mayEnd()) return null
    const message = readMessage(this.bytes, this.isBodiless, ended)
    if (message === null) return null
    const rest = this.bytes.subarray(message.bytes)
    this.parts = []
    this.size = 0
    this.least = 0
    if (rest.length > 0) this.add(rest)
    return message
  }
}
