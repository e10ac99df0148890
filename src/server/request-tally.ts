// Counts requests for the overview of a debugger: by step, by client, and those that are held.

import type { Continuation, Program } from '../continuation/index.js'
import { Foremost, type Overview, type Tally, units } from '../debugger/index.js'
import type { Pollset } from '../pollset/index.js'
import type { RequestKind, SharedEngine } from './request-kind.js'

/** The rows of each list of the overview: those with the most to do. */
const OVERVIEW_ROWS = 100

type Kind = RequestKind<Continuation>

interface ClientTally {
  readonly kind: Kind
  streams: number
  heldBytes: number
}

export class RequestTally implements Tally {
  private readonly pollset: Pollset
  private readonly kinds: readonly Kind[]
  private readonly startedAt: number
  /** The number of requests at each step, by program. */
  private readonly counts = new Map<Program<never>, number[]>()
  private readonly byClient = new Map<object, ClientTally>()
  private inFlight = 0
  private held = 0

  constructor(pollset: Pollset, kinds: readonly Kind[], startedAt: number) {
    this.pollset = pollset
    this.kinds = kinds
    this.startedAt = startedAt
  }

  add(each: Continuation): void {
    let at = this.counts.get(each.program)
    if (at === undefined) {
      at = each.program.names.map(() => 0)
      this.counts.set(each.program, at)
    }
    at[each.step]++
    for (const kind of this.kinds) if (kind.takes(each)) this.addTo(kind, each)
  }

  private addTo(kind: Kind, each: Continuation): void {
    this.inFlight++
    if (each.hold !== null) this.held++
    const from = kind.clientOf(each)
    let client = this.byClient.get(from)
    if (client === undefined) {
      client = { kind, streams: 0, heldBytes: 0 }
      this.byClient.set(from, client)
    }
    client.streams++
    client.heldBytes += kind.heldBytesOf(each)
  }

  *overview(): Generator<number, Overview> {
    const { pollset, kinds, counts, inFlight, held, startedAt } = this
    const steps: Record<string, number> = {}
    for (const [{ name, names }, at] of counts)
      for (const [step, count] of at.entries()) if (count > 0) steps[`${name}.${names[step]}`] = count
    const clients = yield* this.clients()
    const foremost = new Foremost<SharedEngine>(OVERVIEW_ROWS)
    let enginesTotal = 0
    for (const kind of kinds)
      for (const engine of kind.engines()) {
        if (engine !== null) {
          enginesTotal++
          foremost.add(engine, -loadOf(engine))
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
      clientsTotal: kinds.reduce((all, { openClients }) => all + openClients, 0),
      engines,
      enginesTotal,
      steps,
    }
  }

  /** Returns the open clients with the most requests. */
  private *clients(): Generator<number, Description[]> {
    const { kinds, byClient } = this
    const foremost = new Foremost<readonly [kind: Kind, client: object]>(OVERVIEW_ROWS)
    for (const [client, { kind, streams }] of byClient) {
      foremost.add([kind, client], -streams)
      yield units.look
    }
    // The others have none: any will do.
    for (const kind of kinds)
      for (const client of kind.clients()) {
        if (foremost.size >= OVERVIEW_ROWS) break
        if (!byClient.has(client)) foremost.add([kind, client], 0)
        yield units.look
      }
    return yield* described(foremost, ([kind, client]) => {
      const row = kind.describeClient(client)
      // One that has closed meanwhile is not shown.
      if (row === null) return null
      const { streams, heldBytes } = byClient.get(client) ?? { streams: 0, heldBytes: 0 }
      return { ...row, streams, heldBytes }
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

const loadOf = ({ queued, sessions }: SharedEngine): number =>
  sessions.reduce((all, { leased }) => all + leased, queued)
