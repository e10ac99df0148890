// Bytes that may be on their way to a peer, for the slowest that is not taken for dead.

import t from 'tap'
import { Transit } from '../../src/transport/index.js'

const LIMITS = { slowestBytesPerSecond: 1_000, transitBytesMax: 60_000 }

t.test('what was written is on its way for as long as the slowest peer takes for it', (t) => {
  const transit = new Transit(LIMITS)
  t.equal(transit.look(0, 500), 0, 'nothing was written')
  t.equal(transit.look(2_000, 1_000), 3_000)
  t.equal(transit.look(2_000, 2_000), 3_000, 'nothing more')
  t.equal(transit.look(5_000, 2_000), 6_000, 'it stands behind what is on its way')
  t.equal(transit.look(6_000, 100_000), 101_000, 'behind nothing')
  t.end()
})

t.test('however much was written, no more is on its way than the kernels hold', (t) => {
  const transit = new Transit(LIMITS)
  t.equal(transit.look(1_000_000_000, 1_000), 61_000)
  t.equal(transit.look(1_000_000_001, 2_000), 61_001)
  t.equal(transit.look(2_000_000_000, 3_000), 63_000)
  t.end()
})

t.test(
  'an answer tells what has arrived: only what was written behind what it answers is on its way',
  (t) => {
    const transit = new Transit(LIMITS)
    transit.look(50_000, 0)
    transit.arrived(45_000, 50_000, 1_000)
    t.equal(transit.until, 6_000)
    transit.arrived(45_000, 50_000, 2_000)
    t.equal(transit.until, 6_000, 'told again, it is not later')
    transit.arrived(50_000, 50_000, 3_000)
    t.equal(transit.until, 3_000)
    transit.arrived(50_000, 70_000, 4_000)
    t.equal(transit.until, 24_000, 'what was written since the last look is counted first')
    t.end()
  },
)
