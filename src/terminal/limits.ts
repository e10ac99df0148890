// The limits of the commands in a terminal. They bound their own process and how long a person waits; the
// server bounds itself.

export interface TerminalLimits {
  /** The time until the connection must be open, in ms. */
  readonly connectMs: number
  /** The time until the server must have answered a request, in ms. */
  readonly answerMs: number
  /** The bytes of one answer. A list of 10,000 requests has about 5 MB. */
  readonly answerBytesMax: number
  /** The rows of one list. The server gives no more. */
  readonly rowsMax: number
  /** The time between two pictures of `top`, in ms. */
  readonly pictureMs: number
  /** The rows that `top` asks for, besides those that were scrolled past: the server makes no others. */
  readonly pictureRows: number
  /** The default time for which a script's `wait` waits for a stop, in ms. */
  readonly stopMs: number
  /** The lines that `debug` remembers. */
  readonly historyMax: number
}

export const terminalLimits: TerminalLimits = {
  connectMs: 5_000,
  answerMs: 10_000,
  answerBytesMax: 64 * 1024 * 1024,
  rowsMax: 10_000,
  pictureMs: 500,
  pictureRows: 100,
  stopMs: 60_000,
  historyMax: 500,
}
