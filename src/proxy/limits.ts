// The limits of an exchange, with their units and defaults. spec/exchange.md says what happens at each.

export interface ProxyLimits {
  /** ms that a request waits for a stream on a backend connection: 503 */
  readonly leaseTimeoutMs: number
  /**
   * ms from the last byte of the request that was sent to the final response head: 504, or 408 if the client
   * has not sent the rest. After a body it counts from when all of it may have arrived
   * (slowestBytesPerSecond)
   */
  readonly headTimeoutMs: number
  /**
   * ms after the final head in which no byte leaves in either direction: the stream is reset. If a side does
   * not read, it counts from when all that it was sent may have arrived (slowestBytesPerSecond)
   */
  readonly bodyTimeoutMs: number
  /**
   * bytes that must move in each bodyTimeoutMs (before the head: headTimeoutMs) while a side owes some: it
   * has announced them by content-length, or does not read what waits for it
   */
  readonly bodyBytesMin: number
  /** ms from receiving a request to its end, whatever moves: 408, 503, 504, or the stream is reset */
  readonly exchangeTimeoutMs: number
  /** ms in which no byte leaves in either direction of a tunnel: it is closed */
  readonly tunnelIdleMs: number
  /** tunnels that are requested or open; one more gets 503 */
  readonly tunnelsMax: number
  /** ms after receiving a request in which it may be sent again; later: 504 */
  readonly retryTimeoutMs: number
  /** times that a request is sent at most, the first included */
  readonly attemptsMax: number
  /** attempts beside attemptsMax, on connections that had served before and closed without a word */
  readonly staleAttemptsMax: number
  /** attempts beside attemptsMax, on connections that were ended because of another request */
  readonly neighbourAttemptsMax: number
  /** bytes of a request body that are kept for a retry; a longer body is sent once */
  readonly replayBytesMax: number
}

export const proxyLimits: ProxyLimits = {
  leaseTimeoutMs: 10_000,
  headTimeoutMs: 60_000,
  bodyTimeoutMs: 60_000,
  bodyBytesMin: 6_000,
  exchangeTimeoutMs: 24 * 60 * 60 * 1000,
  tunnelIdleMs: 3_600_000,
  tunnelsMax: 10_000,
  retryTimeoutMs: 30_000,
  attemptsMax: 3,
  staleAttemptsMax: 4,
  neighbourAttemptsMax: 2,
  replayBytesMax: 65_536,
}
