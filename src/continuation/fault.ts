// A fault: its side, its scope, and whether the same work may be tried again. It is plain data, made once
// where its text does not vary. A protocol adds its own properties (http/stream-fault.ts).

export interface Fault {
  /** A stable name in kebab-case, for logs, metrics and tests. */
  readonly code: string
  /** The side at fault: a client, a backend, or this program. */
  readonly side: 'frontend' | 'backend' | 'internal'
  /** The scope that it ends: one stream, or its whole connection. */
  readonly scope: 'stream' | 'connection'
  /** `safe`: the other side has certainly not begun the work, so it may be sent again. */
  readonly retry: 'never' | 'safe'
  /** Human-readable. It is also sent to clients, so it must not leak internals. */
  readonly message: string
  /** For the operator only: addresses, names, the peer's own text. */
  readonly detail?: string
}

export const fault = (
  code: string,
  side: Fault['side'],
  scope: Fault['scope'],
  retry: Fault['retry'],
  message: string,
): Fault => ({ code, side, scope, retry, message })
