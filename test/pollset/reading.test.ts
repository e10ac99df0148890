// The reads of Node's sockets (src/pollset/node/reading.ts): they go into one shared buffer, as long
// as little comes.

import { once } from 'node:events'
import t from 'tap'
import { READABLE, type Slab, type SlabPool } from '../../src/pollset/index.js'
import { ReadBuffers, Reading } from '../../src/pollset/node/reading.js'
import { listening, takeBytes, until } from '../world/node-sockets.js'

const MUCH = 16 * 1024

/** Fails the test if the World breaks. */
const up = (error: unknown): void => {
  throw error
}

/** A socket that reads: what it has got, and a way to give it bytes as Node does. */
function reader(buffers: ReadBuffers) {
  const reading = new Reading(buffers)
  const chunks: string[] = []
  const wholes: (Slab | null)[] = []
  reading.reader = {
    bytesRead(chunk, whole) {
      chunks.push(chunk.toString('latin1'))
      wholes.push(whole)
    },
  }
  let next = reading.buffer()
  return {
    reading,
    chunks,
    wholes,
    get next() {
      return next
    },
    read(text: string) {
      next.write(text, 'latin1')
      reading.callback(text.length)
      next = reading.buffer()
    },
  }
}

t.test('sockets on which little comes share one buffer', async (t) => {
  const buffers = new ReadBuffers(up)
  const a = reader(buffers)
  const b = reader(buffers)
  t.equal(a.next, buffers.shared)
  t.equal(b.next, buffers.shared)
  a.read('one')
  b.read('two')
  a.read('three')
  t.strictSame(a.chunks, ['one', 'three'])
  t.strictSame(b.chunks, ['two'])
})

t.test('what was read stays as it was while others read', async (t) => {
  const buffers = new ReadBuffers(up)
  const kept: Buffer[] = []
  const reading = new Reading(buffers)
  reading.reader = { bytesRead: (chunk) => void kept.push(chunk) }
  reading.buffer().write('mine')
  reading.callback(4)
  reader(buffers).read('theirs')
  t.equal(String(kept[0]), 'mine')
})

t.test(
  'P21: a socket on which much comes has buffers of its own, which come back when the turn is over',
  async (t) => {
    const buffers = new ReadBuffers(up)
    const a = reader(buffers)
    a.read('x'.repeat(MUCH))
    const own = a.next
    t.not(own, buffers.shared)
    a.read('y'.repeat(MUCH))
    const slab = a.wholes[1] as Slab
    t.equal(slab.bytes, own)
    t.not(a.next, own, 'its bytes are not taken yet')
    a.reading.spend(slab)
    const b = reader(buffers)
    b.read('z'.repeat(MUCH))
    t.not(b.next, own, 'nor is the turn over')
    buffers.turnOver()
    b.read('z'.repeat(MUCH))
    t.equal(b.next, own)
    b.read('little')
    t.not(b.next, buffers.shared, 'a long message ends with a short read')
    for (let reads = 0; reads < 4; reads++) b.read('little')
    t.equal(b.next, buffers.shared, 'and silent sockets hold none')
  },
)

t.test('where many sockets have buffers of their own, one whose last read was short has none', async (t) => {
  const buffers = new ReadBuffers(up)
  const others = Array.from({ length: 64 }, () => reader(buffers))
  for (const each of others) each.read('x'.repeat(MUCH))
  const a = reader(buffers)
  a.read('x'.repeat(MUCH))
  t.not(a.next, buffers.shared)
  a.read('end')
  t.equal(a.next, buffers.shared)
})

t.test('a socket that closes gives back what it would have read into', async (t) => {
  const buffers = new ReadBuffers(up)
  const a = reader(buffers)
  a.read('x'.repeat(MUCH))
  const own = a.next
  a.reading.over()
  const b = reader(buffers)
  b.read('x'.repeat(MUCH))
  t.equal(b.next, own)
  reader(buffers).reading.over()
  t.equal(reader(buffers).next, buffers.shared, 'the shared one is never given away')
})

t.test(
  'P34: a buffer with two owners, noticed in a callback of Node: told, and the shared one is used',
  async (t) => {
    const told: unknown[] = []
    const buffers = new ReadBuffers((error) => told.push(error))
    const a = reader(buffers)
    a.read('x'.repeat(MUCH))
    const { next } = a.reading as unknown as { next: Slab }
    next.pass(a.reading, t)
    a.reading.over()
    t.match(told, [{ name: 'InvariantBroken', reach: 'world' }], 'as its socket closes')
    next.pass(t, a.reading)
    const b = reader(buffers)
    b.read('x'.repeat(MUCH))
    const idle = b.reading as unknown as { next: Slab }
    b.reading.over()
    next.pool.give(next, a.reading)
    ;(next as { owner: object | null }).owner = t
    const c = reader(buffers)
    c.read('x'.repeat(MUCH))
    t.equal(c.next, buffers.shared, 'as a socket takes it')
    t.equal(told.length, 2)
    t.equal(idle.next, null)
  },
)

t.test(
  'P34: one that its turn gives back and does not own ends the World, and all its sockets',
  async (t) => {
    const { pollset, pair } = await listening(t)
    const { peer, socket } = await pair()
    const { readBuffers } = pollset as unknown as { readBuffers: { own: SlabPool; spent: Slab[] } }
    const told = new Promise((resolve) => {
      pollset.onBroken = resolve
    })
    const closed = once(peer.resume(), 'end')
    readBuffers.spent.push(readBuffers.own.take(socket))
    pollset.queue({ wake() {}, resume() {} })
    t.match(await told, { name: 'InvariantBroken', message: /its owner, once/ })
    await closed
  },
)

t.test('accepted sockets read so too', async (t) => {
  const { pair } = await listening(t)
  const pairs = [await pair(), await pair(), await pair()]
  pairs.forEach(({ peer }, at) => void peer.write(`number ${at}`))
  for (const { socket } of pairs) await until(socket, READABLE)
  for (const [at, { socket }] of pairs.entries()) {
    const chunk = socket.take() as Buffer
    t.equal(String(chunk), `number ${at}`)
    t.ok(chunk.buffer.byteLength > chunk.length, 'a piece of a pool, no buffer that Node has made for it')
  }
  const [{ peer, socket }] = pairs as [(typeof pairs)[0]]
  const bulk = Buffer.alloc(1024 * 1024, 'fermata')
  peer.write(bulk)
  t.ok((await takeBytes(socket, bulk.length)).equals(bulk))
})
