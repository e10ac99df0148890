// What went wrong, told so that whoever hears of it knows what to do: who it was, how far it reaches,
// and whether the same work may be tried again. Plain data; made once where the text does not vary.

export interface Fault {
  /** Stable, kebab-case: what a log line, a metric or a test names it by. */
  readonly code: string
  /** Whose doing: the peer in front, the peer behind, or ourselves. */
  readonly side: 'frontend' | 'backend' | 'internal'
  /** How far it reaches. */
  readonly scope: 'stream' | 'connection'
  /** `safe`: the other side has certainly not begun the work (RFC 9113 §8.7). */
  readonly retry: 'never' | 'safe'
  /** For a person, whoever that is: a client reads it too. */
  readonly message: string
  /** The connection had served before, and ended with nothing said: for all that one can tell, before the work came. */
  readonly stale?: boolean
  /**
   * The attempt does not count. `not-begun`: the other side has said so, and served others. `neighbour`: it ended for
   * another's sake, whose fault it was or who took the room; not for ever, so whoever counts bounds it.
   */
  readonly uncounted?: 'not-begun' | 'neighbour'
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
