// The place of a run: the built server in front of three endpoints.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, type Program } from '../testbed/programs.js'
import { type Endpoint, startEndpoints } from './endpoints.js'
import { put, serve } from './served.js'

export const ENDPOINTS = 3

export interface Place {
  readonly port: number
  readonly endpoints: readonly Endpoint[]
  readonly program: Program
  /** Before the server started: ms of the wall clock. */
  readonly startedAt: number
}

const addresses = (endpoints: readonly Endpoint[], of: 'http1Port' | 'h2cPort'): string =>
  endpoints.map((each) => `"127.0.0.1:${each[of]}"`).join(', ')

/** Serves three endpoints, over HTTP/1.1 at /http1 and over HTTP/2 at /h2c, and ends all of it after `use`. */
export async function withEndpoints<T>(
  settings: string,
  status: number,
  use: (place: Place) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'endure-'))
  const file = join(folder, 'fermata.yaml')
  const [port, endpoints] = [await freePort(), await startEndpoints(ENDPOINTS, status)]
  let program: Program | null = null
  try {
    put(
      file,
      `version: 1
listeners: { plain: { address: "127.0.0.1:${port}" } }
backends:
  http1: { protocol: http, endpoints: [${addresses(endpoints, 'http1Port')}]${settings} }
  h2c: { protocol: h2c, endpoints: [${addresses(endpoints, 'h2cPort')}]${settings} }
routes:
  - { name: http1, match: { path: /http1 }, backend: http1 }
  - { name: h2c, match: { path: /h2c }, backend: h2c }
`,
    )
    const startedAt = Date.now()
    program = await serve(file)
    return await use({ port, endpoints, program, startedAt })
  } finally {
    await program?.stop()
    for (const each of endpoints) await each.kill()
    rmSync(folder, { recursive: true })
  }
}
