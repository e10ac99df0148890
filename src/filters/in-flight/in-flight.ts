// inFlight: limits the number of requests in flight at once, by key. One more waits for a place, or is
// refused. A place is held until the exchange has ended, tunnels included.

import { z } from 'zod'
import {
  type ExchangeView,
  type Filter,
  IN_FLIGHT_FULL,
  IN_FLIGHT_LATE,
  PASS,
  type RequestPhase,
  type Verdict,
} from '../../proxy/index.js'
import { defineFilter, type FilterContext, type OptionTypes } from '../define.js'
import { keyOption, keyReader, keyText } from '../request-key.js'
import { GRANTED, type Place, Places } from './places.js'

const MANY = 1_000_000
const WAIT_MS = 5_000

const inFlightOptions = (types: OptionTypes) =>
  z.strictObject({
    most: types.count('The most requests in flight. Each worker counts its own.', 1, MANY),
    key: keyOption(types, 'The key by which requests are counted.').optional(),
    pending: types
      .count(
        'The most requests of a key that wait for a place. One more is refused with 429. Default: 0.',
        0,
        MANY,
      )
      .optional(),
    wait: types
      .duration('The longest wait for a place. Then the request is refused with 503. Default: 5s.', {
        least: 1,
        most: 3_600_000,
      })
      .optional(),
  })

/** The state of an exchange. */
interface Kept {
  place: Place | null
}

class InFlightFilter implements Filter<Kept> {
  private readonly most: number
  private readonly pending: number
  private readonly waitMs: number
  private readonly keyOf: (x: ExchangeView) => string
  private readonly places: Places

  constructor(options: z.output<ReturnType<typeof inFlightOptions>>, context: FilterContext) {
    this.most = options.most
    this.pending = options.pending ?? 0
    this.waitMs = options.wait ?? WAIT_MS
    this.keyOf = keyReader(options.key)
    this.places = context.state(keyText(options.key), () => new Places())
  }

  begin(): Kept {
    return { place: null }
  }

  request(x: RequestPhase, s: Kept): Verdict {
    s.place ??= this.places.enter(`${x.id}.${x.filter}`, this.keyOf(x), this.most, this.pending)
    if (s.place === null) return x.refuse(IN_FLIGHT_FULL)
    if (s.place.isGranted) return PASS
    return x.waitFor(s.place, GRANTED, { within: this.waitMs })
  }

  late(x: RequestPhase, s: Kept): Verdict {
    this.places.counts.late++
    this.release(s)
    return x.refuse(IN_FLIGHT_LATE)
  }

  release(s: Kept): void {
    if (s.place !== null) this.places.leave(s.place)
    s.place = null
  }

  events() {
    return this.places.counts
  }

  describe() {
    const { counts, keys, running, waiting } = this.places
    return { ...counts, keys, running, waiting }
  }
}

export const inFlight = defineFilter({
  name: 'inFlight',
  description: 'Limits how many requests are in flight at once, by key.',
  options: inFlightOptions,
  check({ pending = 0, wait }, checks) {
    if (wait !== undefined && pending === 0)
      checks.error(['wait'], 'no request waits without pending; write pending too')
  },
  create: (options, context) => new InFlightFilter(options, context),
})
