// Counts exchanges for the overview of a debugger: by step, by client, and those that are held.

import type { Continuation, Program } from '../continuation/index.js'
import { Foremost, type Overview, type Tally } from '../debugger/index.js'
import type { Engine } from '../engine/index.js'
import type { Client } from '../http/index.js'
import { formatAddress } from '../pollset/index.js'
import { Exchange, type ExchangeSession } from '../proxy/index.js'
import type { Backends } from './backends.js'
import type { Server } from './server.js'

/** The rows of each list of the overview: those with the most to do. */
const OVERVIEW_ROWS = 100

/** The bytes of bodies that an exchange holds. */
export const heldBytesOf = (x: Exchange): number =>
  (x.frontend.receiveBuffer?.heldBytes ?? 0) + (x.backendStream?.receiveBuffer?.heldBytes ?? 0)

interface ClientTally {
  streams: number
  heldBytes: number
}

const nothing: ClientTally = { streams: 0, heldBytes: 0 }

export class ExchangeTally implements Tally {
  private readonly server: Server
  private readonly backends: Backends
  private readonly startedAt: number
  /** How many are at each step, by program. */
  private readonly counts = new Map<Program<never>, number[]>()
  private readonly byClient = new Map<Client, ClientTally>()
  private inFlight = 0
  private held = 0

  constructor(server: Server, backends: Backends, startedAt: number) {
    this.server = server
    this.backends = backends
    this.startedAt = startedAt
  }

  add(each: Continuation): void {
    let at = this.counts.get(each.program)
    if (at === undefined) {
      at = each.program.names.map(() => 0)
      this.counts.set(each.program, at)
    }
    at[each.step]++
    if (!(each instanceof Exchange)) return
    this.inFlight++
    if (each.hold !== null) this.held++
    const { client: from } = each.frontend
    let client = this.byClient.get(from)
    if (client === undefined) {
      client = { streams: 0, heldBytes: 0 }
      this.byClient.set(from, client)
    }
    client.streams++
    client.heldBytes += heldBytesOf(each)
  }

  overview(): Overview {
    const { pollset } = this.server.world
    const steps: Record<string, number> = {}
    for (const [{ name, names }, at] of this.counts)
      for (const [step, count] of at.entries()) if (count > 0) steps[`${name}.${names[step]}`] = count
    const engines = this.backends.all().flatMap((backend) => backend.engines())
    return {
      now: pollset.now,
      uptimeMs: pollset.now - this.startedAt,
      turns: pollset.turns,
      inFlight: this.inFlight,
      held: this.held,
      clients: this.clients(),
      clientsTotal: this.server.openClients,
      engines: foremostOf(engines, loadOf).map((each) => each.describe()),
      enginesTotal: engines.length,
      steps,
    }
  }

  /** Returns the open clients with the most requests. */
  private clients(): Readonly<Record<string, unknown>>[] {
    const { server, byClient } = this
    const shown = foremostOf([...byClient.keys()], (each) => byClient.get(each)?.streams ?? 0)
    // The others have none: any will do.
    for (const client of server.clients()) {
      if (shown.length >= OVERVIEW_ROWS) break
      if (!byClient.has(client)) shown.push(client)
    }
    const rows = []
    for (const client of shown) {
      const protocol = server.protocolOf(client)
      // One that has closed meanwhile is not shown.
      if (protocol !== null)
        rows.push({
          id: client.id,
          address: formatAddress(client.addresses.from),
          protocol,
          ...(byClient.get(client) ?? nothing),
        })
    }
    return rows
  }
}

/** Returns those with the most, in that order. */
function foremostOf<T>(all: readonly T[], most: (each: T) => number): T[] {
  const foremost = new Foremost<T>(OVERVIEW_ROWS)
  for (const each of all) foremost.add(each, -most(each))
  return Array.from({ length: foremost.size }, () => foremost.takeLast()).reverse()
}

const loadOf = ({ queued, sessions }: Engine<ExchangeSession>): number =>
  sessions.reduce((all, { leased }) => all + leased, queued)
