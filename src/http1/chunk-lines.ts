// Reads the lines before the chunks of a body (RFC 9112 §7.1): a size, and extensions, which are bounded and
// not passed on.

import { chunkSizeDigits, chunkSizeOf, isChunkExtensions, paddingEnd, paddingStart } from './chunk-size.js'
import type { RefusalCode } from './faults.js'
import type { Http1Limits } from './limits.js'

export class ChunkLines {
  /** bytes of the chunk whose line was read last; 0: the last chunk */
  size: number
  private extensionLeft: number
  private readonly limits: Http1Limits
  private readonly paddingMax: number

  /**
   * @param paddingMax the bytes of blanks and zeros accepted around a size; 0: none, as RFC 9112 §7.1 demands
   */
  constructor(limits: Http1Limits, paddingMax: number) {
    this.size = 0
    this.extensionLeft = 0
    this.limits = limits
    this.paddingMax = paddingMax
  }

  /** Begins a body. */
  begin(): void {
    this.extensionLeft = this.limits.chunkExtensionBytesMax
  }

  /** The bytes that the next line may have. */
  get lineMax(): number {
    return this.limits.chunkSizeDigitsMax + this.paddingMax + this.extensionLeft
  }

  /** Reads a line. Returns the code of its refusal, or null. */
  read(b: Buffer, start: number, end: number): RefusalCode | null {
    const { paddingMax } = this
    const length = end - start
    if (paddingMax > 0) {
      start = paddingStart(b, start, end)
      end = paddingEnd(b, start, end)
    }
    const digits = chunkSizeDigits(b, start, end, this.limits.chunkSizeDigitsMax)
    if (digits === 0 || length - (end - start) > paddingMax) return 'chunk-size'
    if (start + digits < end && !this.extensionsFit(b, start + digits, end)) return 'chunk-extension'
    this.size = chunkSizeOf(b, start, digits)
    return null
  }

  /** Returns the code that refuses a line that is too long, judged by its beginning. */
  tooLong(b: Buffer, end: number): RefusalCode {
    const sized = chunkSizeDigits(b, 0, end, this.limits.chunkSizeDigitsMax) > 0
    return sized ? 'chunk-extension' : 'chunk-size'
  }

  private extensionsFit(b: Buffer, start: number, end: number): boolean {
    this.extensionLeft -= end - start
    return this.extensionLeft >= 0 && isChunkExtensions(b.toString('latin1', start, end))
  }
}
