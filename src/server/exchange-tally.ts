// Counts exchanges for the overview of a debugger: by step, by client, and those that are held.

import type { Continuation, Program } from '../continuation/index.js'
import { Foremost, type Overview, type Tally, units } from '../debugger/index.js'
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

  *overview(): Generator<number, Overview> {
    const { backends, counts, inFlight, held, startedAt } = this
    const { pollset } = this.server.world
    const steps: Record<string, number> = {}
    for (const [{ name, names }, at] of counts)
      for (const [step, count] of at.entries()) if (count > 0) steps[`${name}.${names[step]}`] = count
    const clients = yield* this.clients()
    const foremost = new Foremost<Engine<ExchangeSession>>(OVERVIEW_ROWS)
    let enginesTotal = 0
    for (const backend of backends.all()) {
      for (const engine of backend.engines()) {
        enginesTotal++
        foremost.add(engine, -loadOf(engine))
        yield units.look
      }
      yield units.look
    }
    const engines = yield* described(foremost, (engine) => engine.describe())
    return {
      now: pollset.now,
      uptimeMs: pollset.now - startedAt,
      turns: pollset.turns,
      inFlight,
      held,
      clients,
      clientsTotal: this.server.openClients,
      engines,
      enginesTotal,
      steps,
    }
  }

  /** Returns the open clients with the most requests. */
  private *clients(): Generator<number, Description[]> {
    const { server, byClient } = this
    const foremost = new Foremost<Client>(OVERVIEW_ROWS)
    for (const [client, { streams }] of byClient) {
      foremost.add(client, -streams)
      yield units.look
    }
    // The others have none: any will do.
    for (const client of server.clients()) {
      if (foremost.size >= OVERVIEW_ROWS) break
      if (!byClient.has(client)) foremost.add(client, 0)
      yield units.look
    }
    return yield* described(foremost, (client) => {
      const protocol = server.protocolOf(client)
      // One that has closed meanwhile is not shown.
      if (protocol === null) return null
      const { id, addresses } = client
      const address = formatAddress(addresses.from)
      return { id, address, protocol, ...(byClient.get(client) ?? nothing) }
    })
  }
}

type Description = Readonly<Record<string, unknown>>

/** Returns what is said of the foremost, the first first. */
function* described<T>(
  foremost: Foremost<T>,
  describe: (each: T) => Description | null,
): Generator<number, Description[]> {
  const all: Description[] = []
  while (foremost.size > 0) {
    const description = describe(foremost.takeLast())
    if (description !== null) all.push(description)
    yield units.row
  }
  return all.reverse()
}

const loadOf = ({ queued, sessions }: Engine<ExchangeSession>): number =>
  sessions.reduce((all, { leased }) => all + leased, queued)
