// rateLimit with a store: what the store counts, and what a process does without its answer.

import t, { type Test } from 'tap'
import { definitionOf, type FilterDefinition } from '../../src/filters/index.js'
import { exploreFilter, type FilterRun, type TestRequest, tryFilter } from '../../src/testing/index.js'
import { mistakesOf } from './made.js'
import { SimStore } from './sim-store.js'

t.setTimeout(120_000)

const filter = definitionOf('rateLimit') as FilterDefinition
const statusesOf = ({ got }: FilterRun): number[] => got.map(({ status }) => status)
const times = (count: number, request: TestRequest = {}): TestRequest[] =>
  Array.from({ length: count }, () => request)

/** Tries the filter with a store that a test prepares. */
const tried = (
  options: object,
  requests: readonly TestRequest[],
  sim = new SimStore(),
  more: { readonly atOnce?: boolean } = {},
) => tryFilter({ filters: { filter, options }, requests, store: sim.in, ...more })

async function explored(t: Test, options: object, requests: readonly TestRequest[], isSilent = false) {
  const runs = await exploreFilter(
    {
      filters: { filter, options },
      requests,
      atOnce: true,
      store: (world) => {
        const sim = new SimStore()
        sim.isSilent = isSilent
        return sim.in(world)
      },
    },
    { splitsMax: 4 },
  )
  t.strictSame(
    runs.flatMap(({ way, problems, failures }) =>
      [...problems, ...failures].map((each) => `${way}: ${each}`),
    ),
    [],
  )
  return new Map(runs.map((each) => [each.way, each]))
}

t.test(
  'K24: the store counts; requests of one turn wait for its answers, and the last is refused',
  async (t) => {
    const sim = new SimStore()
    const options = { limit: '2/1m', key: 'route', store: { backend: 'store' } }
    const run = await tried(options, times(3), sim)
    t.strictSame(statusesOf(run), [200, 200, 429])
    t.match(Object.fromEntries(run.got[2].fields), {
      'retry-after': '30',
      'ratelimit-policy': '"rateLimit";q=2;w=60',
      ratelimit: '"rateLimit";r=0;t=60',
    })
    t.strictSame([...sim.buckets.keys()], ['fermata:rateLimit:["rateLimit.0","route",60000]:all'])
    t.equal(sim.asked.filter((each) => each.startsWith('EVAL ')).length, 1, 'the text is sent once')
    t.strictSame(statusesOf(await tried(options, times(1), sim)), [429], 'another process')
  },
)

t.test('K24: values that clients send are not written in clear', async (t) => {
  const sim = new SimStore()
  const secret = times(1, { fields: [['x-key', 'secret-4711']] })
  await tried({ limit: '1/1m', key: ['field.x-key', 'route'], store: { backend: 'store' } }, secret, sim)
  t.equal(sim.buckets.size, 1)
  t.notMatch([...sim.buckets.keys()][0], /4711/)
  await tried({ limit: '1/1m', store: { backend: 'store' } }, times(1), sim)
  t.match([...sim.buckets.keys()][1], /address.*:198\.51\.100\.1$/)
})

t.test('K24: the store has requests held; cost, burst, shadow and fields are as without it', async (t) => {
  const options = { limit: '10/1s', burst: 1, delay: '1s', store: { backend: 'store' } }
  const held = await tried(options, times(3), new SimStore(), { atOnce: true })
  t.strictSame(statusesOf(held), [200, 200, 200])
  const refused = await tried({ ...options, delay: '150ms' }, times(3), new SimStore(), { atOnce: true })
  t.strictSame(statusesOf(refused).sort(), [200, 200, 429])
  const bounded = await tried({ ...options, pending: 1 }, times(3), new SimStore(), { atOnce: true })
  t.ok(statusesOf(bounded).includes(200))
  const shadow = { limit: '1/1m', shadow: true, store: { backend: 'store' } }
  t.strictSame(statusesOf(await tried(shadow, times(2))), [200, 200])
  const all = await tried({ limit: '3/1m', fields: 'all', cost: 2, store: { backend: 'store' } }, times(2))
  t.match(Object.fromEntries(all.got[0].fields), { ratelimit: '"rateLimit";r=1;t=40' })
  t.strictSame(statusesOf(all), [200, 429])
})

t.test('K24: without an answer each process lets pass its share, and at least one request', async (t) => {
  const silent = new SimStore()
  silent.isSilent = true
  const options = { limit: '10/1m', store: { backend: 'store', share: '30%' } }
  const run = await tried(options, times(12), silent)
  t.strictSame(statusesOf(run), [...times(3).map(() => 200), ...times(9).map(() => 429)])
  t.equal(silent.asked.length, 5, 'then it is left alone')
  t.match(Object.fromEntries(run.got[11].fields), { ratelimit: '"rateLimit";r=0;t=60' }, 'of the share')
  const one = { limit: '2/1m', store: { backend: 'store', share: '1%' } }
  t.strictSame(statusesOf(await tried(one, times(2), silent)), [200, 429])
  const whole = { limit: '2/1m', store: { backend: 'store' } }
  t.strictSame(statusesOf(await tried(whole, times(3), silent)), [200, 200, 429])
})

t.test('X1, X2, K24: every wait for the store late and cancelled, and every split', async (t) => {
  const plain = await explored(t, { limit: '2/1m', store: { backend: 'store' } }, times(3))
  t.strictSame(statusesOf(plain.get('plain') as FilterRun).sort(), [200, 200, 429])
  for (let wait = 1; wait <= 3; wait++) {
    const late = statusesOf(plain.get(`wait ${wait} late`) as FilterRun)
    t.equal(late[wait - 1], 200, 'it counts alone')
    t.equal(statusesOf(plain.get(`wait ${wait} cancelled`) as FilterRun)[wait - 1], 0)
  }
  const held = { limit: '10/1s', burst: 1, delay: '2s', store: { backend: 'store' } }
  const ways = await explored(t, held, times(3))
  t.strictSame(statusesOf(ways.get('plain') as FilterRun), [200, 200, 200])
  t.ok(ways.has('wait 5 cancelled'), 'held requests too')
  await explored(t, held, times(7), true)
})

t.test('mistakes: the backend of a store is of Redis, and no cluster; a user has a password', async (t) => {
  const wrong = (store: string) =>
    mistakesOf(`filters: [{ rateLimit: { limit: 1/1s, store: { ${store} } } }]`)
  t.equal(wrong('backend: keys, database: 3, user: ann, password: x, timeout: 20ms, share: 50%'), '')
  t.match(wrong('backend: app'), /store\.backend the backend app speaks http; write protocol: redis there/)
  t.match(wrong('backend: key'), /there is no backend "key"; did you mean keys/)
  t.match(wrong('backend: many'), /the backend many is a cluster, and a store has endpoints or shards/)
  t.match(wrong('backend: keys, user: ann'), /store\.user a user has a password; write password too/)
  t.match(wrong('backend: keys, share: 0%'), /store\.share each process lets pass at least one request/)
  t.match(
    mistakesOf('filters: [{ mirror: { backend: keys } }]'),
    /mirror\.backend the backend keys speaks redis; name one that speaks HTTP/,
  )
})
