// Each checker of the simulator bites: every planted defect is seen, by the property it breaks, within a
// bounded number of seeds; and with none planted the same seeds pass.

import t from 'tap'
import { drawPlan } from '../../tools/sim/plan.js'
import { defects, lookFor } from '../../tools/sim/planted.js'
import { simulate } from '../../tools/sim/run.js'

// Some thousand runs: on a busy machine they take their time.
t.setTimeout(180_000)

/** Seeds tried, from the first on. */
const SEEDS_MAX = 30

t.test('each planted defect is found by its checker', async (t) => {
  t.ok(defects.length >= 20, `${defects.length} defects`)
  for (const defect of defects) {
    const { property, others } = lookFor(defect, SEEDS_MAX)
    t.ok(
      property !== null,
      `${defect.name}: ${defect.expected.join(' or ')}, else ${others.join() || 'nothing'}`,
    )
  }
})

t.test('every property has a defect that breaks it', async (t) => {
  const broken = new Set(defects.flatMap((each) => each.expected))
  for (const property of ['S1', 'S2', 'S3', 'S4', 'S5', 'S6', 'S7', 'L1', 'R', 'E8', 'E17', 'E19', 'H1']) {
    t.ok(broken.has(property), property)
  }
})

t.test('all of them dug out, the plans they ask for pass', async (t) => {
  for (const defect of defects) {
    for (let seed = 1; seed <= 2; seed++) {
      const { violation } = simulate(drawPlan(seed, defect.plan))
      t.equal(violation, null, `${defect.name}, seed ${seed}: ${violation?.message ?? 'passes'}`)
    }
  }
})
