// The bounds of a debugger. A debugger is trusted more than a client, but it must not be able to exhaust the
// memory or the time of the server by mistake.

export interface DebuggerLimits {
  /** The bytes of one message of the Debug Adapter Protocol. A longer one ends the debugger's connection. */
  readonly messageBytesMax: number
  /** The characters of a condition of a breakpoint, or of a filter of a list. A longer one is refused. */
  readonly conditionCharactersMax: number
}

export const debuggerLimits: DebuggerLimits = {
  messageBytesMax: 65_536,
  conditionCharactersMax: 1_024,
}
