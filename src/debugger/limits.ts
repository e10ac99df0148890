// The bounds of a debugger. A debugger is trusted more than a client, but it must not be able to exhaust the
// memory or the time of the server by mistake.

export interface DebuggerLimits {
  /** The bytes of one message of the Debug Adapter Protocol. A longer one ends the debugger's connection. */
  readonly messageBytesMax: number
}

export const debuggerLimits: DebuggerLimits = {
  messageBytesMax: 65_536,
}
