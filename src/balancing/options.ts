// The options of balancing and health checks, as plain data.

/** The input of a hash, or a cookie's name. */
export interface HashKeyOptions {
  readonly kind: 'address' | 'field' | 'cookie'
  /** The name of the field or cookie; '' for `address`. */
  readonly name: string
}

export interface BalanceOptions {
  readonly policy: 'round-robin' | 'least-requests' | 'random' | 'hash'
  /** The input of the policy `hash`; null for other policies. */
  readonly key: HashKeyOptions | null
  /** The multiple of the mean load above which a hashed endpoint is passed over; 0 for no bound. */
  readonly bound: number
  readonly slowStartMs: number
  /** Keeps a client at its endpoint by a cookie; null for none. */
  readonly affinity: {
    readonly cookie: string
    /** The key of the cookies; null: one is made at the start. */
    readonly key: string | null
  } | null
}

export interface ActiveHealthOptions {
  readonly kind: 'http' | 'grpc' | 'tcp'
  /** The path, for http. */
  readonly path: string
  readonly host: string | null
  /** http: inclusive ranges of status codes that pass. */
  readonly status: readonly (readonly [number, number])[]
  /** grpc: the service name; '' for the server. */
  readonly service: string
  readonly intervalMs: number
  readonly timeoutMs: number
  /** The number of passed checks in a row until an endpoint is up, and of failed ones until it is down. */
  readonly healthy: number
  readonly unhealthy: number
  /** The state of a new endpoint. `check`: it gets no request before it has passed. */
  readonly initial: 'up' | 'check'
}

export interface PassiveHealthOptions {
  /** The number of failures in a row that eject; 0 for never. */
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
