// S7: the same seed gives the same trace to the letter, and the same bytes on the wire.

import { createHash } from 'node:crypto'
import { Violation } from '../ledger.js'
import type { Plan } from '../plan.js'
import { type Result, simulate } from '../run.js'

/** Runs a plan twice. Returns the second result, or a violation if the two runs differ. */
export function sameTwice(plan: Plan): Result {
  const first = hashed(plan)
  if (first.result.violation !== null) return first.result
  const second = hashed(plan)
  if (first.hash === second.hash || second.result.violation !== null) return second.result
  return { ...second.result, violation: new Violation('S7', 'the same seed gives two traces') }
}

function hashed(plan: Plan): { readonly result: Result; readonly hash: string } {
  const hash = createHash('sha1')
  const result = simulate(plan, {
    lines: (line) => hash.update(line),
    octets: (bytes) => hash.update(bytes),
  })
  return { result, hash: hash.digest('hex') }
}
