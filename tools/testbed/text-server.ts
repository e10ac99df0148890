// A server from the text of a configuration file, for tests.

import type { Test } from 'tap'
import { diagnosticText, readText } from '../../src/config/index.js'
import type { Address } from '../../src/pollset/index.js'
import { limitTables } from '../../src/server/check-configuration.js'
import { Server } from '../../src/server/server.js'

export interface TextServer {
  readonly server: Server
  /** Returns the port of the listener on this host. */
  portOf(host?: string): number
}

/**
 * Starts a server, which ends at the latest with the test. Each of its listeners has a host or a
 * path of its own.
 */
export async function serveText(t: Test, text: string): Promise<TextServer> {
  const { configuration, errors } = readText(text, 'fermata.yaml', limitTables())
  if (configuration === null) throw new Error(errors.map((each) => diagnosticText(each)).join('\n'))
  const server = new Server({ configuration })
  const ports = new Map<string, number>()
  await new Promise<void>((resolve, reject) => {
    server.on('listening', ({ host, port }: Address) => {
      ports.set(host, port)
      if (ports.size === configuration.listeners.length) resolve()
    })
    server.on('failed', (_, code) => reject(new Error(code)))
    server.begin()
  })
  let isOver = false
  const stopped = new Promise<void>((resolve) =>
    server.on('stopped', () => {
      isOver = true
      resolve()
    }),
  )
  t.teardown(() => {
    if (!isOver) for (let each = 0; each < 2; each++) server.command('drain')
    return stopped
  })
  return { server, portOf: (host = '127.0.0.1') => ports.get(host) ?? 0 }
}
