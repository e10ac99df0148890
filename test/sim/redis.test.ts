// Redis in the simulator: its seeds pass, and each planted defect is found by its checker. The runs are short:
// `npm run sim` has more of them.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { sameTwice } from '../../tools/sim/checks/s7.js'
import { drawPlan } from '../../tools/sim/plan.js'
import { lookFor } from '../../tools/sim/planted.js'
import { redisDefects } from '../../tools/sim/redis/defects.js'
import { simulate } from '../../tools/sim/run.js'
import { tableOf } from '../../tools/testbed/frames.js'

t.setTimeout(180_000)

const SEEDS = 150
/** Seeds tried for a defect, from the first on. */
const SEEDS_MAX = 30

t.test('S1, S2, S4, S5, S6, S7, S8: the seeds pass', async (t) => {
  const tally: Record<string, number> = {}
  const outcomes = new Map<string, number>()
  for (let seed = 1; seed <= SEEDS; seed++) {
    const plan = drawPlan(seed, { redis: 1 })
    const { violation, faults, outcomes: ended } = seed % 15 === 0 ? sameTwice(plan) : simulate(plan)
    if (violation !== null) t.fail(`seed ${seed}: ${violation.property}: ${violation.message}`)
    for (const [what, count] of Object.entries(faults)) tally[what] = (tally[what] ?? 0) + count
    for (const [what, count] of ended) outcomes.set(what, (outcomes.get(what) ?? 0) + count)
  }
  for (const what of [
    'server dies within',
    'a client resets',
    'a client ends',
    'a client rests',
    'held',
    'split',
    'MOVED',
    'ASK',
    'a client is told that a key has changed',
    'bytes were given up for room',
  ])
    t.ok((tally[what] ?? 0) > 3, `${tally[what] ?? 0} times: ${what}`)
  for (const what of ['ok', 'error', 'backend-lost', 'command-late', 'command-ended', 'client-left'])
    t.ok((outcomes.get(what) ?? 0) > 3, `${outcomes.get(what) ?? 0} ended so: ${what}`)
})

t.test(
  'S1, S2, S4, S5, S6, S7, S8, L1, E50, E51, Y4, Y7, Y8, Y9, Y11, Y12, Y15, Y23, Y26, Y27, Y28, Y29, Y44: each planted defect is found by its checker',
  async (t) => {
    for (const defect of redisDefects) {
      const { property, others } = lookFor(defect, SEEDS_MAX)
      t.ok(
        property !== null,
        `${defect.name}: ${defect.expected.join(' or ')}, else ${others.join() || 'nothing'}`,
      )
    }
  },
)

/**
 * Before a cluster: a node that left while a command waited for a session there (30058); a read that was lost, then
 * told MOVED, and ended by an operator (30121); a transaction in one piece behind one that was lost (40434).
 */
const FOUND = [30058, 30121, 40434]

t.test('seeds that have failed once pass', async (t) => {
  for (const seed of FOUND) {
    const { violation } = simulate(drawPlan(seed, { redis: 1, redisNodes: 5, redisMoveMs: 10 }))
    t.equal(violation?.message, undefined, String(seed))
  }
})

t.test('a session that is found closed late breaks no later transaction', async (t) => {
  const plan = { redis: 1, redisEndPercent: 20, redisMultiPercent: 30, redisPipeline: 4, redisClients: 3 }
  for (const seed of [213, 596]) {
    const set = { ...plan, redisNodes: 0, redisHeldSoft: 1_000_000_000 }
    t.equal(simulate(drawPlan(seed, set)).violation?.message, undefined, String(seed))
  }
})

t.test('a command that blocks, and leaves a session that others are on, waits for them', async (t) => {
  t.equal(simulate(drawPlan(80546, { redis: 1 })).violation?.message, undefined)
})

t.test('every property of Redis has a defect that breaks it', async (t) => {
  const broken = new Set(redisDefects.flatMap((each) => each.expected))
  const page = readFileSync('spec/simulator.md', 'utf8')
  const properties = tableOf(page, 'Checkers of Redis').flatMap((row) => row.id.split(', '))
  t.strictSame([...broken].sort(), properties.sort(), 'those of spec/simulator.md')
})
