// The state that filters keep through reloads.

import t from 'tap'
import type { FilterConfig } from '../../src/config/index.js'
import { defineFilter, filterLimits, z } from '../../src/filters/index.js'
import { Filters } from '../../src/server/filters.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

class Counts {
  closed = 0
  close(): void {
    this.closed++
  }
}

t.test(
  'K11: a state is kept by the name and its key, and closed when nobody asks for it any longer',
  async (t) => {
    const { proxy } = memoryProxy()
    const made: Counts[] = []
    const closed: string[] = []
    const definition = defineFilter({
      name: 'count',
      description: 'Counts.',
      options: z.strictObject({ key: z.string(), limit: z.number() }),
      create({ key, limit }, context) {
        if (limit < 0) throw new Error('limit is below 0')
        made.push(context.state(key, () => new Counts()))
        t.equal(
          context.tasks({ name: 'x', concurrencyMax: limit, queueMax: 1 }).options.concurrencyMax,
          limit,
        )
        return { close: () => void closed.push(`${context.name} ${limit}`) }
      },
    })
    const filters = new Filters(proxy, { repeated: () => true }, filterLimits, () => definition as never)
    const config = (identity: string, key: string, limit: number): FilterConfig => ({
      name: identity,
      kind: 'count',
      identity,
      options: { key, limit },
      onFailure: 'refuse',
      source: { file: '', line: 0, column: 0 },
    })
    const serve = (...configs: FilterConfig[]) => {
      const prepared = filters.prepare()
      const uses = configs.map((each) => prepared.use(each))
      prepared.commit()
      return uses
    }
    const [first, again] = serve(config('a', 'k', 1), config('a', 'k', 1))
    t.equal(first.filter, again.filter, 'equal uses are one filter')
    const [same] = serve(config('a', 'k', 1))
    t.equal(same.filter, first.filter, 'it stays')
    t.equal(made.length, 1)

    serve(config('a', 'k', 2), config('b', 'k', 1))
    t.same(closed, ['a 1'])
    t.equal(made[1], made[0], 'other options, the same state')
    t.not(made[2], made[0], 'another name')
    t.equal(made[0].closed, 0)

    serve(config('a', 'other', 2))
    t.equal(made[0].closed, 1, 'its key has gone')
    t.equal(made[2].closed, 1, 'its name has gone')

    const refused = filters.prepare()
    refused.use(config('c', 'k', 1))
    t.throws(() => refused.use(config('a', 'k', -1)), /filter a: limit is below 0/)
    refused.abandon()
    t.equal(made[4].closed, 1, 'what does not serve is let go')
    t.equal(made[3].closed, 0, 'what serves is not')
    filters.close()
    t.equal(made[3].closed, 1)
  },
)
