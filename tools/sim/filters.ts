// Filters of a run that suspend exchanges: a rate limit that holds them, places that they wait for, a delay;
// and a mirror, whose copies are requests of their own. They are made and replaced by the code of the
// server, so what they keep outlives the reloads of a run.

import type { FilterConfig } from '../../src/config/index.js'
import { filterLimits } from '../../src/filters/index.js'
import type { Prng } from '../../src/pollset/index.js'
import type { FilterUse, ReverseProxy } from '../../src/proxy/index.js'
import { Filters } from '../../src/server/filters.js'
import type { Plan } from './plan.js'

/** ms that filters hold an exchange at most: the sum of their waits. */
export const FILTERS_WAIT_MS = 1_000

const config = (kind: string, options: unknown): FilterConfig => ({
  name: kind,
  kind,
  identity: kind,
  options,
  onFailure: 'refuse',
  source: { file: '', line: 0, column: 0 },
})

export class SimFilters {
  uses: readonly FilterUse[] = []
  private readonly filters: Filters
  private readonly chance: Prng
  private readonly copies: string

  /** @param copies the name of the backend that gets copies */
  constructor(proxy: ReverseProxy, chance: Prng, copies: string) {
    this.chance = chance
    this.copies = copies
    this.filters = new Filters(proxy, { repeated: () => true }, filterLimits)
    this.reload()
  }

  /** Draws other options for all filters, of the same names. */
  reload(): void {
    const { chance } = this
    const key = chance.chance(70) ? [{ kind: 'address', name: '' }] : [{ kind: 'route', name: '' }]
    const prepared = this.filters.prepare()
    const uses = [
      prepared.use(
        config('rateLimit', {
          limit: { requests: chance.between(1, 20), windowMs: 100 },
          burst: chance.between(1, 10),
          delay: chance.between(0, 400),
          pending: chance.between(1, 20),
          key,
        }),
      ),
      prepared.use(
        config('inFlight', {
          most: chance.between(1, 5),
          pending: chance.between(1, 20),
          wait: chance.between(1, 400),
          key,
        }),
      ),
      prepared.use(
        config('fault', { delay: { time: chance.between(1, 100), percent: chance.below(101) / 100 } }),
      ),
    ]
    uses.push(
      prepared.use(
        config('mirror', {
          backend: this.copies,
          percent: chance.below(101) / 100,
          body: chance.below(5_000),
          most: chance.between(1, 10),
        }),
      ),
    )
    // A configuration may turn out wrong after its filters were made.
    if (this.uses.length > 0 && chance.chance(20)) {
      prepared.abandon()
      return
    }
    prepared.commit()
    this.uses = chance.chance(50) ? uses : uses.toReversed()
  }

  /** What they keep. */
  get kept(): Iterable<object> {
    return (this.filters as unknown as { readonly states: ReadonlyMap<string, object> }).states.values()
  }
}

/** Returns when the filters of a run are reloaded, in ms from its beginning. */
export const reloadTimes = (plan: Plan, chance: Prng): number[] =>
  Array.from({ length: chance.below(5) }, () => chance.below(plan.runMs))
