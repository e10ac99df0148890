// The short form of tools/password-flood.ts: a flood of wrong passwords over real sockets.

import t from 'tap'
import { floodTable, PHASES, runFlood } from '../../tools/password-flood.js'

t.test('a flood of wrong passwords: others are served, and the log is left alone', async (t) => {
  const options = { seconds: 1, rounds: 1, addresses: 3, rate: 400, logins: 1, cost: 11, limit: [] }
  const phases = await runFlood(options)
  t.same(
    phases.map(({ name }) => name),
    PHASES,
  )
  for (const { name, failed, logLines, line } of phases) {
    t.equal(failed, 0, name)
    t.equal(logLines, 0, name)
    t.ok(line.length > 0, name)
  }
  const [alone, , none, flood] = phases.map(({ got }) => Object.keys(got))
  t.same(alone, [])
  t.ok(none?.includes('401'))
  t.same(
    // A slow machine may answer late.
    none?.filter((each) => !['401', 'late'].includes(each)),
    [],
  )
  t.ok(flood?.includes('401'))
  t.same(
    flood?.filter((each) => !['401', '429', '503', 'late'].includes(each)),
    [],
  )
  t.match(floodTable(phases), /^flood /m)
})
