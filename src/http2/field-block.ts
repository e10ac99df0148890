// A field block that did not fit its HEADERS frame (RFC 9113 §4.3): its fragments, gathered from one CONTINUATION to the next
// until it is whole. Bounded in octets and in frames: a block that does not end is what CVE-2024-27316 and its kin send.

export interface FieldBlockLimits {
  /** octets of a header block over all its frames */
  readonly headerBlockBytesMax: number
  /** CONTINUATION frames a header block may have */
  readonly continuationsMax: number
}

/** octets of the buffer at least */
const FIRST = 1024

export class FieldBlock {
  readonly streamId: number
  /** The frame in which it began, by its number. */
  readonly frame: number
  readonly endStream: boolean
  bytes: Buffer = Buffer.allocUnsafeSlow(0)
  /** octets of {@link bytes} that are there */
  length = 0
  private fragments = 0
  private readonly limits: FieldBlockLimits

  constructor(streamId: number, frame: number, endStream: boolean, limits: FieldBlockLimits) {
    this.streamId = streamId
    this.frame = frame
    this.endStream = endStream
    this.limits = limits
  }

  /** Add the next fragment; null, or why it is one too many. */
  add(b: Buffer, start: number, end: number): string | null {
    const { headerBlockBytesMax, continuationsMax } = this.limits
    // The first is that of HEADERS.
    if (this.fragments++ > continuationsMax) return 'too many CONTINUATION frames in one header block'
    const length = this.length + end - start
    if (length > headerBlockBytesMax) return `a header block of more than ${headerBlockBytesMax} octets`
    if (this.bytes.length < length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(headerBlockBytesMax, Math.max(FIRST, length * 2)))
      this.bytes.copy(larger, 0, 0, this.length)
      this.bytes = larger
    }
    b.copy(this.bytes, this.length, start, end)
    this.length = length
    return null
  }
}
