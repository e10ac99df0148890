// All defects that can be planted, and the search for one.

import { attemptDefects } from './attempt-defects.js'
import { balancingDefects } from './balancing-defects.js'
import { sameTwice } from './checks/s7.js'
import { claimDefects } from './claim-defects.js'
import { clockDefects } from './clock-defects.js'
import { closingDefects } from './closing-defects.js'
import { controlDefects } from './control-defects.js'
import { type Defect, defects as http2Defects } from './defects.js'
import { filterDefects } from './filter-defects.js'
import { handDefects } from './hand-defects.js'
import { http1Defects } from './http1-defects.js'
import { livenessDefects } from './liveness-defects.js'
import { operatorDefects } from './operator-defects.js'
import { partingDefects } from './parting-defects.js'
import { drawPlan } from './plan.js'
import { respondDefects } from './respond-defects.js'
import { simulate } from './run.js'
import { storeDefects } from './store-defects.js'
import { tunnelDefects } from './tunnel-defects.js'

/** Defects of HTTP/2 are looked for where it alone is spoken. */
const HTTP2 = {
  http1ClientsPercent: 0,
  http1Backend: 0,
  tunnelPercent: 0,
  expectPercent: 0,
  largeHeadPercent: 0,
  goawayBehindPercent: 0,
  forgedPercent: 0,
  slowPercent: 0,
  earlyResetPercent: 0,
  chattyPercent: 0,
}
/** Defects of messages of HTTP/1.1 are looked for without tunnels. */
const MESSAGES = { tunnelPercent: 0, expectPercent: 0, forgedPercent: 0, earlyResetPercent: 0 }

/** All but those of balancing are looked for where a backend is one endpoint. */
const plain: readonly Defect[] = [
  ...[...http2Defects, ...controlDefects, ...attemptDefects, ...livenessDefects].map((each) => ({
    ...each,
    plan: { ...HTTP2, ...each.plan },
  })),
  ...[...http1Defects, ...partingDefects, ...closingDefects].map((each) => ({
    ...each,
    plan: { ...MESSAGES, ...each.plan },
  })),
  ...tunnelDefects.map((each) => ({ ...each, plan: { forgedPercent: 0, ...each.plan } })),
  ...claimDefects.map((each) => ({ ...each, plan: { ...MESSAGES, ...each.plan } })),
  ...respondDefects.map((each) => ({ ...each, plan: { forgedPercent: 0, ...each.plan } })),
  ...handDefects.map((each) => ({ ...each, plan: { ...MESSAGES, handOnly: 0, ...each.plan } })),
  ...clockDefects.map((each) => ({ ...each, plan: { ...MESSAGES, ...each.plan } })),
  ...filterDefects,
  ...storeDefects,
  ...operatorDefects,
]

export const defects: readonly Defect[] = [
  ...plain.map((each) => ({
    ...each,
    plan: {
      endpoints: 0,
      endpointsOnly: 0,
      filters: 0,
      operators: 0,
      changeovers: 0,
      redis: 0,
      store: 0,
      ...each.plan,
    },
  })),
  ...balancingDefects.map((each) => ({
    ...each,
    plan: { ...MESSAGES, filters: 0, operators: 0, changeovers: 0, redis: 0, store: 0, ...each.plan },
  })),
]

export interface Found {
  /** The property that was seen to break; null if none of those expected did. */
  readonly property: string | null
  /** Seeds that it took, from 1 on. */
  readonly seeds: number
  /** Others that broke before. */
  readonly others: readonly string[]
}

/** Plants it, and runs seeds until its checker finds it. */
export function lookFor(defect: Defect, seedsMax: number): Found {
  const undo = defect.plant()
  const others = new Set<string>()
  try {
    for (let seed = 1; seed <= seedsMax; seed++) {
      const plan = drawPlan(seed, defect.plan)
      const { violation } = defect.expected.includes('S7') ? sameTwice(plan) : simulate(plan)
      if (violation === null) continue
      if (defect.expected.includes(violation.property))
        return { property: violation.property, seeds: seed, others: [...others] }
      others.add(violation.property)
    }
    return { property: null, seeds: seedsMax, others: [...others] }
  } finally {
    undo()
  }
}
