// What may still be on its way to a peer. Nothing tells when written bytes have arrived: the kernels on the
// way may hold some MiB of them after a write has completed. So it is bounded from above, by the slowest peer
// that is not taken for dead.

/** The slowest peer, and the most that may be on its way to it. */
export interface TransitLimits {
  /** The rate at which a slow peer is still taken for alive, in bytes a second. */
  readonly slowestBytesPerSecond: number
  /** The bytes that may be on their way to a peer: the most that the kernels of both sides hold. */
  readonly transitBytesMax: number
}

export const transitLimits: TransitLimits = {
  slowestBytesPerSecond: 16 * 1024,
  transitBytesMax: 4 * 1024 * 1024,
}

/**
 * What may be on its way on one connection. Ask it of {@link look}, which costs nothing between two
 * questions.
 */
export class Transit {
  /**
   * ms of the pollset's clock: until then the slowest peer may still be taking what was written before the
   * last look
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
   * Counts what was written since the last look, as if it had been written now; returns {@link until}.
   * @param writtenBytes of the socket, so far
   * @param now ms of the pollset's clock: not before the last of them were written
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
   * The peer has answered what was sent after the first `bytes` of all that was written: these have arrived.
   * @param writtenBytes of the socket, so far
   */
  arrived(bytes: number, writtenBytes: number, now: number): void {
    this.look(writtenBytes, now)
    this.until = Math.min(this.until, now + this.msFor(writtenBytes - bytes))
  }

  private msFor(bytes: number): number {
    return (bytes * 1_000) / this.limits.slowestBytesPerSecond
  }
}
