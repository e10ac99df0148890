// The limits of the admin listener.

export interface AdminLimits {
  /** The number of connections that are open at once. One more is closed when it is accepted. */
  readonly connectionsMax: number
  /** The bytes of a request's body, which must arrive whole before it is answered. */
  readonly bodyBytesMax: number
  /** The longest time from the head of a request until its body is whole, in ms. */
  readonly bodyMs: number
  /** The longest time for making an answer and sending it, in ms. */
  readonly answerMs: number
}

export const adminLimits: AdminLimits = {
  connectionsMax: 64,
  bodyBytesMax: 64 * 1024,
  bodyMs: 10_000,
  answerMs: 30_000,
}
