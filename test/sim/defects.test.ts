// Each checker of the simulator bites: every planted defect is seen, by the property it breaks, within a
// bounded number of seeds; and with none planted the same seeds pass.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { drawPlan } from '../../tools/sim/plan.js'
import { defects, lookFor } from '../../tools/sim/planted.js'
import { simulate } from '../../tools/sim/run.js'
import { tableOf } from '../../tools/testbed/frames.js'

// Some thousand runs: on a busy machine they take their time.
t.setTimeout(180_000)

/** Seeds tried, from the first on. */
const SEEDS_MAX = 30

t.test(
  'S1, S2, S3, S4, S5, S6, S7, L1, E8, E17, E19, E26, E42, H1, C1, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, V1, X1, X2, X3, X4, X5, X6, K24, Y40, Y41, Y42, G20, W1, Z1, Z2: each planted defect is found by its checker',
  async (t) => {
    t.ok(defects.length >= 20, `${defects.length} defects`)
    for (const defect of defects) {
      const { property, others } = lookFor(defect, SEEDS_MAX)
      t.ok(
        property !== null,
        `${defect.name}: ${defect.expected.join(' or ')}, else ${others.join() || 'nothing'}`,
      )
    }
  },
)

t.test('every property has a defect that breaks it', async (t) => {
  const broken = new Set(defects.flatMap((each) => each.expected))
  const page = readFileSync('spec/simulator.md', 'utf8')
  const properties = tableOf(page, 'Checkers').flatMap((row) => row.id.split(', '))
  t.strictSame([...broken].sort(), properties.sort(), 'those of spec/simulator.md')
})

t.test('all of them dug out, the plans they ask for pass', async (t) => {
  for (const defect of defects) {
    for (let seed = 1; seed <= 2; seed++) {
      const { violation } = simulate(drawPlan(seed, defect.plan))
      t.equal(violation, null, `${defect.name}, seed ${seed}: ${violation?.message ?? 'passes'}`)
    }
  }
})
