// The overview of a debugger is made in small parts, however many clients and engines there are.

import t from 'tap'
import type { Overview } from '../../src/debugger/index.js'
import type { Pollset } from '../../src/pollset/index.js'
import type { RequestKind } from '../../src/server/request-kind.js'
import { RequestTally } from '../../src/server/request-tally.js'

t.test('thousands of engines are looked at and described one after the other', async (t) => {
  let looked = 0
  let described = 0
  const engines = Array.from({ length: 5_000 }, (_, at) => ({
    queued: at % 1_000,
    get sessions() {
      looked++
      return []
    },
    describe: () => {
      described++
      return { id: `e${at}` }
    },
  }))
  const kind = {
    openClients: 2_000,
    clients: () => Array.from({ length: 2_000 }, (_, at) => ({ id: `m${at}` })),
    describeClient: ({ id }: { id: string }) => ({ id, address: '', protocol: 'http2' }),
    engines: () => engines,
  } as unknown as RequestKind<never>
  const pollset = { now: 7, turns: 1 } as Pollset
  const making = new RequestTally(pollset, [kind] as never, 0).overview()
  let overview: Overview | null = null
  let most = 0
  let least = 1
  while (overview === null) {
    const before = looked + described
    const { done, value } = making.next()
    most = Math.max(most, looked + described - before)
    if (done === true) overview = value
    else least = Math.min(least, value)
  }
  t.strictSame([most, least], [1, 1], 'at most one between two yields, and each is work')
  t.match(overview, { clients: { length: 100 }, engines: { length: 100 }, enginesTotal: 5_000 })
  t.match(overview.engines.slice(0, 2), [{ id: 'e4999' }, { id: 'e3999' }], 'those with the most first')
})
