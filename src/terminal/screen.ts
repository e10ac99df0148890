// A screen of lines in a terminal: the alternate screen and raw keys. The terminal is restored however
// the process ends.

import { emitKeypressEvents, type Key } from 'node:readline'

const ENTER = '\x1b[?1049h\x1b[?25l'
const LEAVE = '\x1b[?25h\x1b[?1049l'
const CLEAR = '\x1b[2J'

/** The size of a terminal that does not report one. */
const COLUMNS = 80
const ROWS = 24

/** Signals that end the process. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const

/** Returns the columns and rows of a terminal. */
export const sizeOf = ({ columns, rows }: { columns?: number; rows?: number }) => ({
  width: columns || COLUMNS,
  height: rows || ROWS,
})

/**
 * Returns the bytes that turn the lines on the screen into these; equal lines are not written. A line is
 * erased before it is written, since behind a line of full width the cursor still stands on its last cell.
 */
export function repaint(shown: readonly string[], lines: readonly string[]): string {
  let text = ''
  for (let at = 0; at < Math.max(shown.length, lines.length); at++)
    if (lines[at] !== shown[at]) text += `\x1b[${at + 1};1H\x1b[K${lines[at] ?? ''}`
  return text
}

export class Screen {
  /** Is told of each key. */
  onKey: (text: string, key: Key) => void = () => {}
  /** Is called when the size of the terminal has changed, so that the caller draws again. */
  onResize: () => void = () => {}
  /** Is called when the terminal has gone. */
  onGone: () => void = () => {}
  private shown: readonly string[] = []
  private isOpen = false
  private readonly input = process.stdin
  private readonly output = process.stdout

  get size(): { width: number; height: number } {
    return sizeOf(this.output)
  }

  /** False if the user wants no colours (NO_COLOR), or if the terminal has none. */
  get hasColors(): boolean {
    return this.output.hasColors()
  }

  open(): void {
    process.on('exit', this.restore)
    for (const signal of SIGNALS) process.on(signal, this.killed)
    emitKeypressEvents(this.input)
    this.input.setRawMode(true)
    this.input.on('keypress', this.pressed).on('end', this.gone)
    this.input.resume()
    this.output.on('resize', this.resized)
    this.isOpen = true
    this.output.write(ENTER + CLEAR)
  }

  /** Shows these lines. After the screen has closed it does nothing, since an answer may come later. */
  paint(lines: readonly string[]): void {
    if (!this.isOpen) return
    const text = repaint(this.shown, lines)
    this.shown = lines
    if (text !== '') this.output.write(text)
  }

  close(): void {
    this.isOpen = false
    this.input.off('keypress', this.pressed).off('end', this.gone)
    this.input.pause()
    this.output.off('resize', this.resized)
    process.off('exit', this.restore)
    for (const signal of SIGNALS) process.off(signal, this.killed)
    this.restore()
  }

  private readonly restore = (): void => {
    this.input.setRawMode(false)
    this.output.write(LEAVE)
  }

  /** Restores the terminal, and dies by the signal as if it had not been caught. */
  private readonly killed = (signal: NodeJS.Signals): void => {
    this.close()
    process.kill(process.pid, signal)
  }

  private readonly pressed = (text: string | undefined, key: Key): void => this.onKey(text ?? '', key)

  private readonly resized = (): void => {
    this.shown = []
    this.output.write(CLEAR)
    this.onResize()
  }

  private readonly gone = (): void => this.onGone()
}
