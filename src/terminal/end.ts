// `fermata end`: ends a request, as if its client had left.

import { asking } from './asker.js'
import type { TerminalOptions } from './connecting.js'
import { printable } from './table.js'

export const end = (address: string, id: string, options: TerminalOptions): Promise<void> =>
  asking(address, options, async (asker) => {
    const { id: ended } = await asker.endRequest(id)
    process.stdout.write(`${printable(String(ended))} is ended\n`)
  })
