// The parts of a route, as plain data: its matches, and the treatment of its requests.

/** The duration of a timeout that never ends, in ms. */
export const NEVER = 0

export type RouteAction =
  | {
      readonly kind: 'backend'
      /** Weights are above 0. */
      readonly to: readonly { readonly backend: string; readonly weight: number }[]
    }
  | {
      readonly kind: 'redirect'
      readonly scheme: 'http' | 'https' | null
      readonly host: string | null
      readonly port: number | null
      /** The new path, which replaces the whole path; the query stays. */
      readonly path: string | null
      readonly status: 301 | 302 | 303 | 307 | 308
    }
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly body: string
      readonly fields: readonly (readonly [string, string])[]
    }

/** A value that must be equal, must match a pattern as a whole, or must only be present. */
export interface ValueMatch {
  /** A field's name in lower case, or a query parameter's name unchanged. */
  readonly name: string
  readonly kind: 'exact' | 'pattern' | 'present'
  /** The value; '' for `present`. */
  readonly value: string
}

export interface RouteMatch {
  /** The names of listeners; empty: any. */
  readonly listeners: readonly string[]
  /** The hosts: `example.org`, `*.example.org`, with or without a port; empty: any. */
  readonly hosts: readonly string[]
  /** The path; null: any. */
  readonly path: { readonly kind: 'exact' | 'prefix' | 'pattern'; readonly value: string } | null
  /** The methods; empty: any. */
  readonly methods: readonly string[]
  readonly headers: readonly ValueMatch[]
  readonly query: readonly ValueMatch[]
}

/** The timeouts in ms; {@link NEVER} means no end. */
export interface Timeouts {
  /** The wait for a connection, while none is open. */
  readonly connectMs: number
  /** The wait for a stream on an open connection. */
  readonly leaseMs: number
  /** The wait for the response head. */
  readonly headMs: number
  /** The longest silence in a body. */
  readonly idleMs: number
  /** The longest silence in a tunnel. */
  readonly tunnelMs: number
  /** The whole exchange. */
  readonly requestMs: number
}

export interface RetryOptions {
  /** The number of attempts, including the first; 1 for no retry. */
  readonly attempts: number
  readonly connectFailure: boolean
  readonly refusedStream: boolean
  readonly closedBeforeHead: boolean
  /** Status codes, 500 to 599, for idempotent methods. */
  readonly statuses: readonly number[]
  /** The bytes of a request body that are kept for a retry. */
  readonly replayBytes: number
  readonly firstMs: number
  readonly mostMs: number
}

export interface PathOptions {
  /**
   * The treatment of a path that a backend might read as another one. `refuse`: it is refused if a route of
   * its host depends on the path. `pass`: it is never refused.
   */
  readonly ambiguous: 'refuse' | 'pass'
  /** The spelling that the backend gets: the client's, or the normalised one. */
  readonly forward: 'client' | 'normalised'
}
