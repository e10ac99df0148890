// The options of balancing and health checks, as plain data.

/** What a hash is made of, or a cookie's name. */
export interface HashKeyOptions {
  readonly kind: 'address' | 'field' | 'cookie'
  /** The name of the field or cookie; '' for `address`. */
  readonly name: string
}

export interface BalanceOptions {
  readonly policy: 'round-robin' | 'least-requests' | 'random' | 'hash'
  /** For `hash`. */
  readonly key: HashKeyOptions | null
  /** A hashed endpoint above this multiple of the mean load is passed over; 0 for no bound. */
  readonly bound: number
  readonly slowStartMs: number
  /** Keeps a client at its endpoint by a cookie; null for none. */
  readonly affinity: {
    readonly cookie: string
    /** Null: made at start. */
    readonly key: string | null
  } | null
}

export interface ActiveHealthOptions {
  readonly kind: 'http' | 'grpc' | 'tcp'
  /** http */
  readonly path: string
  readonly host: string | null
  /** http: inclusive ranges of status codes that pass. */
  readonly status: readonly (readonly [number, number])[]
  /** grpc: the service name; '' for the server. */
  readonly service: string
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Passed checks in a row until it is up, and failed ones until it is down. */
  readonly healthy: number
  readonly unhealthy: number
  /** `check`: a new endpoint gets no request before it has passed. */
  readonly initial: 'up' | 'check'
}

export interface PassiveHealthOptions {
  /** Failures in a row that eject; 0 for never. */
  readonly consecutive: number
  /** The share of failures that ejects, 0 to 1, of at least `rateLeast` requests in `rateMs`; 0 for never. */
  readonly rate: number
  readonly rateLeast: number
  readonly rateMs: number
  /** The time of the first ejection; the n-th lasts n times as long, up to ejectionMostMs. */
  readonly ejectionMs: number
  readonly ejectionMostMs: number
  /** The share of endpoints that may be ejected, 0 to 1. */
  readonly ejectedMax: number
}
