// The filters of a simulated run that suspend, besides those of the box: on a signal of their own with a
// deadline, on a task, on a request of their own; and one that passes bodies through unchanged. Each tells the
// watch what it meets. Of the box, jwt and compress have their work done at once.

import { Jwt } from '../../../src/filters/auth/jwt.js'
import type { JwtOptions } from '../../../src/filters/auth/jwt-options.js'
import { CompressFilter } from '../../../src/filters/compress/compress.js'
import { type CompressOptions, settled } from '../../../src/filters/compress/options.js'
import {
  asyncFilter,
  type BodyTransform,
  defineFilter,
  type ExchangeView,
  type Filter,
  type FilterDefinition,
  PASS,
  type RequestPhase,
  type ResponsePhase,
  Signal,
  type Verdict,
  z,
} from '../../../src/filters/filter.js'
import { definitionOf } from '../../../src/filters/index.js'
import { HEAD, RESET } from '../../../src/http/index.js'
import type { Prng, SimPollset } from '../../../src/pollset/index.js'
import { RATE_LIMITED, type Subrequest } from '../../../src/proxy/index.js'
import { codersAtOnce } from './coders.js'
import { ASKS_PATH, STORE_URL } from './services.js'
import { verifyAtOnce } from './tokens.js'

/** The things that the filters of a run share with its checkers. */
export interface Watch {
  readonly pollset: SimPollset
  readonly chance: Prng
  /** Calls of a filter of this configuration, in this exchange (X5). */
  met(x: ExchangeView, version: number): void
  /** A property does not hold: what a filter throws would count as its failure. */
  breaks(property: string, message: string): void
  began(): void
  released(): void
  /** Since when the exchange is late, in ms; -Infinity if a debugger's hand has made it so. */
  lateSince(id: string): number
  /** Bytes that transforms hold, and have declared. */
  declared: number
}

interface State {
  signal: Signal | null
  /** When the signal rose, in ms of the pollset's clock. */
  roseAt: number
  request: Subrequest | null
  released: boolean
}

const WITHIN_MS = 40

/** Waits for a signal that rises soon, late or never. */
function gate(watch: Watch, x: RequestPhase | ResponsePhase, s: State, id: string): Verdict {
  if (s.signal === null) {
    if (!watch.chance.chance(70)) return PASS
    const signal = new Signal(id, 'gate', ['OPEN'])
    s.signal = signal
    s.roseAt = Number.POSITIVE_INFINITY
    if (watch.chance.chance(80))
      watch.pollset.after(watch.chance.below(2 * WITHIN_MS), () => {
        if (s.signal === signal) s.roseAt = watch.pollset.clock
        signal.raise(1)
      })
  }
  if (s.signal.readiness === 0) return x.waitFor(s.signal, 1, { within: WITHIN_MS })
  s.signal = null
  s.roseAt = Number.POSITIVE_INFINITY
  return PASS
}

const options = z.strictObject({ version: z.number() })

/** Holds up to four bytes, and writes what it takes. */
class Identity implements BodyTransform {
  readonly holdBytesMax = 4
  ended = false
  private held = Buffer.alloc(0)
  private readonly watch: Watch

  constructor(watch: Watch) {
    this.watch = watch
    watch.declared += this.holdBytesMax
  }

  get heldBytes(): number {
    return this.held.length
  }

  pull(input: Parameters<BodyTransform['pull']>[0], out: Buffer, at: number, room: number): number {
    const written = this.held.copy(out, at)
    this.held = Buffer.alloc(0)
    const taken = input.take(out, at + written, Math.min(room - written, 1_000))
    const isLast = input.ended && input.available === 0
    const keep = isLast ? 0 : Math.min(4, written + taken)
    const upTo = at + written + taken
    this.held = Buffer.from(out.subarray(upTo - keep, upTo))
    this.ended = isLast
    return written + taken - keep
  }

  end(): void {
    this.watch.declared -= this.holdBytesMax
  }
}

/** The filters whose work is that of other threads. */
function atOnce(kind: string): FilterDefinition | null {
  const definition = definitionOf(kind)
  if (definition === null) return null
  if (kind === 'jwt')
    return {
      ...definition,
      create: (options, context) => new Jwt(options as JwtOptions, context, verifyAtOnce),
    }
  if (kind === 'compress')
    return {
      ...definition,
      create: (options, context) =>
        new CompressFilter(settled(options as CompressOptions, codersAtOnce.codings), context, codersAtOnce),
    }
  return null
}

export function kindsOf(watch: Watch): (kind: string) => FilterDefinition | null {
  const define = (name: string, make: (version: number) => Filter<State>): FilterDefinition =>
    defineFilter({
      name,
      description: name,
      options,
      create: ({ version }): Filter<State> => {
        const made = make(version)
        return {
          ...made,
          begin(x) {
            watch.met(x, version)
            watch.began()
            return { signal: null, roseAt: Number.POSITIVE_INFINITY, request: null, released: false }
          },
          log: (x) => watch.met(x, version),
          release(s) {
            if (s.released) watch.breaks('X2', `a state of ${name} is released twice`)
            s.released = true
            s.request?.leave()
            watch.released()
          },
        }
      },
    })
  const kinds: Readonly<Record<string, FilterDefinition>> = {
    gate: define('gate', (version) => ({
      request(x, s) {
        watch.met(x, version)
        return gate(watch, x, s, `${x.id}.gate`)
      },
      response(x, s) {
        watch.met(x, version)
        return x.from === 'refusal' ? PASS : gate(watch, x, s, `${x.id}.gate2`)
      },
      late(x, s) {
        // Both may come in one turn.
        if (s.roseAt < watch.lateSince(x.id)) watch.breaks('X1', `${x.id} was ready before it was late`)
        s.signal = null
        return PASS
      },
    })),
    twist: define('twist', (version) => ({
      request(x) {
        watch.met(x, version)
        if (version % 2 === 0) x.transformBody(() => new Identity(watch))
        return PASS
      },
      response(x) {
        watch.met(x, version)
        x.transformBody(() => new Identity(watch))
        return PASS
      },
    })),
    asks: define('asks', (version) => ({
      request(x, s) {
        watch.met(x, version)
        if (s.request === null) {
          if (!watch.chance.chance(40)) return PASS
          s.request = x.subrequest({ id: `${x.id}.asks`, target: ASKS_PATH, backend: STORE_URL })
        }
        if ((s.request.readiness & (HEAD | RESET)) === 0)
          return x.waitFor(s.request, HEAD | RESET, { within: 10 * WITHIN_MS })
        return (s.request.readiness & RESET) !== 0 && watch.chance.chance(50) ? x.refuse(RATE_LIMITED) : PASS
      },
      late: () => PASS,
    })),
    calls: defineFilter({
      name: 'calls',
      description: 'calls',
      options,
      onFailure: 'pass',
      create: (_options, context) =>
        asyncFilter(context, {
          request: ({ path }) => (path.endsWith('1') ? { set: { 'x-called': path } } : null),
          response: () => ({ set: { 'x-called': '1' } }),
        }),
    }),
  }
  return (kind) => kinds[kind] ?? atOnce(kind) ?? definitionOf(kind)
}
