// Gathers a field block that does not fit its HEADERS frame (RFC 9113 §4.3) from its CONTINUATION frames. It
// is bounded in bytes and frames, against blocks that do not end (CVE-2024-27316). A block past its bounds is
// not kept. It is still decoded, up to further bounds, because the dynamic table depends on it.

export interface FieldBlockLimits {
  /**
   * The bytes of a field block, over all its frames, that are kept. A longer block is decoded and discarded,
   * and fails its stream.
   */
  readonly headerBlockBytesMax: number
  /**
   * The number of CONTINUATION frames of a field block that is kept. One more, and the block is discarded as
   * a longer one.
   */
  readonly continuationsMax: number
  /** The bytes of a field block that is discarded. Past them the connection is closed. */
  readonly headerBlockDiscardMax: number
  /**
   * The number of CONTINUATION frames of a field block that is discarded. Past them the connection is
   * closed.
   */
  readonly continuationsDiscardMax: number
}

/** The first size of the buffer. */
const FIRST = 1024

export class FieldBlock {
  readonly streamId: number
  /** The number of the frame in which the block began. */
  readonly frame: number
  readonly endStream: boolean
  bytes: Buffer = Buffer.allocUnsafeSlow(0)
  /** The bytes in {@link bytes}. */
  length = 0
  /** True if the block is past its bounds, and discarded. */
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

  /** Counts the next fragment. Returns the reason why the connection must end, or null. */
  count(bytes: number): string | null {
    const { limits } = this
    this.total += bytes
    const { total } = this
    // The first fragment is that of HEADERS.
    const continuations = this.fragments++
    if (total <= limits.headerBlockBytesMax && continuations <= limits.continuationsMax) return null
    this.discarded = true
    const bytesMax = Math.max(limits.headerBlockDiscardMax, limits.headerBlockBytesMax)
    if (total > bytesMax) return `a field block of more than ${bytesMax} bytes`
    const continuationsMax = Math.max(limits.continuationsDiscardMax, limits.continuationsMax)
    return continuations > continuationsMax ? 'too many CONTINUATION frames in one field block' : null
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

  /** Drops the fragments. */
  drop(): void {
    this.bytes = Buffer.allocUnsafeSlow(0)
    this.length = 0
  }
}
