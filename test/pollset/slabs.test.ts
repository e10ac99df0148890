// Output slabs: small for most, large for bulk, and of the large ones so many and no more (spec/output.md, O10).

import t from 'tap'
import { OutputSlabs } from '../../src/pollset/index.js'

const SIZE = 256 * 1024

t.test('the size is what waits asks for, and large ones are bounded', (t) => {
  const slabs = new OutputSlabs(SIZE, 2)
  const small = slabs.take(100, 100)
  t.equal(small.length, slabs.smallSize)
  const large = [slabs.take(slabs.smallSize + 1, 100), slabs.take(SIZE, 100)]
  t.same(
    large.map((each) => each.length),
    [SIZE, SIZE],
  )
  t.equal(slabs.take(SIZE, 100).length, slabs.smallSize, 'none of the large ones is left')
  t.equal(slabs.lent, 4)
  t.equal(slabs.lentBytes, 2 * SIZE + 2 * slabs.smallSize)
  slabs.give(large[0])
  t.equal(slabs.take(SIZE, 100), large[0], 'one that has come back')
  slabs.lose(large[1])
  t.equal(slabs.take(SIZE, 100).length, SIZE, 'one that will not: another in its place')
  t.end()
})

t.test('what must go in one piece always finds room', (t) => {
  const slabs = new OutputSlabs(SIZE, 1)
  slabs.take(SIZE, 0)
  t.equal(slabs.take(SIZE, slabs.smallSize + 1).length, SIZE)
  t.end()
})

t.test('a slab comes back to those of its size', (t) => {
  const slabs = new OutputSlabs(SIZE, 1)
  const small = slabs.take(1, 1)
  slabs.give(small)
  t.equal(slabs.lent, 0)
  t.equal(slabs.lentBytes, 0)
  t.equal(slabs.take(1, 1), small)
  t.end()
})
