// The simulated network by itself: what each of its faults does, what it never does (lose, reorder or alter
// what a connection carries), and that a seed names a run.

import t from 'tap'
import {
  ACCEPTABLE,
  CLOSED,
  COMMANDED,
  CONNECTED,
  ENDED,
  LISTEN_FAILED,
  LISTENING,
  noFaults,
  READABLE,
  RESOLVED,
  SECURED,
  type SimFaults,
  type SimPeerSocket,
  SimPollset,
  type Waiter,
  WRITABLE,
} from '../../src/pollset/index.js'
import { Alarm } from '../world/alarm.js'
import { raise } from '../world/raise.js'
import { BACK, CLIENT, connection, FRONT, Peer, pattern, reads, SEEDS, settle, whenever } from './sim-ends.js'

t.test('without faults octets arrive at once, whole, both ways', async (t) => {
  const { pollset, peer, socket } = connection()
  const chunks = reads(pollset, socket)
  peer.far.send(pattern(60_000))
  socket.write(pattern(5000))
  settle(pollset)
  t.strictSame([chunks.length, peer.chunks.length, pollset.clock], [1, 1, 0])
  t.ok(chunks[0].equals(pattern(60_000)) && peer.bytes.equals(pattern(5000)))
  t.strictSame([socket.remote, socket.local], [CLIENT, FRONT])
})

t.test('latency: each piece has its own, up to the bound, and none overtakes another', async (t) => {
  const times = new Set<number>()
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { pollset, peer, socket } = connection({ latencyMs: 30 }, seed)
    const chunks = reads(pollset, socket)
    for (let i = 0; i < 5; i++) peer.far.send(Buffer.from([i]))
    settle(pollset)
    times.add(pollset.clock)
    t.ok(pollset.clock <= 30)
    t.strictSame([...Buffer.concat(chunks)], [0, 1, 2, 3, 4])
  }
  t.ok(times.size > 3, `the last arrives after ${[...times].join()} ms`)
})

t.test(
  'split: a write arrives in two to four pieces, the first of which is often in a frame header',
  async (t) => {
    const firsts: number[] = []
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { pollset, peer, socket } = connection({ splitPercent: 100 }, seed)
      const chunks = reads(pollset, socket)
      peer.far.send(pattern(1000))
      socket.write(pattern(1000))
      settle(pollset)
      for (const pieces of [chunks, peer.chunks]) {
        t.ok(pieces.length >= 2 && pieces.length <= 4, `${pieces.length} pieces`)
        t.ok(Buffer.concat(pieces).equals(pattern(1000)))
        firsts.push(pieces[0].length)
      }
      t.equal(pollset.done.split, 2)
    }
    const short = firsts.filter((each) => each <= 20).length
    t.ok(short > SEEDS / 2 && short < 2 * SEEDS, `${short} of ${2 * SEEDS}`)
  },
)

t.test('coalesced: what has arrived and was not taken is one chunk, or stays what it was', async (t) => {
  for (const [coalescePercent, count] of [
    [100, 1],
    [0, 5],
  ]) {
    const { pollset, peer, socket } = connection({ coalescePercent })
    for (let i = 0; i < 5; i++) peer.far.send(pattern(10))
    settle(pollset)
    const chunks = reads(pollset, socket)
    settle(pollset)
    t.equal(chunks.length, count)
    t.equal(Buffer.concat(chunks).length, 50)
  }
})

t.test('no chunk has more octets than a read of the operating system, 64 KiB', async (t) => {
  for (const [coalescePercent, count] of [
    [100, 5],
    [0, 6],
  ]) {
    const { pollset, peer, socket } = connection({ coalescePercent })
    for (const size of [20_000, 40_000, 30_000, 40_000, 70_000]) peer.far.send(pattern(size))
    settle(pollset)
    const chunks = reads(pollset, socket)
    settle(pollset)
    t.ok(chunks.every((each) => each.length <= 65_536))
    t.equal(Buffer.concat(chunks).length, 200_000)
    t.equal(chunks.length, count)
  }
})

t.test(
  'short writes: so much is taken at once, the rest from the memory of the World when there is room',
  async (t) => {
    const { pollset, peer, socket } = connection({ sendBufferBytes: 50 })
    const bytes = pattern(120)
    socket.write(bytes)
    t.equal(socket.readiness & WRITABLE, 0)
    t.throws(() => socket.write(bytes), /a write while one is in flight/)
    // Too soon, as a slab would be that went back to its pool.
    bytes.fill(1, 100)
    settle(pollset)
    t.strictSame(
      peer.chunks.map((each) => each.length),
      [50, 50, 20],
    )
    t.ok(peer.bytes.subarray(100).equals(Buffer.alloc(20, 1)), 'what was changed shows')
    t.equal(socket.readiness & WRITABLE, WRITABLE, 'and now another may follow')
    t.equal(pollset.done['short write'], 1)
  },
)

t.test('whoever drains is flushed in that turn', async (t) => {
  const { pollset, socket } = connection({ sendBufferBytes: 50 })
  let flushes = 0
  socket.output = { flush: () => void flushes++, crashWith: raise }
  socket.write(pattern(60))
  settle(pollset)
  t.equal(flushes, 1)
})

t.test('a peer that does not read fills the network, and what waits reaches it when it reads', async (t) => {
  const { pollset, peer, socket } = connection({ sendBufferBytes: 50 })
  peer.far.read(false)
  socket.write(pattern(120))
  settle(pollset)
  t.strictSame(peer.told, [])
  t.equal(socket.readiness & WRITABLE, 0)
  peer.far.read(true)
  settle(pollset)
  t.ok(peer.bytes.equals(pattern(120)))
})

t.test('stalls: a piece is held up, and all behind it', async (t) => {
  const times = new Set<number>()
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { pollset, peer, socket } = connection({ stallPercent: 50, stallMs: 200 }, seed)
    const chunks = reads(pollset, socket)
    for (let i = 0; i < 5; i++) peer.far.send(Buffer.from([i]))
    settle(pollset)
    times.add(pollset.clock)
    t.ok(pollset.clock <= 200)
    t.strictSame([...Buffer.concat(chunks)], [0, 1, 2, 3, 4])
  }
  t.ok(times.size > 5)
})

t.test('a paused socket looks one chunk ahead, and no further', async (t) => {
  const { pollset, peer, socket } = connection()
  socket.pause()
  for (let i = 0; i < 3; i++) peer.far.send(pattern(10))
  settle(pollset)
  t.equal(socket.take()?.length, 10)
  t.equal(socket.take(), null)
  socket.unpause()
  settle(pollset)
  t.equal(socket.take()?.length, 10)
  t.equal(socket.take()?.length, 10)
})

t.test('connects: made, refused, refused by nobody being there, hanging', async (t) => {
  const connect = (faults: Partial<SimFaults>, served: boolean) => {
    const pollset = new SimPollset(1, { ...noFaults, latencyMs: 10, ...faults })
    const peers: Peer[] = []
    if (served) pollset.serve(BACK, (far) => peers.push(new Peer(pollset, far)))
    const socket = pollset.connect(BACK, 'b1.socket')
    settle(pollset)
    return { pollset, socket, peers, bits: socket.readiness & (CONNECTED | CLOSED) }
  }
  const made = connect({}, true)
  t.strictSame([made.bits, made.peers.length], [CONNECTED, 1])
  made.socket.write(pattern(3))
  settle(made.pollset)
  t.equal(made.peers[0].bytes.length, 3)
  for (const refused of [connect({ refusePercent: 100 }, true), connect({}, false)]) {
    t.strictSame([refused.bits, refused.peers.length], [CLOSED, 0])
    t.equal(refused.socket.fault?.code, 'ECONNREFUSED')
  }
  const hanging = connect({ hangPercent: 100 }, true)
  t.strictSame([hanging.bits, hanging.peers.length], [0, 0])
  made.pollset.unserve(BACK)
  const late = made.pollset.connect(BACK, 'b2.socket')
  settle(made.pollset)
  t.equal(late.fault?.code, 'ECONNREFUSED')
})

t.test('look-ups: names that are known, addresses, and those that fail', async (t) => {
  const pollset = new SimPollset(1, { ...noFaults, latencyMs: 10 })
  pollset.name('backend.sim', [BACK.host])
  const found = ['backend.sim', '192.0.2.7', '::1', 'other.sim'].map((host) => pollset.resolve(host))
  settle(pollset)
  t.strictSame(
    found.map((each) => each.addresses),
    [[BACK.host], ['192.0.2.7'], ['::1'], []],
  )
  t.strictSame([found[3].fault?.code, found[3].readiness], ['ENOTFOUND', RESOLVED])
  pollset.faults = { ...noFaults, unresolvedPercent: 100 }
  const failing = pollset.resolve('backend.sim')
  settle(pollset)
  t.equal(failing.fault?.code, 'ENOTFOUND')
  pollset.faults = noFaults
  pollset.name('backend.sim', null)
  const unanswered = pollset.resolve('backend.sim')
  settle(pollset)
  t.equal(unanswered.readiness, 0)
})

t.test('a connect that waits for its peer', async (t) => {
  const pollset = new SimPollset(1)
  const fars: SimPeerSocket[] = []
  pollset.serve(BACK, (far) => fars.push(far), true)
  const socket = pollset.connect(BACK, 'b1.socket')
  settle(pollset)
  t.strictSame([socket.readiness, fars.length], [0, 1])
  fars[0].accept()
  settle(pollset)
  t.equal(socket.readiness, CONNECTED | WRITABLE)
})

t.test('a closed window: a write is the World’s own until it is taken, and FIN behind it', async (t) => {
  const { pollset, peer, socket } = connection()
  peer.far.windowOpen = false
  const slab = pattern(100)
  socket.write(slab)
  socket.end()
  settle(pollset)
  t.equal(socket.readiness & WRITABLE, 0)
  t.strictSame(peer.told, [])
  slab.fill(9)
  peer.far.takeOnce()
  settle(pollset)
  t.equal(socket.readiness & WRITABLE, WRITABLE)
  t.strictSame([peer.told, [...new Set(peer.bytes)]], [['100 octets at 0', 'FIN'], [9]])
  peer.far.takeOnce()
  settle(pollset)
  t.equal(peer.told.length, 2)
  t.notOk(peer.far.near.wasReset)
  socket.reset()
  t.ok(peer.far.near.wasReset)
})

t.test('a burst of clients is accepted in one turn, in order', async (t) => {
  const pollset = new SimPollset(1)
  const listener = pollset.listen(FRONT, 'listener')
  const taken = pollset.listen(FRONT, 'again')
  t.equal(pollset.dial(BACK, CLIENT), null, 'nobody listens there')
  pollset.step()
  t.strictSame([listener.readiness, taken.readiness], [LISTENING, LISTEN_FAILED])
  t.equal(taken.fault?.code, 'EADDRINUSE')
  for (let i = 0; i < 5; i++) pollset.dial(FRONT, { ...CLIENT, port: i })
  const ports: number[] = []
  const { turns } = pollset
  whenever(pollset, listener, ACCEPTABLE, () => {
    for (let each = listener.accept(); each !== null; each = listener.accept()) ports.push(each.remote.port)
  })
  settle(pollset)
  t.strictSame([ports, pollset.turns], [[0, 1, 2, 3, 4], turns + 1])
  const left = new Peer(pollset, pollset.dial(FRONT, CLIENT) as SimPeerSocket)
  listener.interest = 0
  settle(pollset)
  listener.close()
  settle(pollset)
  t.strictSame(left.told, ['closed'], 'one that was not accepted is closed with the listener')
  t.equal(pollset.dial(FRONT, CLIENT), null)
})

t.test('the clock stands still in a turn, and jumps to what comes next', async (t) => {
  const pollset = new SimPollset(1)
  const seen: [string, number][] = []
  const at = (name: string) => (): void => void seen.push([name, pollset.now])
  pollset.deadlines.at(new Alarm(at('an hour')), 3_600_000)
  pollset.deadlines.at(new Alarm(at('soon')), 70)
  pollset.after(50, () => seen.push(['event', pollset.clock]))
  t.equal(
    pollset.runUntil(() => false, 60),
    false,
    'no further than asked for',
  )
  t.strictSame([seen, pollset.clock], [[['event', 50]], 50])
  settle(pollset)
  t.strictSame(seen.slice(1), [
    ['soon', 70],
    ['an hour', 3_600_000],
  ])
  t.equal(pollset.turns, 2, 'two turns in an hour')
  t.equal(pollset.step(), false, 'nothing will ever happen')
})

t.test('a World that loops without end is an error', async (t) => {
  const pollset = new SimPollset(1)
  const again: Waiter = { wake: () => {}, resume: () => pollset.queueLater(again) }
  pollset.queue(again)
  t.throws(() => settle(pollset), /loops without end/)
})

t.test(
  'P21, P23: a chunk is spoilt after the turn in which it was taken, unless it was put back',
  async (t) => {
    const { pollset, peer, socket } = connection()
    const kept: Buffer[] = []
    whenever(pollset, socket, READABLE, () => {
      const chunk = socket.take() as Buffer
      kept.push(chunk)
      socket.interest = 0
      socket.unread(chunk.subarray(4))
    })
    peer.far.send(pattern(10))
    settle(pollset)
    t.ok(kept[0].equals(Buffer.alloc(10, 0xdd)))
    t.ok(Buffer.concat(socket.arrived).equals(pattern(10).subarray(4)), 'looking takes nothing')
    t.ok(socket.take()?.equals(pattern(10).subarray(4)))
    t.equal(socket.arrived.length, 0)
  },
)

t.test('healed: nothing goes wrong any more, and what was planned does not happen', async (t) => {
  const { pollset, peer, socket } = connection({
    resetPercent: 100,
    faultWithinMs: 1000,
    sendBufferBytes: 10,
  })
  pollset.heal()
  socket.write(pattern(100))
  settle(pollset)
  t.strictSame([peer.chunks.length, peer.told.length, socket.fault], [1, 1, null])
})

t.test('TLS: the handshake is over at once, and the first protocol of ours is chosen', async (t) => {
  const { pollset, socket } = connection()
  socket.secure(pollset.tlsServer({ alpn: ['h2', 'http/1.1'], certificates: [] }))
  t.equal(socket.readiness & SECURED, 0)
  settle(pollset)
  t.equal(socket.readiness & SECURED, SECURED)
  t.equal(socket.secured?.protocol, 'h2')
  pollset.serve(BACK, () => {})
  const client = pollset.tlsClient({
    alpn: ['http/1.1'],
    serverName: '',
    verify: true,
  })
  const made = pollset.connect(BACK, 'b1.socket', client)
  settle(pollset)
  t.equal(made.secured?.protocol, 'http/1.1')
})

t.test('commands wait for the next turn; after close nothing happens', async (t) => {
  const pollset = new SimPollset(1)
  pollset.commands.give('drain')
  pollset.commands.give('again')
  t.equal(pollset.commands.readiness, 0)
  pollset.step()
  t.equal(pollset.commands.readiness, COMMANDED)
  t.strictSame(
    [pollset.commands.take(), pollset.commands.take(), pollset.commands.take()],
    ['drain', 'again', null],
  )
  pollset.after(10, () => t.fail('it is closed'))
  pollset.close()
  t.equal(pollset.step(), false)
})

/** Notes what both ends of a few connections see, with every fault that there is. */
function trace(seed: number): string {
  const pollset = new SimPollset(seed, {
    latencyMs: 20,
    splitPercent: 50,
    coalescePercent: 50,
    sendBufferBytes: 100,
    roomBytes: 0,
    stallPercent: 20,
    stallMs: 100,
    resetPercent: 20,
    vanishPercent: 10,
    faultWithinMs: 200,
    slowPercent: 30,
    slowBytesPerSecond: 1000,
    refusePercent: 20,
    hangPercent: 10,
    unresolvedPercent: 20,
  })
  const lines: string[] = []
  const peers: Peer[] = []
  pollset.name('backend.sim', [BACK.host])
  pollset.serve(BACK, (far) => {
    peers.push(new Peer(pollset, far))
    far.send(pattern(500))
    far.end()
  })
  for (let i = 0; i < 10; i++) {
    const resolution = pollset.resolve('backend.sim')
    const socket = pollset.connect(BACK, `b${i}.socket`)
    whenever(pollset, socket, CONNECTED | READABLE | ENDED | CLOSED, () => {
      const chunk = socket.take()
      lines.push(`${pollset.now} ${socket.id} ${socket.readiness} ${chunk?.length} ${socket.fault?.code}`)
      if ((socket.readiness & CLOSED) !== 0) socket.interest = 0
      else if ((socket.readiness & READABLE) !== 0) pollset.queueLater(socket.waiter as Waiter)
      else if ((socket.readiness & WRITABLE) !== 0 && pollset.writes < 10) socket.write(pattern(150))
    })
    pollset.after(50, () => lines.push(`${pollset.clock} ${resolution.readiness} ${resolution.fault?.code}`))
  }
  pollset.runUntil(() => false, 1000)
  const random = Buffer.alloc(8)
  pollset.random(random)
  return [
    ...lines,
    ...peers.map((each) => each.told.join()),
    JSON.stringify(pollset.done),
    random.toString('hex'),
  ].join('\n')
}

t.test('S7: the same seed, the same run; another seed, another', async (t) => {
  const runs = new Set<string>()
  for (let seed = 1; seed <= SEEDS; seed++) {
    const run = trace(seed)
    t.equal(run, trace(seed))
    runs.add(run)
  }
  t.equal(runs.size, SEEDS)
})
