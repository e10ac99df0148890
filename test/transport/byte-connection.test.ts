// A connection of plain bytes, as a protocol builds on it: read while it may be, its end, and the memory that its output may hold.

import t from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import { InvariantBroken, invariant, type Socket } from '../../src/pollset/index.js'
import {
  ByteConnection,
  createTransportWorld,
  type TransportLimits,
  type TransportWorld,
} from '../../src/transport/index.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'

/** Takes what comes while it may; says nothing by itself. */
class Taker extends ByteConnection {
  readonly kind = 'taker'
  mayRead = true
  owes = false
  over = 0
  text = ''
  constructor(world: TransportWorld, socket: Socket) {
    super(world, world.nextId('t'), socket)
  }
  /** A message is one byte. */
  protected takeBytes(chunk: Buffer, at: number): number {
    this.text += String.fromCharCode(chunk[at])
    if (this.text.endsWith('stop')) this.mayRead = false
    return at + 1
  }
  closed(): void {
    this.over++
  }
}

function setUp(limits: Partial<TransportLimits> = {}) {
  const pollset = new MemoryPollset()
  const world = createTransportWorld(createWorld(pollset), limits)
  const open = () => {
    const socket = pollset.socket()
    const taker = new Taker(world, socket)
    pollset.run()
    return { taker, socket, far: socket.far }
  }
  return { pollset, world, open }
}

t.test('T5: read no further while it may not be, and then from where it stood', async (t) => {
  const { pollset, open } = setUp()
  const { taker, socket, far } = open()
  far.put(Buffer.from('a stop'))
  far.send(Buffer.from(' b'))
  t.equal(taker.text, 'a stop')
  t.ok(socket.paused)
  taker.mayRead = true
  taker.text = ''
  taker.changed()
  pollset.run()
  t.equal(taker.text, ' b')
  t.notOk(socket.paused)
})

t.test(
  'T6: the peer’s end: what is owed and what waits goes first, then FIN, then it is closed',
  async (t) => {
    const { pollset, world, open } = setUp()
    const { taker, far } = open()
    far.reading = false
    taker.owes = true
    far.end()
    t.notOk(far.ended, 'it owes an answer')
    taker.output.write(Buffer.from('answer'))
    taker.owes = false
    taker.changed()
    pollset.run()
    t.notOk(far.ended, 'it waits to be written')
    far.drain()
    t.equal(far.take().toString(), 'answer')
    t.ok(far.ended)
    t.equal(taker.over, 1)
    t.ok(taker.finished)
    t.strictSame([world.memory.bytes, world.slabs.lent], [0, 0])
  },
)

t.test(
  'T7: cancelled: nothing more is read; after its FIN it waits for the peer’s, for a time',
  async (t) => {
    const { pollset, open } = setUp()
    const { taker, far } = open()
    taker.cancel()
    far.send(Buffer.from('late'))
    t.equal(taker.text, '')
    t.ok(far.ended)
    t.notOk(far.closed)
    pollset.advance(60_000)
    t.ok(far.closed)
    t.equal(taker.over, 1)
  },
)

t.test(
  'T7: cancelled while it may not read: what the peer still says is discarded, up to its end',
  async (t) => {
    const { pollset, open } = setUp()
    const { taker, socket, far } = open()
    far.put(Buffer.from('a stop'))
    far.send(Buffer.from('never read'))
    t.ok(socket.paused)
    taker.cancel()
    pollset.run()
    t.ok(far.ended)
    far.end()
    t.strictSame([taker.text, taker.over], ['a stop', 1])
  },
)

t.test(
  'F8: of those that do not read, the one that stalls with most is reset; its bytes come back',
  async (t) => {
    const { pollset, world, open } = setUp({ heldBytesSoft: 10_000, heldBytesMax: 60_000, stallMs: 1_000 })
    const [slow, slower] = [open(), open()]
    for (const { far, taker } of [slow, slower]) {
      far.reading = false
      taker.output.write(Buffer.alloc(16_384))
    }
    pollset.run()
    slower.taker.output.write(Buffer.alloc(40_000))
    slow.taker.output.write(Buffer.alloc(4_000))
    pollset.run()
    t.notOk(slower.far.closed)
    pollset.advance(2_000)
    slow.taker.output.write(Buffer.alloc(10))
    pollset.run()
    t.ok(slower.far.wasReset)
    t.notOk(slow.far.closed)
    t.equal(world.memory.stalls, 1)
    t.equal(slower.taker.output.waiting, 0)
  },
)

t.test('written to once it is gone: dropped, and nothing is held', async (t) => {
  const { pollset, world, open } = setUp()
  const { taker, far } = open()
  far.destroy()
  t.equal(taker.over, 1)
  taker.output.write(Buffer.alloc(1_000))
  pollset.run()
  t.equal(world.memory.bytes, 0)
})

t.test('a broken invariant in its flush: by RST, nothing further written, and told of once', async (t) => {
  const { pollset, world, open } = setUp()
  const crashes: unknown[] = []
  world.scheduler.onCrash = (_, error) => crashes.push(error)
  const [broken, sibling] = [open(), open()]
  const output = broken.taker.output as unknown as { fill(): void }
  output.fill = () => invariant(crashes.length > 0, 'bytes are written once')
  for (const { taker } of [broken, sibling]) taker.output.write(Buffer.from('hello'))
  pollset.run()
  t.equal(broken.far.take().length, 0)
  t.ok(broken.far.wasReset)
  t.equal(broken.taker.over, 1)
  t.equal(sibling.far.take().toString(), 'hello')
  t.ok(crashes.length === 1 && crashes[0] instanceof InvariantBroken)
  t.equal(world.memory.bytes, 0)
})
