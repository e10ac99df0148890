// `fermata top`: the picture of a server, twice a second, until a key ends it. Without a terminal it is
// printed once.

import { emitKeypressEvents, type Key } from 'node:readline'
import type { Overview, Row } from '../debugger/index.js'
import { Client, TerminalError, type TerminalOptions } from './client.js'
import { topFrame } from './frame.js'

const PERIOD_MS = 500
/**
 * The rows that are asked for, besides those that were scrolled past. The server makes rows only of these.
 */
const ROWS = 100
const SORTS = ['age', 'held', 'path', 'step', 'id'] as const

const ENTER = '\x1b[?1049h\x1b[?25l'
const LEAVE = '\x1b[?25h\x1b[?1049l'

export function top(address: string, options: TerminalOptions): Promise<void> {
  return Client.with(address, options, async (client) => {
    const { stdin, stdout } = process
    if (stdout.isTTY && stdin.isTTY) await new Screen(client).run()
    else {
      const view = { width: 120, height: 60, sort: 'age', filter: '', offset: 0, message: ' ' }
      const lines = topFrame(...(await ask(client, 'age', '')), view)
      stdout.write(`${lines.join('\n').trimEnd()}\n`)
    }
  })
}

async function ask(
  client: Client,
  sort: string,
  filter: string,
  offset = 0,
): Promise<[Overview, Row[], number]> {
  const overview = (await client.request('fermata/top')) as unknown as Overview
  const { rows, matched } = await client.request('fermata/list', { sort, filter, limit: offset + ROWS })
  return [overview, rows as Row[], Number(matched)]
}

class Screen {
  private readonly client: Client
  private shown: string[] = []
  private sort = 0
  private filter = ''
  /** The filter that is being typed; null while none is. */
  private typed: string | null = null
  private offset = 0
  private matched = 0
  private message = ''
  private ended: (error: Error | null) => void = () => {}
  private busy = false

  constructor(client: Client) {
    this.client = client
  }

  async run(): Promise<void> {
    const { stdin, stdout } = process
    const restore = (): void => {
      stdin.setRawMode(false)
      stdout.write(LEAVE)
    }
    process.on('exit', restore)
    emitKeypressEvents(stdin)
    stdin.setRawMode(true)
    stdin.resume()
    stdout.write(ENTER)
    const onKey = (text: string | undefined, key: Key): void => this.key(text ?? '', key)
    const onResize = (): void => {
      this.shown = []
      stdout.write('\x1b[2J')
      void this.draw()
    }
    stdin.on('keypress', onKey)
    stdout.on('resize', onResize)
    const timer = setInterval(() => void this.draw(), PERIOD_MS)
    try {
      await new Promise<void>((resolve, reject) => {
        this.ended = (error) => (error === null ? resolve() : reject(error))
        this.client.onClosed = () => this.ended(new TerminalError('the server has closed the connection'))
        void this.draw()
      })
    } finally {
      clearInterval(timer)
      stdin.off('keypress', onKey)
      stdout.off('resize', onResize)
      stdin.pause()
      process.off('exit', restore)
      restore()
    }
  }

  private async draw(): Promise<void> {
    if (this.busy) return
    this.busy = true
    try {
      const sort = SORTS[this.sort]
      const [overview, rows, matched] = await ask(this.client, sort, this.filter, this.offset)
      this.matched = matched
      const { columns: width, rows: height } = process.stdout
      const message = this.typed === null ? this.message : `filter: ${this.typed}▏  Enter applies, Esc leaves`
      const view = { width, height, sort, filter: this.filter, offset: this.offset, message }
      this.paint(topFrame(overview, rows, matched, view))
    } catch (error) {
      if (!(error instanceof TerminalError)) this.ended(error as Error)
      else {
        this.message = error.message
        this.filter = ''
      }
    } finally {
      this.busy = false
    }
  }

  /** Writes the lines that have changed. */
  private paint(lines: string[]): void {
    let text = ''
    for (const [at, line] of lines.entries())
      if (line !== this.shown[at]) text += `\x1b[${at + 1};1H${line}\x1b[K`
    this.shown = lines
    if (text !== '') process.stdout.write(text)
  }

  private key(text: string, { name, ctrl }: Key): void {
    if (ctrl === true && name === 'c') this.ended(null)
    else if (this.typed !== null) this.typing(text, name)
    else if (name === 'q' || name === 'escape') this.ended(null)
    else if (name === 's') this.sort = (this.sort + 1) % SORTS.length
    else if (text === '/') this.typed = this.filter
    else if (name === 'down') this.scroll(1)
    else if (name === 'up') this.scroll(-1)
    else if (name === 'pagedown') this.scroll(10)
    else if (name === 'pageup') this.scroll(-10)
    void this.draw()
  }

  private typing(text: string, name: string | undefined): void {
    const typed = this.typed as string
    if (name === 'return') {
      this.filter = typed
      this.typed = null
      this.message = ''
      this.offset = 0
    } else if (name === 'escape') this.typed = null
    else if (name === 'backspace') this.typed = typed.slice(0, -1)
    else if (/^[\x20-\x7e]+$/.test(text)) this.typed = typed + text
  }

  private scroll(rows: number): void {
    this.offset = Math.max(0, Math.min(this.offset + rows, this.matched - 1))
  }
}
