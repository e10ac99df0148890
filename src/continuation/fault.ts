// What went wrong, for the code that must act on it: whose fault it is, how far it reaches, and whether the
// same work may be tried again. Plain data, made once where the text does not vary. A protocol adds what it
// alone can say (http/stream-fault.ts).

export interface Fault {
  /** Stable, kebab-case: what a log line, a metric or a test names it by. */
  readonly code: string
  /** Whose fault it is: a client's, a backend's, or our own. */
  readonly side: 'frontend' | 'backend' | 'internal'
  /** How far it reaches: one stream, or its whole connection. */
  readonly scope: 'stream' | 'connection'
  /** `safe`: the other side has certainly not begun the work. */
  readonly retry: 'never' | 'safe'
  /** Human-readable. It is also sent to clients, so it must not leak internals. */
  readonly message: string
  /** For the operator alone: addresses, names, a peer's own words. */
  readonly detail?: string
}

export const fault = (
  code: string,
  side: Fault['side'],
  scope: Fault['scope'],
  retry: Fault['retry'],
  message: string,
): Fault => ({ code, side, scope, retry, message })
