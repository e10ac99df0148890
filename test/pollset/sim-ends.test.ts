// The ends of connections of the simulated network: by halves, by a reset of either end or of the
// network, in silence.

import t from 'tap'
import { CLOSED, ENDED } from '../../src/pollset/index.js'
import { connection, pattern, reads, SEEDS, settle } from './sim-ends.js'

t.test('P24: half-closed by the peer, our side writes on, and FIN from both is the end', async (t) => {
  const { pollset, peer, socket } = connection({ latencyMs: 5 })
  peer.far.send(pattern(10))
  peer.far.end()
  peer.far.send(pattern(10))
  settle(pollset)
  t.equal(socket.readiness & (ENDED | CLOSED), ENDED)
  t.equal(socket.take()?.length, 10)
  t.equal(socket.take(), null, 'nothing follows FIN')
  socket.write(pattern(7))
  socket.end()
  t.throws(() => socket.write(pattern(1)), /after the end/)
  t.throws(() => socket.end(), /ended twice/)
  settle(pollset)
  t.equal(peer.bytes.length, 7)
  t.equal(peer.told.at(-1), 'FIN')
  t.equal(socket.readiness & CLOSED, CLOSED)
  t.equal(socket.fault, null)
})

t.test('half-closed by us, the peer sends on', async (t) => {
  const { pollset, peer, socket } = connection({ sendBufferBytes: 50 })
  socket.write(pattern(60))
  socket.end()
  peer.far.send(pattern(10))
  settle(pollset)
  t.equal(peer.bytes.length, 60, 'FIN waits for what was written before it')
  t.equal(peer.told.at(-1), 'FIN')
  t.equal(socket.take()?.length, 10)
  t.equal(socket.readiness & CLOSED, 0)
  peer.far.end()
  settle(pollset)
  t.equal(socket.readiness & CLOSED, CLOSED)
})

t.test('reset by the peer: a fault here; it may overtake what was sent before it', async (t) => {
  const arrived = new Set<number>()
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { pollset, peer, socket } = connection({ latencyMs: 5 }, seed)
    const chunks = reads(pollset, socket)
    peer.far.send(pattern(10))
    socket.write(pattern(10))
    peer.far.reset()
    settle(pollset)
    arrived.add(Buffer.concat(chunks).length)
    t.equal(socket.fault?.code, 'ECONNRESET')
    t.equal(socket.readiness & CLOSED, CLOSED)
    t.strictSame(peer.told, [], 'to it nothing comes any more')
  }
  t.strictSame([...arrived].sort(), [0, 10])
})

t.test('reset or destroyed by us: the peer is told', async (t) => {
  for (const way of ['reset', 'destroy'] as const) {
    const { pollset, peer, socket } = connection()
    socket[way]()
    t.equal(socket.readiness & CLOSED, 0, 'not within the turn')
    settle(pollset)
    t.equal(socket.readiness & CLOSED, CLOSED)
    t.strictSame([peer.told, peer.far.gone], [['closed'], true])
    peer.far.send(pattern(10))
    settle(pollset)
    t.equal(socket.take(), null)
  }
})

t.test('reset by the network: both are told; vanished: nobody is, and nothing arrives', async (t) => {
  const broken = connection({ resetPercent: 100, faultWithinMs: 100 })
  settle(broken.pollset)
  t.ok(broken.pollset.clock <= 100)
  t.equal(broken.socket.fault?.code, 'ECONNRESET')
  t.strictSame(broken.peer.told, ['closed'])
  t.strictSame(broken.pollset.done, { reset: 1 })

  const { pollset, peer, socket } = connection({ vanishPercent: 100, faultWithinMs: 100 })
  settle(pollset)
  socket.write(pattern(10))
  peer.far.send(pattern(10))
  peer.far.end()
  settle(pollset)
  t.strictSame([socket.take(), socket.readiness & (ENDED | CLOSED), peer.told], [null, 0, []])
  t.strictSame(pollset.done, { vanish: 1 })

  socket.reset()
  settle(pollset)
  t.strictSame([socket.readiness & CLOSED, peer.told], [CLOSED, []], 'no reset of ours arrives')
  const silent = connection({ vanishPercent: 100, faultWithinMs: 100 })
  settle(silent.pollset)
  silent.peer.far.reset()
  settle(silent.pollset)
  t.equal(silent.socket.readiness & CLOSED, 0, 'nor one of the peer')
})
