// Estimates how many bytes may still be on their way to a peer. Nothing tells when written bytes have
// arrived: kernels may hold some MiB after a write has completed. The estimate is an upper bound, for the
// slowest peer that still counts as alive.

/** The rate of the slowest peer, and the most bytes that may be on their way to it. */
export interface TransitLimits {
  /** The rate at which a slow peer still counts as alive, in bytes a second. */
  readonly slowestBytesPerSecond: number
  /** The bytes that may be on their way to a peer: the most that the kernels of both sides hold. */
  readonly transitBytesMax: number
}

export const transitLimits: TransitLimits = {
  slowestBytesPerSecond: 16 * 1024,
  transitBytesMax: 4 * 1024 * 1024,
}

/**
 * The bytes that may be on their way on one connection. {@link look} updates the estimate; nothing
 * runs in between.
 */
export class Transit {
  /**
   * The time by which the slowest peer has taken everything written before the last look: ms of the
   * pollset's clock.
   */
  until: number
  private written: number
  private readonly limits: TransitLimits

  constructor(limits: TransitLimits) {
    this.until = 0
    this.written = 0
    this.limits = limits
  }

  /**
   * Counts bytes written since the last look as if they were written now. Returns {@link until}.
   * @param writtenBytes all bytes written to the socket
   * @param now ms of the pollset's clock, not before the last write
   */
  look(writtenBytes: number, now: number): number {
    const bytes = writtenBytes - this.written
    if (bytes > 0) {
      this.written = writtenBytes
      const { transitBytesMax } = this.limits
      const latest = now + this.msFor(transitBytesMax)
      this.until = Math.min(latest, Math.max(this.until, now) + this.msFor(bytes))
    }
    return this.until
  }

  /**
   * Notes that the first `bytes` written have arrived: the peer has answered what followed them.
   * @param writtenBytes all bytes written to the socket
   */
  arrived(bytes: number, writtenBytes: number, now: number): void {
    this.look(writtenBytes, now)
    this.until = Math.min(this.until, now + this.msFor(writtenBytes - bytes))
  }

  private msFor(bytes: number): number {
    return (bytes * 1_000) / this.limits.slowestBytesPerSecond
  }
}
