// The limits of a debugger. A debugger is trusted more than a client, but it must not be able to exhaust the
// memory or the time of the server by mistake.

export interface DebuggerLimits {
  /** The bytes of one message of the Debug Adapter Protocol. A longer one ends the debugger's connection. */
  readonly messageBytesMax: number
  /** The characters of a condition of a breakpoint, or of a filter of a list. A longer one is refused. */
  readonly conditionCharactersMax: number
  /** The number of attached debuggers. One more is closed when it is accepted. */
  readonly sessionsMax: number
  /**
   * The number of requests that all debuggers hold at once. One more is not held, and its debugger is told.
   * Each worker counts its own.
   */
  readonly holdsMax: number
  /** The longest time of a hold, in ms. Then the request goes on. */
  readonly holdMs: number
  /**
   * The time of a hold after the client of the request has left, in ms. Then the request goes on to its end.
   */
  readonly goneMs: number
  /**
   * The number of breakpoints and log points of all debuggers. One more is refused. Each
   * worker counts its own.
   */
  readonly breakpointsMax: number
  /** The number of lines that a log point writes in a second. Further lines are counted, and not written. */
  readonly logLinesMax: number
  /** The number of threads that a client of the Debug Adapter Protocol is shown. `list` shows the rest. */
  readonly threadsMax: number
  /** The bytes that wait to be sent to a debugger. Past them nothing more is read from it. */
  readonly outputBytesMax: number
  /**
   * The longest time from accepting a debugger's connection until it has attached, in ms. Then it is closed.
   */
  readonly attachMs: number
  /** The time between two tokens that are wrong, in ms. Until then the next one is not answered. */
  readonly tokenRetryMs: number
}

export const debuggerLimits: DebuggerLimits = {
  messageBytesMax: 65_536,
  conditionCharactersMax: 1_024,
  sessionsMax: 8,
  holdsMax: 100,
  holdMs: 300_000,
  goneMs: 5_000,
  breakpointsMax: 100,
  logLinesMax: 100,
  threadsMax: 200,
  outputBytesMax: 1_048_576,
  attachMs: 10_000,
  tokenRetryMs: 333,
}
