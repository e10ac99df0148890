// The limits of the things that filters share.

export interface FilterLimits {
  /**
   * The number of passwords that are hashed at once, each in a thread of its own, which is nicer than the
   * loop. Each worker counts its own.
   */
  readonly hashesMax: number
  /**
   * The number of passwords that wait to be hashed; of each client, at most the number that is hashed at
   * once. One more is refused: 503. Each worker counts its own.
   */
  readonly hashQueueMax: number
  /**
   * The pieces of bodies, of 16 KiB, that are coded at once: each takes a thread of Node's pool, which has
   * four unless UV_THREADPOOL_SIZE changes that.
   */
  readonly codingsMax: number
  /** The number of pieces that wait to be coded. One more is tried again, 10 ms later. */
  readonly codingQueueMax: number
  /**
   * The number of passwords of one client, by IPv4 address or the /64 of an IPv6 address, that are hashed or
   * wait at once. One more is refused: 429. Each worker counts its own.
   */
  readonly hashesPerClientMax: number
}

export const filterLimits: FilterLimits = {
  hashesMax: 2,
  hashQueueMax: 1_000,
  codingsMax: 3,
  codingQueueMax: 10_000,
  hashesPerClientMax: 16,
}
