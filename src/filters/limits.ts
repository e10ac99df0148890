// The bounds of what filters share.

export interface FilterLimits {
  /**
   * The number of passwords that are hashed at once: each takes a thread of Node's pool for its time. Each
   * worker counts its own.
   */
  readonly hashesMax: number
  /** The number of passwords that wait to be hashed. One more is refused: 503. Each worker counts its own. */
  readonly hashQueueMax: number
}

export const filterLimits: FilterLimits = {
  hashesMax: 2,
  hashQueueMax: 1_000,
}
