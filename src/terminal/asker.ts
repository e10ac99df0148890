// The questions of `ps`, `why`, `end` and `top`, to a debugger or to an admin listener. Asking an address
// shows which of the two it has.

import { ALL_WORKERS, type DapObject } from '../debugger/dap-codec.js'
import { AdminClient } from './admin-client.js'
import { Client } from './client.js'
import { HttpAnswered, type TerminalError, type TerminalOptions } from './connecting.js'

/** A question for a list of requests. */
export interface ListQuestion {
  /** A condition in CEL; '' for all. */
  readonly filter: string
  readonly sort: string
  readonly descending: boolean
  /** The number of rows; undefined: as many as the server gives. */
  readonly limit: number | undefined
  /** True: the counts of the whole server are wanted too. */
  readonly overview: boolean
}

export interface Asker {
  /** Is told when the server has closed the connection, if a connection is kept. */
  onClosed: (error: TerminalError) => void
  /** Returns `rows`, `total`, `matched`, and the counts if they were asked for. */
  list(question: ListQuestion): Promise<DapObject>
  /** Returns `why` and `text`. */
  why(id: string): Promise<DapObject>
  endRequest(id: string): Promise<DapObject>
  leave(): void
}

/** Asks a debugger. */
class DebuggerAsker implements Asker {
  private readonly client: Client

  constructor(client: Client) {
    this.client = client
  }

  set onClosed(told: (error: TerminalError) => void) {
    this.client.onClosed = told
  }

  list({ overview, limit, filter, sort, descending }: ListQuestion): Promise<DapObject> {
    const given = { filter, sort, descending, ...(limit === undefined ? {} : { limit }) }
    return this.client.request(overview ? 'fermata/top' : 'fermata/list', given)
  }

  why(id: string): Promise<DapObject> {
    return this.client.request('fermata/why', { id })
  }

  endRequest(id: string): Promise<DapObject> {
    return this.client.request('fermata/end', { id })
  }

  leave(): void {
    this.client.end()
  }
}

/** Connects to a debugger, or to an admin listener if the address has one or begins with `http://`. */
async function askerAt(address: string, options: TerminalOptions): Promise<Asker> {
  if (address.startsWith('http://')) return new AdminClient(address, options)
  try {
    return new DebuggerAsker(await Client.attach(address, { ...options, worker: ALL_WORKERS }))
  } catch (error) {
    if (error instanceof HttpAnswered) return new AdminClient(address, options)
    throw error
  }
}

/** Connects, does this work, and disconnects, however the work ends. */
export async function asking(
  address: string,
  options: TerminalOptions,
  work: (asker: Asker) => Promise<void>,
): Promise<void> {
  const asker = await askerAt(address, options)
  try {
    await work(asker)
  } finally {
    asker.leave()
  }
}
