// Rings of what was asked, ranges of output, bytes that are kept, and handshakes of accepted sockets.

import { connect, type Socket as NetSocket } from 'node:net'
import t from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import {
  NodePollset,
  noFaults,
  type SimPeerSocket,
  SimPollset,
  type Socket,
} from '../../src/pollset/index.js'
import {
  ByteOutput,
  Connections,
  createTransportWorld,
  KeptBytes,
  MemoryBudget,
  Pipeline,
  secure,
  securingLife,
} from '../../src/transport/index.js'
import { example } from '../../tools/testbed/certificates/index.js'
import { declared, Seen } from '../world/seen.js'

t.test('T13: a pipeline keeps its order while it grows and shrinks', async (t) => {
  const pipeline = new Pipeline<{ n: number }>()
  t.equal(pipeline.first, null)
  t.equal(pipeline.shift(), null)
  let pushed = 0
  let shifted = 0
  for (let round = 1; round < 60; round++) {
    for (let n = 0; n < round; n++) pipeline.push({ n: pushed++ })
    t.equal(pipeline.first?.n, shifted)
    t.equal(pipeline.peek(pipeline.size - 1)?.n, pushed - 1)
    t.equal(pipeline.peek(pipeline.size), null)
    t.strictSame(
      [...pipeline].map((each) => each.n),
      Array.from({ length: pipeline.size }, (_, n) => shifted + n),
    )
    for (let n = 0; n < round - (round % 3 === 0 ? 1 : 0); n++) t.equal(pipeline.shift()?.n, shifted++)
  }
  t.equal(pipeline.size, pushed - shifted)
})

t.test(
  'T14: bytes that are kept are in one piece, and their block is used again only after the turn',
  async (t) => {
    const pollset = new SimPollset(1)
    const memory = new MemoryBudget()
    const kept = new KeptBytes(pollset, memory)
    const all = Buffer.from(Array.from({ length: 300_000 }, (_, n) => n % 251))
    for (let at = 0; at < all.length; ) {
      const to = Math.min(all.length, at * 2 + 100)
      kept.append(all, at, to)
      at = to
      t.ok(kept.bytes.subarray(0, at).equals(all.subarray(0, at)))
      t.ok(memory.bytes >= at && memory.bytes <= 4 * at + 1_024, `${memory.bytes} counted for ${at}`)
    }
    kept.clear()
    t.equal(kept.length, 0)
    kept.append(all, 0, 1_000)
    const { bytes } = kept
    kept.clear()
    kept.append(all, 5, 1_005)
    t.not(kept.bytes, bytes, 'an output may still point at it')
    t.ok(bytes.subarray(0, 1_000).equals(all.subarray(0, 1_000)))
    pollset.runUntil(() => false, 0)
    kept.settle()
    kept.clear()
    kept.settle()
    t.equal(memory.bytes, 0)
  },
)

t.test(
  'T14: a message of known length gets its room at once, but no more than twice what has come',
  async (t) => {
    const memory = new MemoryBudget()
    const kept = new KeptBytes(new SimPollset(1), memory)
    const all = Buffer.alloc(65_571, 'x')
    kept.append(all, 0, 60_000, all.length)
    const { bytes } = kept
    kept.append(all, 60_000, all.length, all.length)
    t.equal(kept.bytes, bytes, 'it is not copied again')
    const other = kept.another()
    const before = memory.bytes
    other.append(all, 0, 100, 1_000_000)
    t.equal(memory.bytes - before, 1_024)
    t.equal(kept.length, all.length, 'the memory of the other is its own')
  },
)

/** A socket of the World, and its peer. */
function pair() {
  const pollset = new SimPollset(1, noFaults)
  const world = createTransportWorld(createWorld(pollset))
  const sockets: Socket[] = []
  new Connections('c', 10).listen(
    world,
    { host: '192.0.2.1', port: 1 },
    { accepted: (socket) => sockets.push(socket) },
  )
  pollset.runUntil(() => false, 0)
  const far = pollset.dial({ host: '192.0.2.1', port: 1 }, { host: '192.0.2.2', port: 2 }) as SimPeerSocket
  pollset.runUntil(() => sockets.length > 0, 0)
  return { pollset, world, socket: sockets[0], far }
}

/** An output on a socket of the World, and what its peer has received. */
function outputOf({ pollset, world, socket, far }: ReturnType<typeof pair>) {
  const heard = { text: '' }
  far.owner = { received: (bytes) => void (heard.text += Buffer.from(bytes)), ended() {}, closed() {} }
  const owner = {
    sent() {},
    stalled() {},
    crashWith(error: unknown) {
      throw error
    },
  }
  const output = new ByteOutput(world, owner)
  output.attach(socket, owner)
  return { output, heard, settle: () => pollset.runUntil(() => false, 0) }
}

t.test('T12: ranges that follow each other leave as one; what was put and taken is counted', async (t) => {
  const { output, heard, settle } = outputOf(pair())
  const one = Buffer.from('abcdef')
  output.put(one, 0, 2)
  output.put(one, 2, 4)
  output.put(Buffer.from('-'), 0, 1)
  output.put(one, 4, 6)
  t.strictSame([output.putBytes, output.takenBytes, output.waiting], [7, 0, 7])
  settle()
  t.equal(heard.text, 'abcd-ef')
  t.strictSame([output.putBytes, output.takenBytes, output.waiting], [7, 7, 0])
})

t.test('T16: a corked output waits, and what is put behind an asked write leaves with it', async (t) => {
  const { output, heard, settle } = outputOf(pair())
  output.cork()
  output.write(Buffer.from('a'))
  settle()
  output.write(Buffer.from('b'))
  settle()
  t.strictSame([heard.text, output.waiting, output.flushesSoon], ['', 2, false])
  output.uncork()
  t.ok(output.flushesSoon)
  settle()
  t.strictSame([heard.text, output.waiting, output.flushesSoon], ['ab', 0, false])
  output.write(Buffer.from('c'))
  output.cork()
  output.write(Buffer.from('d'))
  settle()
  t.equal(heard.text, 'abcd')
  output.cork()
  output.write(Buffer.from('e'))
  output.finish()
  settle()
  t.equal(heard.text, 'abcde', 'FIN takes what waits')
})

t.test('T15: a handshake ends once: secured, given up, late, or with a client that goes', async (t) => {
  const seen = new Seen()
  const simulated = pair()
  simulated.world.scheduler.tracer = seen
  const ends: boolean[] = []
  const told = (_: unknown, isSecured: boolean) => void ends.push(isSecured)
  const tls = simulated.pollset.tlsServer({ certificates: [example], alpn: [] })
  secure(simulated.world, simulated.socket, tls, 1_000, told)
  simulated.pollset.runUntil(() => ends.length === 1)
  const given = pair()
  given.world.scheduler.tracer = seen
  secure(
    given.world,
    given.socket,
    given.pollset.tlsServer({ certificates: [example], alpn: [] }),
    1_000,
    told,
  ).cancel()
  given.pollset.runUntil(() => ends.length === 2)
  t.strictSame(ends, [true, false])

  const pollset = new NodePollset()
  t.teardown(() => pollset.close())
  const world = createTransportWorld(createWorld(pollset))
  world.scheduler.tracer = seen
  const real = pollset.tlsServer({ certificates: [example], alpn: [] })
  const clients: NetSocket[] = []
  await new Promise<void>((resolve) => {
    const ended = (_: unknown, isSecured: boolean): void => {
      told(_, isSecured)
      if (ends.length === 4) resolve()
    }
    new Connections('c', 10).listen(
      world,
      { host: '127.0.0.1', port: 0 },
      {
        ready: ({ listener }) => {
          // One says nothing, the other what is not TLS.
          for (let n = 0; n < 2; n++)
            clients.push(connect(listener.address.port, '127.0.0.1').on('error', () => {}))
          clients[1].write('PING\r\n')
        },
        accepted: (socket) => void secure(world, socket, real, 50, ended),
      },
    )
  })
  for (const each of clients) each.destroy()
  t.strictSame(ends, [true, false, false, false])
  t.strictSame(seen.taken(securingLife.edges), declared(securingLife.edges))
  t.match(seen.waitsEnded(securingLife.edges), ['begin handshakeMs: cancelled, late, ready'])
})
