// Filters that suspend, on the simulated network with reloads: seeds pass, and each planted defect is found.

import t from 'tap'
import { filterDefects, lookForFilterDefect } from '../../tools/sim/filters/filter-defects.js'
import { simulateFilters } from '../../tools/sim/filters/filter-run.js'

t.setTimeout(180_000)

const SEEDS = 40
/** Seeds tried for each defect, from the first on. */
const SEEDS_MAX = 30

t.test('X1, X2, X3, X4, X5, X6: the seeds pass, twice the same', async (t) => {
  const waits: Record<string, number> = {}
  for (let seed = 1; seed <= SEEDS; seed++) {
    const result = simulateFilters(seed)
    if (result.violation !== null)
      t.fail(`seed ${seed}: ${result.violation.property}: ${result.violation.message}`)
    for (const [how, count] of Object.entries(result.waits)) waits[how] = (waits[how] ?? 0) + count
    if (seed % 10 === 0) t.strictSame(simulateFilters(seed), result, `seed ${seed} again`)
  }
  for (const how of ['ready', 'late', 'cancelled']) t.ok(waits[how] > 50, `${waits[how]} waits were ${how}`)
})

t.test('X1, X2, X3, X4, X5, X6: each planted defect is found by its checker', async (t) => {
  for (const defect of filterDefects) {
    const found = lookForFilterDefect(defect, SEEDS_MAX)
    t.ok(
      found !== null,
      `${defect.name}: ${found?.violation?.property ?? 'not found'}, seed ${found?.seed ?? '-'}`,
    )
  }
  const broken = new Set(filterDefects.flatMap((each) => each.expected))
  t.strictSame([...broken].sort(), ['X1', 'X2', 'X3', 'X4', 'X5', 'X6'])
})
