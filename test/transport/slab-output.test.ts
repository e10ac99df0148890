// The output through slabs, by itself, against spec/output.md: one write a flush, one in flight, and each
// slab back when it has drained. The protocol is text.

import t from 'tap'
import type { Slab } from '../../src/pollset/index.js'
import { OutputSlabs, SlabOutput } from '../../src/transport/index.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'
import { raise } from '../world/raise.js'

const LARGE = 64 * 1024

class TextOutput extends SlabOutput {
  private waiting = ''

  say(text: string): void {
    this.waiting += text
    this.flushSoon()
  }
  protected override get hasOutput(): boolean {
    return this.waiting !== ''
  }
  protected override takeSlab(slabs: OutputSlabs): Slab {
    return slabs.take(this.waiting.length, 0, this)
  }
  protected override fill(slab: Buffer): void {
    this.end = slab.write(this.waiting, 'latin1')
    this.waiting = this.waiting.slice(this.end)
  }
}

function setUp() {
  const pollset = new MemoryPollset()
  const slabs = new OutputSlabs({ flushBytesMax: LARGE, largeSlabsMax: 1 })
  const output = new TextOutput(pollset, slabs)
  const socket = pollset.socket()
  return { pollset, slabs, output, socket, far: socket.far }
}

t.test('O2: what is said in a turn is one write, and what was said before there was a socket too', (t) => {
  const { pollset, slabs, output, socket, far } = setUp()
  output.say('a')
  output.attach(socket, { crashWith: raise })
  output.say('b')
  pollset.run()
  t.equal(far.take().toString(), 'ab')
  t.equal(pollset.writes, 1)
  t.equal(slabs.lent, 0)
  t.end()
})

t.test('O3, O9: one write in flight, and its slab comes back when it has drained', (t) => {
  const { pollset, slabs, output, socket, far } = setUp()
  output.attach(socket, { crashWith: raise })
  far.reading = false
  output.say('a')
  pollset.run()
  output.say('b')
  pollset.run()
  t.equal(pollset.writes, 1)
  t.equal(slabs.lent, 1)
  t.match(output.describe(), { inFlight: true, finished: false })
  far.reading = true
  far.drain()
  t.equal(far.take().toString(), 'ab')
  t.equal(slabs.lent, 0)
  t.end()
})

t.test('O6: more than a slab takes leaves in the next turns', (t) => {
  const { pollset, slabs, output, socket, far } = setUp()
  output.attach(socket, { crashWith: raise })
  output.say('x'.repeat(2 * LARGE + 1))
  pollset.run()
  t.equal(far.take().length, 2 * LARGE + 1)
  t.equal(pollset.writes, 3)
  t.equal(slabs.lent, 0)
  t.end()
})

t.test('FIN goes behind all that is pending, once, and nothing behind it', (t) => {
  const { pollset, output, socket, far } = setUp()
  output.attach(socket, { crashWith: raise })
  far.reading = false
  output.say('a')
  pollset.run()
  output.say('b')
  output.finish()
  pollset.run()
  t.notOk(far.ended, 'not before what waits')
  far.reading = true
  far.drain()
  t.equal(far.take().toString(), 'ab')
  t.ok(far.ended)
  t.ok(output.finished)
  output.finish()
  output.say('c')
  pollset.run()
  t.equal(far.take().length, 0)
  t.end()
})

t.test('O10: a slab in flight is lost with its socket, not given to the next', (t) => {
  const { pollset, slabs, output, socket, far } = setUp()
  output.attach(socket, { crashWith: raise })
  far.reading = false
  output.say('a')
  pollset.run()
  output.abandon()
  t.equal(slabs.lent, 0)
  const other = setUp()
  const next = new TextOutput(other.pollset, slabs)
  next.attach(other.socket, { crashWith: raise })
  next.say('b')
  other.pollset.run()
  far.reading = true
  far.drain()
  t.equal(far.take().toString(), 'a', 'who reads late reads what was written')
  t.equal(other.far.take().toString(), 'b')
  t.equal(socket.output, null)
  t.end()
})
