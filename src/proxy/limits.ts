// The limits of an exchange, with their units and defaults. spec/exchange.md says what happens at each.

export interface ProxyLimits {
  /** The longest wait of a request for a stream on a backend connection, in ms. After it: 503. */
  readonly leaseTimeoutMs: number
  /**
   * The longest wait for the final response head after the last byte of the request, in ms. After it: 504, or
   * 408 if the client has not sent the rest. The time begins when the body may have arrived
   * (slowestBytesPerSecond).
   */
  readonly headTimeoutMs: number
  /**
   * The longest time, after the final response head, in which no byte leaves in either direction, in ms.
   * After it the stream is reset. For a side that does not read, the time begins when everything sent to it
   * may have arrived (slowestBytesPerSecond).
   */
  readonly bodyTimeoutMs: number
  /**
   * The bytes that must move in each bodyTimeoutMs (before the response head: headTimeoutMs) while a side
   * owes some: it has announced them by content-length, or does not read the bytes that wait for it.
   */
  readonly bodyBytesMin: number
  /**
   * The longest time from receiving a request to its end, even if bytes move, in ms. After it: 408, 503 or
   * 504, or the stream is reset.
   */
  readonly exchangeTimeoutMs: number
  /**
   * The longest time in which no byte leaves in either direction of a tunnel, in ms. After it the tunnel is
   * closed.
   */
  readonly tunnelIdleMs: number
  /** The number of tunnels that are requested or open. One more gets 503. Each worker counts its own. */
  readonly tunnelsMax: number
  /** The time after receiving a request in which it may be sent again, in ms. Later: 504. */
  readonly retryTimeoutMs: number
  /** The number of times that a request is sent, including the first. */
  readonly attemptsMax: number
  /**
   * The number of further attempts after connections that had served before and closed without a response.
   */
  readonly staleAttemptsMax: number
  /** The number of further attempts after connections that were closed because of another request. */
  readonly neighbourAttemptsMax: number
  /** The bytes of a request body that are kept for a retry. A longer body is sent once. */
  readonly replayBytesMax: number
  /**
   * The bytes of a head that a filter has changed, as RFC 9113 counts them. A write past it fails the filter.
   */
  readonly filterHeadBytesMax: number
  /** The longest time of one look-up of a backend's endpoints, in ms, including all its questions. */
  readonly discoveryTimeoutMs: number
  /** The number of endpoints that a backend takes from DNS. The rest are left out. */
  readonly discoveredEndpointsMax: number
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
  filterHeadBytesMax: 49_152,
  discoveryTimeoutMs: 10_000,
  discoveredEndpointsMax: 1_000,
}

/** Returns the time in which some of an answer of ours must leave, in ms. It has an end in any case. */
export const answerMs = ({ bodyTimeoutMs }: ProxyLimits): number =>
  Number.isFinite(bodyTimeoutMs) ? bodyTimeoutMs : proxyLimits.bodyTimeoutMs
