// The bounds of an exchange: names, defaults, units. What happens at each is in spec/exchange.md.

export interface ProxyLimits {
  /** ms a request waits for a stream on a session: 503 */
  readonly leaseTimeoutMs: number
  /**
   * ms from the last octet of the request that was sent to the final response head: 504; 408 where the client
   * owes the rest. Of a body from when it may have arrived (slowestBytesPerSecond)
   */
  readonly headTimeoutMs: number
  /**
   * ms after the final head without an octet leaving in either direction: reset. Where a side does not take
   * what waits for it, from when what it was sent may have arrived (slowestBytesPerSecond)
   */
  readonly bodyTimeoutMs: number
  /**
   * octets that must move in each bodyTimeoutMs (or headTimeoutMs, before the head) while either side owes
   * them: it has promised them by content-length, or does not take what waits for it
   */
  readonly bodyBytesMin: number
  /** ms from receiving a request to its end, whatever moves: 408, 503 or 504, or reset */
  readonly exchangeTimeoutMs: number
  /** ms without an octet leaving in either direction of a tunnel: it is ended */
  readonly tunnelIdleMs: number
  /** tunnels asked for or open: further ones get 503 */
  readonly tunnelsMax: number
  /** ms from receiving a request to its last permitted retry: 504 */
  readonly retryTimeoutMs: number
  /** how often one request is sent, the first time included */
  readonly attemptsMax: number
  /**
   * attempts on connections that had served before and ended with nothing said, which are not counted in
   * those
   */
  readonly staleAttemptsMax: number
  /**
   * attempts that ended for the sake of another request on the same connection, which are not counted in
   * those
   */
  readonly neighbourAttemptsMax: number
  /** octets of a request body kept for a retry */
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
