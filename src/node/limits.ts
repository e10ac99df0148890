// The limits of the frontend inside a program of Node.

export interface NodeFrontendLimits {
  /** The bytes of a request body that may be buffered before reading of it pauses. */
  readonly bodyAheadBytesMax: number
  /** The bytes of interim (1xx) responses of one request that wait to be sent. More are dropped. */
  readonly interimBytesMax: number
  /** The number of targets that a function has named and that keep their connections. */
  readonly targetsMax: number
  /** The time in which a function must have named the target of a request, in ms. */
  readonly targetMs: number
  /** The number of requests for which a function may be about to name the target. One more is refused. */
  readonly targetsPendingMax: number
}

export const nodeFrontendLimits: NodeFrontendLimits = {
  bodyAheadBytesMax: 256 * 1024,
  interimBytesMax: 64 * 1024,
  targetsMax: 1_000,
  targetMs: 5_000,
  targetsPendingMax: 10_000,
}
