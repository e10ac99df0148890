// Filters that suspend, in runs of the simulator with everything else: with reloads, readers, a hand and the
// faults of the network. Waits end in each way, and services, caches and tokens take part.

import t from 'tap'
import { sameTwice } from '../../tools/sim/checks/s7.js'
import { drawPlan } from '../../tools/sim/plan.js'
import { simulate } from '../../tools/sim/run.js'

t.setTimeout(180_000)

const SEEDS = 40
const PLAN = { redis: 0, filters: 1, readers: 20, handOnly: 0, endpointsOnly: 0 }

t.test('X1, X2, X3, X4, X5, X6: the seeds pass, and twice the same', async (t) => {
  const tally: Record<string, number> = {}
  for (let seed = 1; seed <= SEEDS; seed++) {
    const plan = drawPlan(seed, PLAN)
    const { violation, faults } = seed % 10 === 0 ? sameTwice(plan) : simulate(plan)
    if (violation !== null) t.fail(`seed ${seed}: ${violation.property}: ${violation.message}`)
    for (const [what, count] of Object.entries(faults)) tally[what] = (tally[what] ?? 0) + count
  }
  for (const what of [
    "a filter's wait ready",
    "a filter's wait late",
    "a filter's wait cancelled",
    'filters reloaded',
    'a service asked: /keys',
    'a service asked: /verify',
    'a service asked: /asks',
    'a service asked: the origin',
    'a reader got 200',
    'a reader got 401',
    'a reader got it coded',
    'copy',
  ])
    t.ok(tally[what] > 20, `${tally[what] ?? 0} times: ${what}`)
})

/** Endpoints that fail while a filter refuses their answers: two of these seeds need all answers to count. */
const REFUSED = { ...PLAN, readers: 0, endpoints: 3, passiveConsecutive: 2, passiveRatePercent: 50 }

t.test('B18, A5, A6: answers that a filter refuses count for their endpoints', async (t) => {
  for (let seed = 70; seed < 100; seed++) {
    const { violation } = simulate(drawPlan(seed, REFUSED))
    t.equal(violation, null, `seed ${seed}: ${violation?.message ?? 'passes'}`)
  }
})

/** Two processes with a store. */
const STORE = { ...PLAN, store: 1, readers: 40, storePurges: 30 }

t.test('K24, Y40, Y41, Y42, G20: seeds with a store that two processes share', async (t) => {
  const tally: Record<string, number> = {}
  for (let seed = 1; seed <= 25; seed++) {
    const plan = drawPlan(seed, STORE)
    const { violation, faults } = seed % 10 === 0 ? sameTwice(plan) : simulate(plan)
    if (violation !== null) t.fail(`seed ${seed}: ${violation.property}: ${violation.message}`)
    for (const [what, count] of Object.entries(faults)) tally[what] = (tally[what] ?? 0) + count
  }
  for (const what of [
    'the store has answered',
    'the store has not answered',
    'the store answers wrongly',
    'the store is left alone',
    'the store is asked again',
    'the store is elsewhere',
    'a process hears of a purge',
    'a process empties its cache',
    'a purge is spread',
    'a purge is not spread',
    'another process purges',
  ])
    t.ok(tally[what] > 5, `${tally[what] ?? 0} times: ${what}`)
})
