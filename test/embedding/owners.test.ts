// Each socket has an owner until it closes. `npm run owners` does the same with more.

import t from 'tap'
import { MOUNTS } from '../../tools/owners/mounts.js'
import { isClean, runOwners } from '../../tools/owners/run.js'

for (const mount of Object.keys(MOUNTS))
  t.test(`V15: requests and WebSockets that end in every way leave nothing: ${mount}`, async (t) => {
    const report = await runOwners({ mount, requests: 240, sockets: 60, atOnce: 40, rounds: 2 })
    const { left, warnings, uncaught, outcomes, unended, internalErrors, held } = report
    t.strictSame(
      { left, warnings, uncaught, unended, internalErrors, held },
      { left: {}, warnings: [], uncaught: [], unended: 0, internalErrors: 0, held: 0 },
    )
    t.ok(isClean(report))
    t.ok(Object.keys(outcomes).length > 4, JSON.stringify(outcomes))
  })
