// Each checker of the simulator bites: every planted defect is seen, by the property it breaks, within a
// bounded number of seeds; and with none planted the same seeds pass.

import t from 'tap'
import { sameTwice } from '../../tools/sim/checks/s7.js'
import { type Defect, defects as http2Defects } from '../../tools/sim/defects.js'
import { http1Defects } from '../../tools/sim/http1-defects.js'
import { drawPlan } from '../../tools/sim/plan.js'
import { simulate } from '../../tools/sim/run.js'

/** Seeds tried, from the first on. */
const SEEDS_MAX = 30

/** Those of HTTP/2 are looked for where it alone is spoken. */
const HTTP2 = { http1ClientsPercent: 0, http1Backend: 0 }
const defects: readonly Defect[] = [
  ...http2Defects.map((each) => ({ ...each, plan: { ...HTTP2, ...each.plan } })),
  ...http1Defects,
]

/** The property that was seen to break, the expected one if it was. */
function seen(defect: Defect): string {
  const others = new Set<string>()
  for (let seed = 1; seed <= SEEDS_MAX; seed++) {
    const plan = drawPlan(seed, defect.plan)
    const { violation } = defect.expected.includes('S7') ? sameTwice(plan) : simulate(plan)
    if (violation === null) continue
    if (defect.expected.includes(violation.property)) return violation.property
    others.add(violation.property)
  }
  return `only ${[...others].join() || 'nothing'}`
}

t.test('each planted defect is found by its checker', async (t) => {
  t.ok(defects.length >= 20, `${defects.length} defects`)
  for (const defect of defects) {
    const undo = defect.plant()
    try {
      t.ok(defect.expected.includes(seen(defect)), `${defect.name}: ${defect.expected.join(' or ')}`)
    } finally {
      undo()
    }
  }
})

t.test('every property has a defect that breaks it', async (t) => {
  const broken = new Set(defects.flatMap((each) => each.expected))
  for (const property of ['S1', 'S2', 'S3', 'S4', 'S5', 'S6', 'S7', 'L1', 'R', 'E8', 'E17', 'E19']) {
    t.ok(broken.has(property), property)
  }
})

t.test('all of them dug out, the plans they ask for pass', async (t) => {
  for (const defect of defects) {
    for (let seed = 1; seed <= 3; seed++) {
      const { violation } = simulate(drawPlan(seed, defect.plan))
      t.equal(violation, null, `${defect.name}, seed ${seed}: ${violation?.message ?? 'passes'}`)
    }
  }
})
