// `fermata why`: what a request waits for, and what keeps it from going on.

import { addressOf, Client, TerminalError, type TerminalOptions } from './client.js'
import { jsonText, printableLines } from './table.js'

export interface WhyOptions extends TerminalOptions {
  readonly json?: boolean
}

const isAddress = (text: string): boolean => {
  try {
    addressOf(text)
    return true
  } catch {
    return false
  }
}

export async function why(address: string, id: string, options: WhyOptions): Promise<void> {
  if (!isAddress(address) && isAddress(id))
    throw new TerminalError(`the address comes first: fermata why ${id} ${address}`)
  await Client.with(address, options, async (client) => {
    const { why: answer, text } = await client.request('fermata/why', { id })
    process.stdout.write(`${options.json === true ? jsonText(answer) : printableLines(String(text))}\n`)
  })
}
