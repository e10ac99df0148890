// fault: delays and refuses a share of the requests, to test how clients cope.

import { z } from 'zod'
import { Chance, FAULT_INJECTED, type Filter, PASS, type RequestPhase, type Verdict } from '../proxy/index.js'
import { defineFilter, type FilterContext, type OptionTypes } from './define.js'

const faultOptions = (types: OptionTypes) =>
  z.strictObject({
    delay: z
      .strictObject({
        time: types.duration('The time for which a request is held.', { least: 1, most: 3_600_000 }),
        percent: types.share('The share of the requests. Default: 100%.').optional(),
      })
      .optional()
      .describe('Holds requests before they go on.'),
    abort: z
      .strictObject({
        status: types.count('The status of the refusal. Default: 503.', 400, 599).optional(),
        percent: types.share('The share of the requests. Default: 100%.').optional(),
      })
      .optional()
      .describe('Refuses requests, after their delay.'),
  })

type FaultOptions = z.output<ReturnType<typeof faultOptions>>

/** The state of an exchange. */
interface Drawn {
  delayed: boolean
}

class FaultFilter implements Filter<Drawn> {
  private readonly options: FaultOptions
  private readonly chance: Chance
  private readonly counts = { passed: 0, delayed: 0, aborted: 0 }

  constructor(options: FaultOptions, { world }: FilterContext) {
    this.options = options
    this.chance = new Chance(world.pollset)
  }

  begin(): Drawn {
    return { delayed: false }
  }

  request(x: RequestPhase, s: Drawn): Verdict {
    const { delay, abort } = this.options
    if (!s.delayed) {
      s.delayed = true
      if (delay !== undefined && this.draws(delay.percent)) {
        this.counts.delayed++
        x.note('delayMs', delay.time)
        return x.pause(delay.time)
      }
    }
    if (abort === undefined || !this.draws(abort.percent)) {
      this.counts.passed++
      return PASS
    }
    this.counts.aborted++
    return x.refuse(FAULT_INJECTED, { status: abort.status ?? FAULT_INJECTED.status })
  }

  private draws(percent = 1): boolean {
    return percent >= 1 || this.chance.next() < percent
  }

  events() {
    return this.counts
  }

  describe() {
    return this.counts
  }
}

export const fault = defineFilter({
  name: 'fault',
  description: 'Delays and refuses a share of the requests, for tests.',
  options: faultOptions,
  check({ delay, abort }, checks) {
    if (delay === undefined && abort === undefined) checks.error([], 'it does nothing; write delay or abort')
  },
  create: (options, context) => new FaultFilter(options, context),
})
