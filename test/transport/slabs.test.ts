// Output slabs: small for most, large for bulk, and of the large ones a bounded number (spec/output.md, O10); and that a slab has one owner,
// or the World ends.

import t, { type Test } from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import { createHttpWorld } from '../../src/http/index.js'
import { createHttp1, serveHttp1 } from '../../src/http1/index.js'
import { createHttp2, serveHttp2 } from '../../src/http2/index.js'
import { type Slab, SlabPool } from '../../src/pollset/index.js'
import { createTransportWorld, OutputSlabs, slabLimits } from '../../src/transport/index.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'

const SIZE = 256 * 1024
const slabsOf = (largeSlabsMax: number) => new OutputSlabs({ flushBytesMax: SIZE, largeSlabsMax })
const owner = {}
const give = (slab: Slab): void => slab.pool.give(slab, owner)

t.test('O10: the size is what waits asks for, and large ones are bounded', (t) => {
  const slabs = slabsOf(2)
  const small = slabs.take(100, 100, owner)
  t.equal(small.bytes.length, slabs.smallSize)
  const large = [slabs.take(slabs.smallSize + 1, 100, owner), slabs.take(SIZE, 100, owner)]
  t.same(
    large.map((each) => each.bytes.length),
    [SIZE, SIZE],
  )
  t.equal(slabs.take(SIZE, 100, owner).bytes.length, slabs.smallSize, 'none of the large ones is left')
  t.equal(slabs.lent, 4)
  t.equal(slabs.lentBytes, 2 * SIZE + 2 * slabs.smallSize)
  give(large[0])
  t.equal(slabs.take(SIZE, 100, owner), large[0], 'one that has come back')
  large[1].pool.lose(large[1], owner)
  t.equal(slabs.take(SIZE, 100, owner).bytes.length, SIZE, 'one that will not: another in its place')
  t.end()
})

t.test('what must go in one piece always finds room', (t) => {
  const slabs = slabsOf(1)
  slabs.take(SIZE, 0, owner)
  t.equal(slabs.take(SIZE, slabs.smallSize + 1, owner).bytes.length, SIZE)
  t.end()
})

t.test('a slab comes back to those of its size', (t) => {
  const slabs = slabsOf(1)
  const small = slabs.take(1, 1, owner)
  give(small)
  t.equal(slabs.lent, 0)
  t.equal(slabs.lentBytes, 0)
  t.equal(slabs.take(1, 1, owner), small)
  t.end()
})

t.test('O10: largeSlabsMax is what both HTTP versions of a World get together', (t) => {
  const largeSlabsMax = 2
  const pollset = new MemoryPollset()
  const world = createHttpWorld(createWorld(pollset), { largeSlabsMax })
  const acceptor = { accept() {}, clientClosed() {}, clientAbused() {} }
  const [http1, http2] = [createHttp1(world), createHttp2(world)]
  const connections = [1, 2, 3, 4].map((each) => {
    const socket = pollset.socket()
    return each % 2 === 0 ? serveHttp2(http2, socket, acceptor) : serveHttp1(http1, socket, acceptor)
  })
  const taken = connections.map((each) => {
    const { slabs } = (each as unknown as { output: { slabs: OutputSlabs } }).output
    return slabs.take(slabLimits.flushBytesMax, 0, each).bytes.length
  })
  const { smallSize } = world.slabs
  t.strictSame(taken, [slabLimits.flushBytesMax, slabLimits.flushBytesMax, smallSize, smallSize])
  t.equal(world.slabs.lent, 4)
  pollset.close()
  t.end()
})

t.test('two Worlds have a pool each', (t) => {
  const worlds = [1, 2].map(() =>
    createTransportWorld(createWorld(new MemoryPollset()), { largeSlabsMax: 1 }),
  )
  for (const { slabs } of worlds) slabs.take(SIZE, 0, owner)
  t.strictSame(
    worlds.map(({ slabs }) => slabs.lentBytes),
    [SIZE, SIZE],
  )
  t.end()
})

const breaks = (t: Test, act: () => void) => t.throws(act, { name: 'InvariantBroken', reach: 'world' })

t.test('O30: who is not the owner gives nothing back, loses nothing, and passes nothing on', (t) => {
  const pool = new SlabPool(SIZE, 1)
  const slab = pool.take(owner)
  const other = {}
  breaks(t, () => pool.give(slab, other))
  breaks(t, () => pool.lose(slab, other))
  breaks(t, () => slab.pass(other, other))
  breaks(t, () => new SlabPool(SIZE, 1).give(slab, owner))
  t.equal(pool.lent, 1)
  slab.pass(owner, other)
  breaks(t, () => give(slab))
  pool.give(slab, other)
  breaks(t, () => pool.give(slab, other))
  t.equal(pool.lent, 0)
  t.end()
})

t.test('an idle slab that somebody has kept is lent to nobody', (t) => {
  const pool = new SlabPool(SIZE, 1)
  const slab = pool.take(owner)
  give(slab)
  slab.owner = owner
  breaks(t, () => pool.take({}))
  t.end()
})

t.test('a slab that was lost never comes back', (t) => {
  const pool = new SlabPool(SIZE, 1)
  const slab = pool.take(owner)
  pool.lose(slab, owner)
  breaks(t, () => give(slab))
  t.not(pool.take(owner), slab)
  t.end()
})
