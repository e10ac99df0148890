// `fermata debug`: the commands of the debugger at a prompt, with history and completion. From a pipe it runs
// commands one after the other, up to the first that fails, or all of them.

import { createInterface, type Interface } from 'node:readline'
import type { DapObject } from '../debugger/index.js'
import { Client } from './client.js'
import { RefusedError, TerminalError, type TerminalOptions } from './connecting.js'
import { terminalLimits } from './limits.js'
import { printableLines } from './table.js'

const PROMPT = '(fermata) '

export interface DebugOptions extends TerminalOptions {
  /** True: a script continues after a command that fails. */
  readonly keepGoing?: boolean
}

export function debug(address: string, options: DebugOptions): Promise<void> {
  return Client.with(address, options, (client) => {
    const { stdin, stdout } = process
    return stdin.isTTY && stdout.isTTY
      ? new Prompt(client).converse(address)
      : runScript(client, options.keepGoing === true)
  })
}

/** Returns the command of a line, or '' for an empty line or a comment. */
const commandOf = (line: string): string => (/^\s*#/.test(line) ? '' : line.trim())

const isEnd = (command: string): boolean => command === 'quit' || command === 'exit' || command === 'q'

/** The stops that a script has not yet waited for. */
class Stops {
  private count = 0
  private came: (() => void) | null = null

  add(): void {
    if (this.came === null) this.count++
    else this.came()
  }

  /** Takes a stop. If there is none, it waits for one, up to this time. */
  take(ms: number): Promise<void> {
    if (this.count > 0) {
      this.count--
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.came = null
        reject(new RefusedError(`nothing has stopped in ${ms / 1000} s`))
      }, ms)
      this.came = () => {
        clearTimeout(timer)
        this.came = null
        resolve()
      }
    })
  }

  /** Stops waiting, since the server has closed the connection. */
  end(): void {
    this.came?.()
  }
}

const WAIT = /^wait(?:\s+(\d{1,6}))?$/

/** Runs the lines of standard input, up to the first that fails unless `keepsGoing`. */
async function runScript(client: Client, keepsGoing: boolean): Promise<void> {
  const script = createInterface({ input: process.stdin })
  let lost: TerminalError | null = null
  const stops = new Stops()
  client.onEvent = (event, body) => {
    writeLines(eventText(event, body))
    if (event === 'stopped') stops.add()
  }
  client.onClosed = (error) => {
    lost = error
    stops.end()
    script.close()
  }
  for await (const line of script) {
    if (lost !== null) break
    const command = commandOf(line)
    if (isEnd(command)) break
    if (command === '') continue
    try {
      const wait = WAIT.exec(command)
      if (wait === null) writeLines(await client.run(command))
      else await stops.take(wait[1] === undefined ? terminalLimits.stopMs : Number(wait[1]) * 1000)
    } catch (error) {
      if (!keepsGoing || !(error instanceof RefusedError)) throw error
      process.stderr.write(`error: ${printableLines(error.message)}\n`)
      process.exitCode = 1
    }
  }
  if (lost !== null) throw lost
}

/** Writes text of the server; nothing if it is empty. */
function writeLines(text: string): void {
  if (text !== '') process.stdout.write(`${printableLines(text)}\n`)
}

class Prompt {
  private readonly client: Client
  private readonly lines: Interface
  /** True while a command runs: the prompt comes back after its answer. */
  private running = false

  constructor(client: Client) {
    this.client = client
    this.lines = createInterface({
      input: process.stdin,
      output: process.stdout,
      historySize: terminalLimits.historyMax,
      removeHistoryDuplicates: true,
      prompt: PROMPT,
      completer: (line: string, done: (error: null, found: [string[], string]) => void) => {
        this.complete(line).then((found) => done(null, [found, line.slice(line.lastIndexOf(' ') + 1)]))
      },
    })
  }

  async converse(address: string): Promise<void> {
    const { client, lines } = this
    client.onEvent = (event, body) => this.write(eventText(event, body))
    client.onClosed = (error) => {
      this.running = true
      this.write(error.message)
      lines.close()
      process.exitCode = 1
    }
    process.stdout.write(`attached to ${address}: 'help' lists the commands, 'quit' leaves\n`)
    lines.prompt()
    for await (const line of lines) {
      const command = commandOf(line)
      if (isEnd(command)) break
      if (command !== '') await this.run(command)
      lines.prompt()
    }
    lines.close()
  }

  private async run(command: string): Promise<void> {
    this.running = true
    try {
      this.write(await this.client.run(command))
    } catch (error) {
      if (!(error instanceof TerminalError)) throw error
      this.write(`error: ${error.message}`)
    }
    this.running = false
  }

  /** Writes above the prompt. The text being typed stays. */
  private write(text: string): void {
    if (text === '') return
    process.stdout.write('\r\x1b[J')
    writeLines(text)
    if (!this.running) this.lines.prompt(true)
  }

  private async complete(line: string): Promise<string[]> {
    try {
      const { targets } = await this.client.request('completions', { text: line, column: line.length + 1 })
      return (targets as { label: string }[]).map(({ label }) => label)
    } catch {
      return []
    }
  }
}

/** Returns the text of an event; '' for an event that is not shown. */
export function eventText(event: string, body: DapObject): string {
  if (event === 'stopped') return `stopped: ${String(body.description ?? '')}`
  if (event === 'output') return String(body.output ?? '').trimEnd()
  return ''
}
