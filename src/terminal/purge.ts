// `fermata purge`: removes stored responses from a cache, over the admin listener.

import { AdminClient } from './admin-client.js'
import { TerminalError, type TerminalOptions } from './connecting.js'
import { printable } from './table.js'

export interface PurgeOptions extends TerminalOptions {
  readonly url?: string
  readonly prefix?: string
  readonly tag?: string
  readonly all?: boolean
}

export async function purge(address: string, cache: string, options: PurgeOptions): Promise<void> {
  const { url, prefix, tag, all } = options
  const asked = Object.entries({ url, prefix, tag, all }).filter(([, value]) => value !== undefined)
  if (asked.length !== 1) throw new TerminalError('give one of --url, --prefix, --tag and --all')
  const client = new AdminClient(address, options)
  try {
    const { removed, silent, spread, why } = await client.purge(cache, Object.fromEntries(asked))
    const count = typeof removed === 'number' ? `${removed} removed` : 'removed when they are next asked for'
    const late = Array.isArray(silent) ? `; no answer from ${silent.join(', ')}` : ''
    const told = spread === true ? '; other processes are told' : ''
    process.stdout.write(`${printable(`${cache}: ${count}${late}${told}`)}\n`)
    if (spread === false)
      throw new TerminalError(printable(`other processes are not told: ${String(why)}; repeat it`))
  } finally {
    client.leave()
  }
}
