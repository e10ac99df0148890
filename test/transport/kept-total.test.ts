// Bytes that owners keep, and the line of those that wait for room (F26, F27).

import t from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import { SimPollset } from '../../src/pollset/index.js'
import {
  createTransportWorld,
  KeptBytes,
  KeptCopy,
  KeptTotal,
  PlaceInLine,
  type TransportLimits,
} from '../../src/transport/index.js'

const setUp = (limits: Partial<TransportLimits>) => {
  const pollset = new SimPollset(1)
  const world = createTransportWorld(createWorld(pollset), limits)
  /** An owner of two copies, of which it can do without the first. */
  const owner = (spare: number, needed: number) => {
    const copies: KeptCopy[] = []
    const told: string[] = []
    const giveUp = (): boolean => {
      const isLast = copies.length === 1
      told.push(isLast ? 'ends' : 'frees')
      copies.shift()?.clear()
      return isLast
    }
    const total = new KeptTotal(world, { heldOwner: null, giveUp })
    copies.push(new KeptCopy(total, spare), new KeptCopy(total, needed))
    return { total, told }
  }
  return { pollset, world, memory: world.memory, owner }
}

t.test('F26: kept bytes are counted, and given up when too many are held: spare ones first', async (t) => {
  const { world, memory, owner } = setUp({ heldBytesSoft: 1_000, heldBytesMax: 1_600, stallMs: 100 })
  const one = owner(400, 500)
  const two = owner(300, 300)
  t.equal(memory.bytes, 1_500)
  one.total.settle()
  t.equal(memory.bytes, 1_500, 'none of them has stalled')
  memory.enforce(99, null)
  t.equal(memory.bytes, 1_500)
  memory.enforce(100, null)
  t.strictSame([one.told, two.told, memory.bytes], [['frees'], ['frees'], 800], 'the larger one first')
  t.equal(memory.stalls, 0, 'nothing has ended')
  const more = new KeptBytes(world.pollset, memory, two.total)
  more.append(Buffer.alloc(1_000), 0, 1_000)
  two.total.settle()
  t.strictSame([one.told, two.told], [['frees'], ['frees', 'ends']])
  t.equal(memory.stalls, 1)
  t.ok(two.total.stalled)
  more.clear()
  t.equal(memory.bytes, 500)
})

t.test('F26: a copy is held until the last of its users has given it up', async (t) => {
  const { world, memory } = setUp({})
  const total = new KeptTotal(world, { heldOwner: null, giveUp: () => true })
  const copy = new KeptCopy(total, 700, 3)
  const empty = new KeptCopy(total, 0)
  copy.clear()
  empty.clear()
  copy.clear()
  t.strictSame([memory.bytes, total.budget.bytes, memory.holders.size], [700, 700, 1])
  copy.clear()
  t.strictSame([memory.bytes, total.budget.bytes, memory.holders.size], [0, 0, 0])
})

t.test('F27: those who wait are let in in order, as room appears, and each reads once', async (t) => {
  const { world, memory } = setUp({ heldBytesSoft: 100_000, stallMs: 100 })
  const total = new KeptTotal(world, { heldOwner: null, giveUp: () => true })
  const read: number[] = []
  const places = Array.from({ length: 5 }, (_, n) => new PlaceInLine(() => read.push(n)))
  const { memoryLine: line } = world
  t.notOk(line.stand(places[0]), 'there is room')
  const copy = new KeptCopy(total, 100_000)
  for (const each of places) t.ok(line.stand(each))
  t.ok(line.stand(places[0]), 'once')
  line.leave(places[1])
  line.leave(places[1])
  copy.clear()
  t.strictSame(read, [0, 2], 'two may read as much as there is room for')
  t.ok(line.stand(places[1]), 'others came before')
  t.notOk(line.stand(places[0]), 'it was let in')
  t.ok(line.stand(places[0]), 'to read once')
  line.expire()
  t.strictSame(read, [0, 2, 3, 4])
  line.expire()
  t.strictSame(read, [0, 2, 3, 4, 1, 0])
  t.notOk(line.deadlineArmed)
  t.equal(memory.onRoom, null)
})

t.test(
  'F27: while somebody waits, those that have stalled are looked for, though nothing moves',
  async (t) => {
    const { pollset, world, memory } = setUp({ heldBytesSoft: 1_000, stallMs: 100 })
    const copies: KeptCopy[] = []
    const giveUp = (): boolean => {
      for (const each of copies.splice(0)) each.clear()
      return true
    }
    copies.push(new KeptCopy(new KeptTotal(world, { heldOwner: null, giveUp }), 5_000))
    let isIn = false
    const place = new PlaceInLine(() => {
      isIn = true
    })
    t.ok(world.memoryLine.stand(place))
    pollset.runUntil(() => isIn, 1_000)
    t.ok(isIn)
    t.strictSame([memory.bytes, memory.stalls], [0, 1])
  },
)
