// Lines: read from chunks however they are split, and a connection of them that reads no more than it may.

import t from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import type { Socket } from '../../src/pollset/index.js'
import {
  BARE_CR,
  BARE_LF,
  createTransportWorld,
  LINE,
  LineConnection,
  LineReader,
  MORE,
  TOO_LONG,
  type TransportWorld,
} from '../../src/transport/index.js'
import { MemoryPollset } from '../../tools/testbed/memory-pollset.js'

const MAX = 8

/** Returns everything that a reader finds in these chunks, up to the first line that is too long or has a bare CR. */
function read(chunks: readonly Buffer[]): { found: [number, string][]; kept: number } {
  const lines = new LineReader(MAX)
  const found: [number, string][] = []
  let kept = 0
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      at = lines.read(chunk, at, chunk.length)
      kept = Math.max(kept, lines.kept)
      if (lines.found === MORE) continue
      found.push([lines.found, lines.buffer(chunk).toString('latin1', lines.start, lines.end)])
      if (lines.found === TOO_LONG || lines.found === BARE_CR) return { found, kept }
    }
  }
  return { found, kept }
}

t.test('T1: CR LF and LF, each told; where the chunk is split makes no difference', async (t) => {
  const stories: [string, [number, string][]][] = [
    [
      'a\r\nbc\n\r\n\n12345678\n12345678\r\n',
      [
        [LINE, 'a'],
        [BARE_LF, 'bc'],
        [LINE, ''],
        [BARE_LF, ''],
        [BARE_LF, '12345678'],
        [LINE, '12345678'],
      ],
    ],
    [
      'a\nb\rc\n',
      [
        [BARE_LF, 'a'],
        [BARE_CR, 'b'],
      ],
    ],
    ['abc', []],
  ]
  for (const [text, expected] of stories) {
    const whole = Buffer.from(text, 'latin1')
    t.strictSame(read([whole]).found, expected)
    t.strictSame(read([...whole].map((octet) => Buffer.of(octet))).found, expected, 'byte by byte')
    for (let at = 1; at < whole.length; at++)
      t.strictSame(read([whole.subarray(0, at), whole.subarray(at)]).found, expected, `split at ${at}`)
  }
})

t.test(
  'T2: a line is too long with its first byte past the bound, and no more than the bound is kept',
  async (t) => {
    for (const chunks of [['123456789'], ['12345', '6789'], [...'123456789'], ['1234567890\n']]) {
      const { found, kept } = read(chunks.map((text) => Buffer.from(text)))
      t.strictSame(found, [[TOO_LONG, '12345678']])
      t.ok(kept <= MAX)
    }
  },
)

/** Keeps its lines; reads on while it has `room`. */
class Lines extends LineConnection {
  readonly kind = 'lines'
  readonly owes = false
  room = Number.POSITIVE_INFINITY
  taken: string[] = []
  bad: string[] = []
  over = 0
  constructor(world: TransportWorld, socket: Socket) {
    super(world, world.nextId('m'), socket, MAX)
  }
  get mayRead(): boolean {
    return this.taken.length < this.room
  }
  protected line(text: string): void {
    this.taken.push(text)
  }
  protected badLine(why: string): void {
    this.bad.push(why)
  }
  closed(): void {
    this.over++
  }
}

function setUp() {
  const pollset = new MemoryPollset()
  const world = createTransportWorld(createWorld(pollset))
  const socket = pollset.socket()
  const lines = new Lines(world, socket)
  pollset.run()
  const { far } = socket
  return { pollset, lines, far, say: (text: string) => far.send(Buffer.from(text, 'latin1')) }
}

t.test(
  'T3: read no further than it may: the rest of the chunk goes back, and comes when it may',
  async (t) => {
    const { pollset, say, lines, far } = setUp()
    lines.room = 1
    say('one\ntwo\r\nthree\nfo')
    t.strictSame(lines.taken, ['one'])
    say('ur\n')
    t.strictSame(lines.taken, ['one'])
    lines.room = 9
    lines.changed()
    pollset.run()
    t.strictSame(lines.taken, ['one', 'two', 'three', 'four'])
    lines.writeLine('\u00e9')
    pollset.run()
    t.equal(far.take().toString('latin1'), '\u00e9\n', 'a character is a byte')
  },
)

t.test('T4: what the peer’s end cuts is not a line', async (t) => {
  const { far, say, lines } = setUp()
  say('one\ntw')
  far.end()
  t.strictSame([lines.taken, lines.bad, lines.over], [['one'], [], 1])
  t.ok(far.ended)
})

t.test('T4: nothing is read behind a line that is refused', async (t) => {
  for (const [bad, why] of [
    ['123456789', 'the line is too long'],
    ['a\rb\n', 'the line has a CR inside'],
  ]) {
    const { say, lines, far } = setUp()
    say(`one\n${bad}\ntwo\n`)
    say('three\n')
    t.strictSame([lines.taken, lines.bad], [['one'], [why]])
    t.ok(far.ended)
  }
})
