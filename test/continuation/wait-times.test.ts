// The times that a continuation has waited, by step.

import t from 'tap'
import { WaitTimes } from '../../src/continuation/index.js'

t.test('ms add up by place, whatever the number and the order of the places', async (t) => {
  for (const places of [[], [3], [5, 5, 0], [1, 2, 3, 1, 2, 3, 30], [4, 30, 29, 29, 4, 0]]) {
    const waits = new WaitTimes()
    const expected = new Float64Array(31)
    for (const [at, place] of places.entries()) {
      waits.add(place, at + 0.5)
      expected[place] += at + 0.5
    }
    t.strictSame(
      [...expected.keys()].map((place) => waits.at(place)),
      [...expected],
    )
    const written = new Float64Array(31).fill(-1)
    waits.put(written)
    for (const place of new Set(places)) t.equal(written[place], expected[place])
    t.equal(
      waits.marks,
      [...new Set(places)].reduce((marks, place) => marks | (1 << place), 0),
    )
  }
})

t.test('a part is taken from one place and added to another', async (t) => {
  const waits = new WaitTimes()
  waits.add(7, 12)
  waits.add(7, -12)
  waits.add(9, 12)
  t.strictSame([waits.at(7), waits.at(9), waits.at(8)], [0, 12, 0])
})
