// Makes a failing plan smaller: each of its numbers is tried at its quietest value, then half-way there, and
// a change that still breaks the same property is kept. It is a greedy search over the numbers. The schedule
// differs after each change, since the draws differ.

import { calmOf, type Plan, planNames } from './plan.js'
import { type Result, simulate } from './run.js'

export function shrink(failed: Result, runsMax = 400): Result {
  let best = failed
  let runs = 0
  const tryWith = (change: Partial<Plan>): boolean => {
    if (runs++ >= runsMax) return false
    const result = simulate({ ...best.plan, ...change })
    if (result.violation?.property !== failed.violation?.property) return false
    best = result
    return true
  }
  for (let smaller = true; smaller && runs < runsMax; ) {
    smaller = false
    for (const name of planNames) {
      // The numbers of Redis are those of its own runs.
      if (failed.plan.redis === 0 && name.startsWith('redis')) continue
      const value = best.plan[name]
      const calm = calmOf(name)
      if (value === calm) continue
      const halfway = Math.trunc((value + calm) / 2)
      if (
        tryWith({ [name]: calm }) ||
        (halfway !== value && halfway !== calm && tryWith({ [name]: halfway }))
      ) {
        smaller = true
      }
    }
  }
  return best
}
