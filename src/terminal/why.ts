// `fermata why`: what a request waits for, and what keeps it from going on.

import { Client, type TerminalOptions } from './client.js'
import { jsonText, printableLines } from './table.js'

export interface WhyOptions extends TerminalOptions {
  readonly json?: boolean
}

export function why(address: string, id: string, options: WhyOptions): Promise<void> {
  return Client.with(address, options, async (client) => {
    const { why: answer, text } = await client.request('fermata/why', { id })
    process.stdout.write(`${options.json === true ? jsonText(answer) : printableLines(String(text))}\n`)
  })
}
