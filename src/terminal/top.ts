// `fermata top`: a picture of a server, twice a second, until a key ends it. Without a terminal it
// is printed once.

import type { Key } from 'node:readline'
import type { Overview, Row } from '../debugger/index.js'
import { type Asker, asking } from './asker.js'
import { TerminalError, type TerminalOptions } from './connecting.js'
import { helpFrame, topFrame } from './frame.js'
import { terminalLimits } from './limits.js'
import { Screen } from './screen.js'

const SORTS = ['age', 'held', 'path', 'step', 'id'] as const
const PAGE_ROWS = 10

/** The picture that is printed without a terminal. */
const PLAIN = { width: 120, height: 60, sort: 'age', filter: '', offset: 0, message: ' ' }

export function top(address: string, options: TerminalOptions): Promise<void> {
  return asking(address, options, async (asker) => {
    const { stdin, stdout } = process
    if (stdout.isTTY && stdin.isTTY) await new Top(asker).run()
    else {
      const { overview, rows, matched } = await ask(asker, { ...PLAIN, descending: false })
      stdout.write(`${topFrame(overview, rows, matched, PLAIN).join('\n').trimEnd()}\n`)
    }
  })
}

/** An answer and its question. The picture shows a question only when its answer has come. */
interface Answer {
  readonly sort: string
  readonly filter: string
  readonly overview: Overview
  readonly rows: readonly Row[]
  readonly matched: number
}

interface Question {
  readonly sort: string
  readonly descending: boolean
  readonly filter: string
  readonly offset: number
}

async function ask(asker: Asker, { sort, descending, filter, offset }: Question): Promise<Answer> {
  const { pictureRows, rowsMax } = terminalLimits
  const limit = Math.min(rowsMax, offset + pictureRows)
  // One answer has both the counts and the rows, so they belong to one picture.
  const answer = await asker.list({ sort, descending, filter, limit, overview: true })
  const order = descending ? `${sort} reversed` : sort
  const { rows, matched } = answer
  return {
    sort: order,
    filter,
    overview: answer as unknown as Overview,
    rows: rows as Row[],
    matched: Number(matched),
  }
}

class Top {
  private readonly asker: Asker
  private readonly screen = new Screen()
  private answer: Answer | null = null
  private sort = 0
  private reversed = false
  private filter = ''
  /** The last filter that the server accepted. */
  private takenFilter = ''
  /** The filter being typed; null while none is. */
  private typed: string | null = null
  private offset = 0
  private message = ''
  private showsHelp = false
  private asking = false
  /** True if the question has changed since it was asked. */
  private stale = false
  private ended: (error: Error | null) => void = () => {}

  constructor(asker: Asker) {
    this.asker = asker
  }

  async run(): Promise<void> {
    const { screen, asker } = this
    const over = new Promise<void>((resolve, reject) => {
      this.ended = (error) => (error === null ? resolve() : reject(error))
    })
    asker.onClosed = (error) => this.ended(error)
    screen.onKey = (text, key) => this.key(text, key)
    screen.onResize = () => this.paint()
    screen.onGone = () => this.ended(null)
    screen.open()
    const timer = setInterval(() => void this.refresh(), terminalLimits.pictureMs)
    try {
      void this.refresh()
      await over
    } finally {
      clearInterval(timer)
      screen.close()
    }
  }

  /** Asks the server, and shows its answer. */
  private async refresh(): Promise<void> {
    this.stale = this.asking
    if (this.asking) return
    this.asking = true
    const { filter } = this
    try {
      const { sort, reversed: descending, offset } = this
      this.answer = await ask(this.asker, { sort: SORTS[sort], descending, filter, offset })
      this.offset = this.inList(this.offset)
      this.takenFilter = filter
    } catch (error) {
      if (!(error instanceof TerminalError)) this.ended(error as Error)
      else {
        this.message = error.message
        if (this.filter === filter) this.filter = this.takenFilter
      }
    }
    this.asking = false
    this.paint()
    if (this.stale) void this.refresh()
  }

  private paint(): void {
    const { size, hasColors: colors } = this.screen
    if (this.showsHelp) this.screen.paint(helpFrame(size))
    else if (this.answer !== null) {
      const { overview, rows, matched, sort, filter } = this.answer
      const { typed, offset } = this
      const message = typed === null ? this.message : `filter: ${typed}▏  Enter applies it, Esc leaves`
      const view = { ...size, sort, filter, offset, message, colors }
      this.screen.paint(topFrame(overview, rows, matched, view))
    }
  }

  private key(text: string, { name, ctrl }: Key): void {
    const isTyping = this.typed !== null
    this.message = ''
    if (ctrl === true && name === 'c') this.ended(null)
    else if (isTyping) this.typing(text, name)
    else if (this.showsHelp) this.showsHelp = false
    else if (name === 'q' || name === 'escape') this.ended(null)
    else if (name === 's') this.sort = (this.sort + 1) % SORTS.length
    else if (name === 'r') this.reversed = !this.reversed
    else if (text === '/') this.typed = this.filter
    else if (text === '?' || name === 'h') this.showsHelp = true
    else this.scroll(name)
    this.paint()
    if (!isTyping || this.typed === null) void this.refresh()
  }

  private typing(text: string, name: string | undefined): void {
    const typed = this.typed as string
    if (name === 'return') {
      this.filter = typed
      this.typed = null
      this.offset = 0
    } else if (name === 'escape') this.typed = null
    else if (name === 'backspace') this.typed = typed.slice(0, -1)
    else if (/^[\x20-\x7e]+$/.test(text)) this.typed = typed + text
  }

  private scroll(key: string | undefined): void {
    const { rowsMax } = terminalLimits
    const by = { down: 1, up: -1, pagedown: PAGE_ROWS, pageup: -PAGE_ROWS, home: -rowsMax, end: rowsMax }
    this.offset = this.inList(this.offset + (by[key as keyof typeof by] ?? 0))
  }

  /** Returns the nearest offset that has a row. */
  private inList(offset: number): number {
    const rows = Math.min(terminalLimits.rowsMax, this.answer?.matched ?? 0)
    return Math.max(0, Math.min(offset, rows - 1))
  }
}
