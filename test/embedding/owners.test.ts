// Each socket has an owner until it closes. `npm run owners` does the same with more.

import t from 'tap'
import { runOwners } from '../../tools/owners/run.js'

t.test('V15: requests and WebSockets that end in every way leave nothing', async (t) => {
  const { left, warnings, uncaught, outcomes, unended } = await runOwners({
    requests: 240,
    sockets: 60,
    atOnce: 40,
  })
  t.strictSame({ left, warnings, uncaught, unended }, { left: {}, warnings: [], uncaught: [], unended: 0 })
  t.ok(Object.keys(outcomes).length > 4, JSON.stringify(outcomes))
})
