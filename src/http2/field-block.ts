// A field block that did not fit its HEADERS frame (RFC 9113 §4.3): its fragments, gathered from one
// CONTINUATION to the next until it is whole. Bounded in bytes and in frames: a block that does not end is
// what CVE-2024-27316 and its kin send. A block past its bounds is not kept: it is only decoded, for the
// table's sake, up to further bounds.

export interface FieldBlockLimits {
  /**
   * The bytes of a header block, over all its frames, that are kept. A longer block is decoded and discarded,
   * and fails its stream.
   */
  readonly headerBlockBytesMax: number
  /**
   * The number of CONTINUATION frames of a header block that is kept. One more, and the block is discarded as
   * a longer one.
   */
  readonly continuationsMax: number
  /** The bytes of a header block that is discarded. Past them the connection is closed. */
  readonly headerBlockDiscardMax: number
  /**
   * The number of CONTINUATION frames of a header block that is discarded. Past them the connection is
   * closed.
   */
  readonly continuationsDiscardMax: number
}

/** bytes of the buffer at least */
const FIRST = 1024

export class FieldBlock {
  readonly streamId: number
  /** The frame in which it began, by its number. */
  readonly frame: number
  readonly endStream: boolean
  bytes: Buffer = Buffer.allocUnsafeSlow(0)
  /** bytes of {@link bytes} that are there */
  length = 0
  /** It is past its bounds, and discarded. */
  discarded = false
  private total = 0
  private fragments = 0
  private readonly limits: FieldBlockLimits

  constructor(streamId: number, frame: number, endStream: boolean, limits: FieldBlockLimits) {
    this.streamId = streamId
    this.frame = frame
    this.endStream = endStream
    this.limits = limits
  }

  /** Counts the next fragment; null, or why it is one too many for the connection. */
  count(bytes: number): string | null {
    const { limits } = this
    this.total += bytes
    const { total } = this
    // The first fragment is that of HEADERS.
    const continuations = this.fragments++
    if (total <= limits.headerBlockBytesMax && continuations <= limits.continuationsMax) return null
    this.discarded = true
    const bytesMax = Math.max(limits.headerBlockDiscardMax, limits.headerBlockBytesMax)
    if (total > bytesMax) return `a header block of more than ${bytesMax} bytes`
    const continuationsMax = Math.max(limits.continuationsDiscardMax, limits.continuationsMax)
    return continuations > continuationsMax ? 'too many CONTINUATION frames in one header block' : null
  }

  /** Keeps a fragment that was counted. */
  keep(b: Buffer, start: number, end: number): void {
    const length = this.length + end - start
    if (this.bytes.length < length) {
      const room = Math.min(this.limits.headerBlockBytesMax, Math.max(FIRST, length * 2))
      const larger = Buffer.allocUnsafeSlow(room)
      this.bytes.copy(larger, 0, 0, this.length)
      this.bytes = larger
    }
    b.copy(this.bytes, this.length, start, end)
    this.length = length
  }

  /** Lets go of what was kept. */
  drop(): void {
    this.bytes = Buffer.allocUnsafeSlow(0)
    this.length = 0
  }
}
