// Endpoints that die: three endpoints are killed and restarted under load, one after the other.

import { h2load, type LoadReport } from '../testbed/h2load.js'
import { findProgram } from '../testbed/programs.js'
import { type WrkReport, wrk } from '../testbed/wrk.js'
import type { Endpoint } from './endpoints.js'
import { Load, type Tally } from './load.js'
import { type Pace, passed } from './pace.js'
import { ENDPOINTS, withEndpoints } from './place.js'
import { type RampSecond, rampOf } from './ramp.js'

export interface KillOptions {
  readonly kills: number
  /** Between a start and the next kill. */
  readonly up: Pace
  /** Between a kill and the next start. */
  readonly down: Pace
  /** Load beside ours: the seconds that h2load and wrk run, if they are installed; 0 for none. */
  readonly besideSeconds: number
}

export interface KillFigures {
  readonly kills: number
  readonly tally: Tally
  /** The report; null if the program is not installed, or not wanted. */
  readonly h2load: LoadReport | null
  readonly wrk: WrkReport | null
  readonly log: string
}

/** Kills one endpoint after the other, under load. */
export const killInTurn = ({ kills, up, down, besideSeconds }: KillOptions): Promise<KillFigures> =>
  withEndpoints('', 200, async ({ port, endpoints, program }) => {
    const load = new Load({
      port,
      http1: 16,
      http2: { connections: 2, streams: 16 },
      paths: ['/http1/parts', '/h2c/parts', '/http1/small', '/h2c/small'],
    })
    const url = (path: string): string => `http://127.0.0.1:${port}${path}`
    const runs = (name: string): boolean => besideSeconds > 0 && findProgram(name) !== null
    const beside = Promise.all([
      runs('h2load')
        ? h2load({
            url: url('/h2c/small'),
            requests: 1,
            clients: 4,
            streams: 8,
            more: [`--duration=${besideSeconds}`, url('/http1/small')],
            timeoutMs: besideSeconds * 1_000 + 30_000,
          })
        : null,
      runs('wrk') ? wrk({ url: url('/h2c/small'), connections: 16, seconds: besideSeconds }) : null,
    ])
    for (let kill = 0; kill < kills; kill++) {
      const endpoint = endpoints[kill % ENDPOINTS] as Endpoint
      await passed(up, load)
      await endpoint.kill()
      await passed(down, load)
      await endpoint.start()
    }
    await passed(up, load)
    const [ofH2load, ofWrk] = await beside
    const tally = await load.stop()
    return { kills, tally, h2load: ofH2load, wrk: ofWrk, log: program.stderr }
  })

export interface RampRun {
  readonly policy: string
  readonly slowStartSeconds: number
  readonly ejectionSeconds: number
  readonly tolerance: number
  /** The pause of each client after each response, in ms. Default: 5. */
  readonly pauseMs?: number
}

export interface RampFigures {
  readonly seconds: readonly RampSecond[]
  readonly tally: Tally
}

/** The lines of the log about changes of the endpoint. */
const TURNS = /^(\S+) (?:info|warn) backend h2c: \S+ is (ejected|back|reached)/gm

interface Turn {
  /** ms of the wall clock */
  readonly at: number
  readonly to: string
}

const turnsOf = (log: string): Turn[] =>
  [...log.matchAll(TURNS)].map(([, time, to]) => ({ at: Date.parse(time as string), to: to as string }))

/** The longest time from a moment to its line in the log, in ms: the turn of both. */
const LOG_MS = 20
const WAIT_MS_MAX = 60_000

/** Kills one endpoint once, and follows its share after it has come back. */
export function killOnce(run: RampRun): Promise<RampFigures> {
  const { policy, slowStartSeconds, ejectionSeconds, tolerance, pauseMs = 5 } = run
  const settings = `, balance: { policy: ${policy}, slowStart: ${slowStartSeconds}s }, health: { passive: { consecutive: 1, ejection: ${ejectionSeconds}s } }`
  return withEndpoints(settings, 200, async ({ port, endpoints, program }) => {
    const load = new Load({
      port,
      http1: 4,
      http2: { connections: 1, streams: 8 },
      paths: ['/h2c/small'],
      pauseMs,
    })
    await load.ends(200)
    const endpoint = endpoints[1] as Endpoint
    await endpoint.kill()
    const turnedTo = (to: string) => (): boolean => turnsOf(program.stderr).at(-1)?.to === to
    await program.until('it is ejected', turnedTo('ejected'), WAIT_MS_MAX)
    await endpoint.start()
    await program.until('it is back', () => !turnedTo('ejected')(), WAIT_MS_MAX)
    const ends = Date.now() + (slowStartSeconds + 1) * 1_000
    while (Date.now() < ends) await load.ends(10)
    const tally = await load.stop()
    const turns = turnsOf(program.stderr)
    const ejected = turns.findLast((each) => each.to === 'ejected') as Turn
    const usable = turns.at(-1) as Turn
    const seconds = rampOf(load.samples, endpoint.name, {
      slowStartMs: slowStartSeconds * 1_000,
      endpoints: ENDPOINTS,
      usable: [ejected.at + ejectionSeconds * 1_000 - LOG_MS, usable.at],
      tolerance,
    })
    return { seconds, tally }
  })
}
