// Bytes that stay in memory because the other side has not taken them: ReceiveBuffer and MemoryBudget,
// against spec/flow-control.md and properties S2 (a prefix, in order, unaltered), S3 (credit is conserved)
// and S4 (bounds).

import t from 'tap'
import type { Continuation } from '../../src/continuation/index.js'
import type { Slab } from '../../src/pollset/index.js'
import {
  ConnectionBudget,
  MemoryBudget,
  type MemoryLimits,
  memoryLimits,
  ReceiveBuffer,
} from '../../src/transport/index.js'
import { seeded } from '../world/random.js'

/** The receiving half of a stream, and the reports about it. */
class Sender {
  credited = 0
  stalls = 0
  starving = false
  heldOwner: Continuation | null = null
  readonly receiveBuffer: ReceiveBuffer
  /** The read buffers of this turn. */
  private readonly read: Buffer[] = []

  constructor(held: MemoryBudget, by: ConnectionBudget) {
    this.receiveBuffer = new ReceiveBuffer(held, by, this)
  }
  consumed(bytes: number): void {
    this.credited += bytes
  }
  /** Resets the stream as a protocol does: it releases everything. */
  stalled(): void {
    this.stalls++
    this.credited += this.receiveBuffer.clear()
  }
  /** Bytes in a read buffer that dies with the turn. */
  push(bytes: Buffer): boolean {
    const at = 100
    const buffer = Buffer.alloc(at + bytes.length + at)
    bytes.copy(buffer, at)
    this.read.push(buffer)
    return this.receiveBuffer.push(buffer, at, at + bytes.length)
  }
  pull(most: number, now = 0): Buffer {
    const target = Buffer.alloc(most + 7, 0x21)
    const pulled = this.receiveBuffer.pull(target, 7, most, now)
    return target.subarray(7, 7 + pulled)
  }
  settle(now = 0): void {
    this.receiveBuffer.settle(now)
    for (const buffer of this.read.splice(0)) buffer.fill(0xdd)
  }
}

function setUp(limits: Partial<MemoryLimits> = {}) {
  const held = new MemoryBudget({ ...memoryLimits, ...limits })
  const by = new ConnectionBudget()
  const sender = (connection = by) => new Sender(held, connection)
  return { held, by, sender }
}

const TWICE = Buffer.from(Array.from({ length: 512 }, (_, i) => i * 31))
/** Octets that tell their place, modulo 256. */
const bytes = (length: number, from = 0) =>
  Buffer.alloc(length, TWICE.subarray(from % 256, (from % 256) + 256))

t.test('O11: what is pulled in its turn is never held', async (t) => {
  const { held, sender } = setUp()
  const s = sender()
  t.ok(s.push(bytes(300)), 'the first since the last settling')
  t.notOk(s.push(bytes(300)))
  t.same(s.pull(1_000), Buffer.concat([bytes(300), bytes(300)]))
  s.settle()
  t.equal(held.bytes, 0)
  t.equal(s.credited, 600)
  t.ok(s.push(bytes(1)), 'settled: the first again')
})

t.test('O12: what stays is copied, since the read buffer dies with the turn', async (t) => {
  const { held, by, sender } = setUp()
  const s = sender()
  s.push(bytes(1_000))
  t.same(s.pull(100), bytes(100))
  s.settle()
  t.equal(held.bytes, 4_096, 'F5: counted as what is allocated')
  t.equal(by.bytes, 4_096)
  t.equal(s.receiveBuffer.heldBytes, 4_096)
  t.same(s.pull(2_000), bytes(900, 100))
  t.equal(s.credited, 1_000)
  t.equal(held.bytes, 0)
  t.equal(by.bytes, 0)
})

t.test('F5: many small ones share a block', async (t) => {
  const { held, sender } = setUp()
  const s = sender()
  const all: Buffer[] = []
  for (let turn = 0; turn < 512; turn++) {
    s.push(bytes(1, turn))
    all.push(bytes(1, turn))
    s.settle()
  }
  t.equal(held.bytes, 512)
  s.push(bytes(1))
  s.settle()
  t.equal(held.bytes, 1_024)
  t.same(s.pull(512), Buffer.concat(all))
  t.equal(held.bytes, 512, 'an emptied block goes back')
})

t.test('F12: cleared, it says what is owed, and nothing is held', async (t) => {
  const { held, sender } = setUp()
  const s = sender()
  s.push(bytes(70_000))
  s.pull(10_000)
  s.settle()
  s.push(bytes(500))
  t.equal(s.receiveBuffer.clear(), 60_500)
  s.settle()
  t.equal(held.bytes, 0)
  t.equal(s.receiveBuffer.length, 0)
  t.equal(s.receiveBuffer.clear(), 0, 'once')
  s.push(bytes(5))
  t.same(s.pull(9), bytes(5), 'and it can be used again')
})

t.test('R6, F22: retained bytes come again, and their credit waits', async (t) => {
  const { held, sender } = setUp()
  const s = sender()
  s.receiveBuffer.retain(65_536)
  s.push(bytes(1_000))
  t.same(s.pull(300), bytes(300))
  s.settle()
  t.same(s.pull(300), bytes(300, 300))
  t.equal(s.credited, 0)
  s.receiveBuffer.rewind()
  t.equal(s.receiveBuffer.length, 1_000)
  t.same(s.pull(1_000), bytes(1_000))
  s.receiveBuffer.rewind()
  s.push(bytes(10, 1_000))
  s.settle()
  t.same(s.pull(700), bytes(700))
  s.receiveBuffer.releaseRetained()
  t.equal(s.credited, 700)
  t.notOk(s.receiveBuffer.retained)
  s.receiveBuffer.rewind()
  t.equal(s.receiveBuffer.length, 310, 'nothing comes again')
  t.same(s.pull(1_000), bytes(310, 700))
  t.equal(s.credited, 1_010)
  t.equal(held.bytes, 0)
})

t.test('F22: no more than its bound, and not at the cost of a sender that would stop for good', async (t) => {
  const { sender } = setUp()
  const s = sender()
  s.receiveBuffer.retain(100)
  s.push(bytes(201))
  s.pull(100)
  t.ok(s.receiveBuffer.retained)
  t.equal(s.credited, 0)
  s.pull(1)
  t.notOk(s.receiveBuffer.retained)
  t.equal(s.credited, 101)

  const starved = sender()
  starved.receiveBuffer.retain(100)
  starved.starving = true
  starved.push(bytes(10))
  starved.pull(5)
  t.notOk(starved.receiveBuffer.retained)
  t.equal(starved.credited, 5)
})

t.test('retained from the middle of a slice on', async (t) => {
  const { sender } = setUp()
  const s = sender()
  s.push(bytes(100))
  s.pull(40)
  s.receiveBuffer.retain(1_000)
  t.same(s.pull(20), bytes(20, 40))
  s.receiveBuffer.rewind()
  t.same(s.pull(100), bytes(60, 40))
})

t.test('pulling nothing is no progress', async (t) => {
  const { sender } = setUp()
  const s = sender()
  s.push(bytes(100))
  s.settle(5)
  s.pull(0, 50)
  t.equal(s.receiveBuffer.progressAt, 5)
  s.pull(1, 60)
  t.equal(s.receiveBuffer.progressAt, 60)
})

t.test('S2, S3, S4 at random, against an array of octets', async (t) => {
  for (let seed = 1; seed <= 60; seed++) {
    const next = seeded(seed)
    const { held, by, sender } = setUp()
    const s = sender()
    /** From the first octet whose credit was not given. */
    let model = Buffer.alloc(0)
    /** The number of bytes pulled from it: above 0 only while retained. */
    let pulled = 0
    let retainMax = 0
    let pushed = 0
    let given = 0
    const must = (holds: boolean, what: string) => {
      if (!holds) throw new Error(`seed ${seed}: ${what}`)
    }
    const detach = () => {
      given += pulled
      model = model.subarray(pulled)
      pulled = 0
      retainMax = 0
    }
    for (let step = 0; step < 400; step++) {
      const what = next(16)
      if (what <= 4) {
        const size = [0, 1, 3, 47, 48, 100, 512, 4_096, 5_000, 16_384, 30_000][next(11)]
        const more = bytes(size, pushed)
        s.push(more)
        model = Buffer.concat([model, more])
        pushed += size
      } else if (what <= 9) {
        const most = next(3) === 0 ? next(40_000) : next(600)
        s.starving = next(30) === 0
        const got = s.pull(most, step)
        const expected = model.subarray(pulled, pulled + most)
        must(got.equals(expected), `step ${step}: not the octets that came next`)
        pulled += got.length
        if (retainMax === 0 || (got.length > 0 && (pulled > retainMax || s.starving))) detach()
      } else if (what <= 12) s.settle(step)
      else if (what === 13) {
        if (next(2) === 0 && retainMax === 0) {
          retainMax = 1 + next(20_000)
          s.receiveBuffer.retain(retainMax)
        } else {
          s.receiveBuffer.rewind()
          pulled = 0
        }
      } else if (what === 14 && next(4) === 0) {
        s.receiveBuffer.releaseRetained()
        detach()
      } else if (what === 15 && next(6) === 0) {
        const owed = s.receiveBuffer.clear()
        must(owed === model.length, `step ${step}: owed ${owed}, not ${model.length}`)
        given += owed
        s.credited += owed
        model = Buffer.alloc(0)
        pulled = 0
      }
      must(s.receiveBuffer.length === model.length - pulled, `step ${step}: length ${s.receiveBuffer.length}`)
      must(s.credited === given, `step ${step}: credited ${s.credited}, not ${given}`)
      must(given + model.length === pushed, `step ${step}: credit is not conserved`)
      must(held.bytes === s.receiveBuffer.heldBytes && by.bytes === held.bytes, `step ${step}: held bytes`)
      if (model.length === 0) must(held.bytes === 0, `step ${step}: ${held.bytes} held for nothing`)
    }
    s.credited += s.receiveBuffer.clear()
    must(s.credited === pushed, 'not all of it was given back')
    must(held.bytes === 0 && by.bytes === 0, 'something is held at the end')
  }
  t.pass('sixty seeds')
})

/** Held 16 KiB for each `blocks`, and stalled since `at`. */
function stalled(sender: Sender, blocks: number, at: number): Sender {
  sender.push(bytes(16_384 * blocks))
  sender.settle(at)
  return sender
}

const KIB16 = 16_384

t.test('F8: what a debugger holds pays first, the most before the least, and it is told', async (t) => {
  const { held, by, sender } = setUp({ heldBytesSoft: 4 * KIB16, stallMs: 1_000 })
  const owner = { id: 'm1/s1' } as Continuation
  const losses: unknown[] = []
  held.onHeldLoss = (...loss) => losses.push(loss)
  const most = stalled(sender(), 4, 1_000)
  const [small, large] = [stalled(sender(), 1, 5_000), stalled(sender(), 2, 5_000)]
  small.heldOwner = owner
  large.heldOwner = owner
  const young = stalled(sender(), 1, 9_500)
  young.heldOwner = owner
  held.enforce(10_000, by)
  const stalls = () => [most.stalls, small.stalls, large.stalls, young.stalls]
  t.strictSame(stalls(), [1, 1, 1, 0], 'those of the hold did not free enough')
  t.strictSame(losses, [
    [owner, 2 * KIB16, 'transport.heldBytesSoft'],
    [owner, KIB16, 'transport.heldBytesSoft'],
  ])
})

t.test('F8: from the soft limit on, whoever has stalled longest with most pays', async (t) => {
  const { held, by, sender } = setUp({ heldBytesSoft: 4 * KIB16, stallMs: 1_000 })
  const short = stalled(sender(), 1, 5_000)
  const long = stalled(sender(), 1, 1_000)
  held.enforce(10_000, by)
  t.equal(held.stalls, 0, 'below')
  t.notOk(held.aboveSoft)
  const most = stalled(sender(), 2, 5_000)
  t.ok(held.aboveSoft, 'at it')
  held.enforce(10_000, by)
  t.strictSame([short.stalls, long.stalls, most.stalls], [0, 0, 1], '2 × 5 s, not 1 × 9 s')
  t.equal(held.bytes, 2 * KIB16)
  t.equal(most.credited, 2 * KIB16)
  t.equal(held.stalls, 1)
  stalled(sender(), 2, 9_999)
  held.enforce(10_000, by)
  t.strictSame([short.stalls, long.stalls], [0, 1], 'now the longest; the newest not, whatever it holds')
  t.notOk(held.aboveSoft)
})

t.test('F8: who makes progress does not pay; who is reset pays once', async (t) => {
  const { held, by, sender } = setUp({ heldBytesSoft: KIB16, stallMs: 1_000 })
  const moving = stalled(sender(), 4, 0)
  moving.pull(1, 9_500)
  held.enforce(10_000, by)
  t.equal(moving.stalls, 0)
  held.enforce(10_500, by)
  t.equal(moving.stalls, 1)
  moving.push(bytes(20_000))
  moving.settle(10_600)
  held.enforce(20_000, by)
  t.equal(moving.stalls, 1)
  t.equal(held.stalls, 1)
})

t.test('F9: above the most, how long does not matter', async (t) => {
  const { held, by, sender } = setUp({ heldBytesSoft: KIB16, heldBytesMax: 3 * KIB16, stallMs: 1_000 })
  const small = stalled(sender(), 1, 100)
  const large = stalled(sender(), 2, 100)
  held.enforce(100, by)
  t.strictSame([small.stalls, large.stalls], [0, 0], 'at it')
  const another = stalled(sender(), 1, 100)
  held.enforce(100, by)
  t.strictSame([small.stalls, large.stalls, another.stalls], [0, 1, 0])
  t.ok(held.bytes <= 3 * KIB16)
})

t.test('F9: a connection has a bound of its own, and its own streams pay', async (t) => {
  const { held, by, sender } = setUp({ connectionHeldBytesMax: 2 * KIB16 })
  const other = new ConnectionBudget()
  const elsewhere = stalled(sender(other), 2, 0)
  const here = stalled(sender(), 1, 50)
  const more = stalled(sender(), 2, 50)
  held.enforce(100, by)
  t.strictSame([elsewhere.stalls, here.stalls, more.stalls], [0, 0, 1])
  t.equal(by.bytes, KIB16)
  t.equal(other.bytes, 2 * KIB16)
})

t.test('blocks come from the pool that fits, and are lent once', async (t) => {
  const { held, sender } = setUp()
  t.strictSame(
    [1, 512, 513, 4_096, 4_097, 16_384, 1_000_000].map((size) => held.poolFor(size).size),
    [512, 512, 4_096, 4_096, 16_384, 16_384, 16_384],
  )
  const pool = held.poolFor(1)
  const { receiveBuffer } = sender()
  const [a, b] = [held.take(pool, receiveBuffer), held.take(pool, receiveBuffer)]
  t.not(a, b)
  t.equal(pool.lent, 2)
  held.give(a, receiveBuffer)
  t.equal(held.take(pool, receiveBuffer), a, 'used again')
  held.give(a, receiveBuffer)
  held.give(b, receiveBuffer)
  t.equal(pool.lent, 0)
  t.equal(held.bytes, 0)
})

t.test(
  'F25: a block that is not the buffer’s own ends the World; a count that does not add up, the connection',
  async (t) => {
    const { held, by, sender } = setUp()
    const s = sender()
    s.push(bytes(1_000))
    s.settle()
    const inside = s.receiveBuffer as unknown as { slices: { block: Slab }[] }
    const { block } = inside.slices[0]
    t.throws(() => held.give(block, sender().receiveBuffer), { name: 'InvariantBroken', reach: 'world' })
    t.equal(held.bytes, 4_096)
    by.bytes = 0
    t.throws(() => s.pull(1_000), { name: 'InvariantBroken', reach: 'owner' })
    t.equal(block.owner, null, 'the block has come back nevertheless')
  },
)

t.test('no more can be pulled than has arrived', async (t) => {
  const s = setUp().sender()
  s.push(bytes(10))
  s.receiveBuffer.length = 11
  t.throws(() => s.pull(11), { name: 'InvariantBroken', reach: 'owner' })
})
