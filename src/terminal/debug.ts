// `fermata debug`: the commands of the debugger at a prompt, with history and completion. From a pipe it runs
// them one after the other, and fails if one fails.

import { createInterface, type Interface } from 'node:readline'
import type { DapObject } from '../debugger/index.js'
import { Client, TerminalError, type TerminalOptions } from './client.js'
import { printable } from './table.js'

const PROMPT = '(fermata) '
const HISTORY = 500

const lines = (text: string): string => text.split('\n').map(printable).join('\n')

export function debug(address: string, options: TerminalOptions): Promise<void> {
  return Client.with(address, options, (client) => converse(client, address))
}

async function converse(client: Client, address: string): Promise<void> {
  const { stdin, stdout } = process
  const prompts = stdin.isTTY && stdout.isTTY
  const prompt: Interface = createInterface({
    input: stdin,
    output: stdout,
    terminal: prompts,
    historySize: HISTORY,
    prompt: PROMPT,
    completer: (line: string, done: (error: null, found: [string[], string]) => void) => {
      const last = line.slice(line.lastIndexOf(' ') + 1)
      client
        .request('completions', { text: line, column: line.length + 1 })
        .then(({ targets }) => done(null, [(targets as { label: string }[]).map(({ label }) => label), last]))
        .catch(() => done(null, [[], last]))
    },
  })
  const write = (text: string): void => {
    if (prompts) stdout.write(`\r\x1b[K${text}\n`)
    else stdout.write(`${text}\n`)
    if (prompts) prompt.prompt(true)
  }
  client.onEvent = (event, body) => {
    const text = eventText(event, body)
    if (text !== '') write(lines(text))
  }
  let over = false
  client.onClosed = () => {
    if (!over) write('the server has closed the connection')
    prompt.close()
  }
  if (prompts) stdout.write(`attached to ${address}: 'help' lists the commands, 'quit' leaves\n`)
  prompt.prompt()
  for await (const line of prompt) {
    if (/^\s*(?:quit|exit)\s*$/.test(line)) break
    if (line.trim() === '' || line.trimStart().startsWith('#')) {
      if (prompts) prompt.prompt()
      continue
    }
    try {
      const answer = await client.run(line)
      if (answer !== '') stdout.write(`${lines(answer)}\n`)
    } catch (error) {
      if (!(error instanceof TerminalError)) throw error
      stdout.write(`error: ${lines(error.message)}\n`)
      if (!prompts) {
        process.exitCode = 1
        break
      }
    }
    if (prompts) prompt.prompt()
  }
  over = true
  prompt.close()
}

/** Returns what an event says; '' for one that is not shown. */
export function eventText(event: string, body: DapObject): string {
  if (event === 'stopped') return `stopped: ${String(body.description ?? '')}`
  if (event === 'output') return String(body.output ?? '').trimEnd()
  return ''
}
