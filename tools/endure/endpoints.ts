// The endpoints of a backend: processes that can be killed and started again, on the same ports.

import { join } from 'node:path'
import { freePort, Program } from '../testbed/programs.js'
import type { Seen } from './endpoint.js'

const PROGRAM = join(import.meta.dirname, 'endpoint.js')

export class Endpoint {
  readonly name: string
  readonly http1Port: number
  readonly h2cPort: number
  private readonly status: number
  private program: Program | null = null

  constructor(name: string, ports: readonly [http1: number, h2c: number], status: number) {
    this.name = name
    this.http1Port = ports[0]
    this.h2cPort = ports[1]
    this.status = status
  }

  /** Settles when it accepts. */
  async start(): Promise<void> {
    const args = [PROGRAM, this.name, this.http1Port, this.h2cPort, this.status].map(String)
    const program = new Program(process.execPath, args, { messages: true })
    this.program = program
    await program.next<'ready'>()
  }

  /** Kills it with SIGKILL. Settles when it has ended. */
  async kill(): Promise<void> {
    this.program?.kill()
    await this.program?.exited
  }

  seen(): Promise<Seen> {
    if (this.program === null) throw new Error(`${this.name} was not started`)
    return this.program.ask<Seen>('tell')
  }
}

/** Starts endpoints that answer with this status. */
export async function startEndpoints(count: number, status: number): Promise<readonly Endpoint[]> {
  const endpoints: Endpoint[] = []
  for (let i = 0; i < count; i++)
    endpoints.push(new Endpoint(`e${i}`, [await freePort(), await freePort()], status))
  await Promise.all(endpoints.map((each) => each.start()))
  return endpoints
}
