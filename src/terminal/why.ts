// `fermata why`: shows what a request waits for, and what keeps it from going on.

import { asking } from './asker.js'
import { addressOf, TerminalError, type TerminalOptions } from './connecting.js'
import { jsonText, printableLines } from './table.js'

export interface WhyOptions extends TerminalOptions {
  readonly json?: boolean
}

const isAddress = (text: string): boolean => {
  try {
    addressOf(text.replace(/^http:\/\//, ''))
    return true
  } catch {
    return false
  }
}

export async function why(address: string, id: string, options: WhyOptions): Promise<void> {
  if (!isAddress(address) && isAddress(id))
    throw new TerminalError(`the address comes first: fermata why ${id} ${address}`)
  await asking(address, options, async (asker) => {
    const { why: answer, text } = await asker.why(id)
    process.stdout.write(`${options.json === true ? jsonText(answer) : printableLines(String(text))}\n`)
  })
}
