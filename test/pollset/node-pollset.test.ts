// Node's pollset over real sockets, against spec/pollset.md. The peers are sockets of node:net.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, Socket as NetSocket, type Server } from 'node:net'
import t from 'tap'
import {
  ACCEPTABLE,
  CLOSED,
  COMMANDED,
  CONNECTED,
  ENDED,
  FINISHED,
  LISTEN_FAILED,
  LISTENING,
  NodePollset,
  READABLE,
  RESOLVED,
  type Waiter,
  WRITABLE,
} from '../../src/pollset/index.js'
import { Alarm } from '../world/alarm.js'
import { type Cleaning, HERE, listening, takeAll, takeBytes, until } from '../world/node-sockets.js'
import { raise } from '../world/raise.js'

/** Iterations of the loop: time enough for whatever is not bounded to go on. */
async function iterations(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

const timers = () => process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length

async function serving(t: Cleaning): Promise<{ server: Server; port: number; peer: Promise<NetSocket> }> {
  const server = createServer({ allowHalfOpen: true })
  server.listen(0, HERE)
  await once(server, 'listening')
  t.teardown(() => server.close())
  const peer = once(server, 'connection').then(([socket]: NetSocket[]) => {
    t.teardown(() => socket.destroy())
    socket.on('error', () => {})
    return socket
  })
  return { server, port: (server.address() as AddressInfo).port, peer }
}

t.test('accepting: the socket is connected, writable and knows both addresses', async (t) => {
  const { listener, pair } = await listening(t)
  t.not(listener.address.port, 0, 'the bound one')
  const { peer, socket } = await pair()
  t.equal(socket.readiness & (CONNECTED | WRITABLE), CONNECTED | WRITABLE)
  t.equal(socket.remote.port, peer.localPort)
  t.equal(socket.local.port, listener.address.port)
  t.equal(socket.id, 'l1.1')
  t.equal(listener.readiness & ACCEPTABLE, 0, 'lowered with the last one')
  t.equal(listener.accept(), null)
  peer.write('hello')
  t.equal(String(await takeBytes(socket, 5)), 'hello')
  t.equal(socket.readiness & READABLE, 0)
  socket.write(Buffer.from('world'))
  const [data] = (await once(peer, 'data')) as [Buffer]
  t.equal(String(data), 'world')
})

t.test('connecting', async (t) => {
  const { port, peer } = await serving(t)
  const pollset = new NodePollset()
  t.teardown(() => pollset.close())
  const socket = pollset.connect({ host: HERE, port }, 'b1.socket')
  t.equal(socket.readiness, 0, 'nothing yet')
  await until(socket, CONNECTED | CLOSED)
  t.equal(socket.readiness, CONNECTED | WRITABLE)
  socket.write(Buffer.from('ping'))
  const [data] = (await once(await peer, 'data')) as [Buffer]
  t.equal(String(data), 'ping')
})

t.test('a refused connect: closed, with its fault, never connected', async (t) => {
  const { server, port } = await serving(t)
  server.close()
  await once(server, 'close')
  const pollset = new NodePollset()
  t.teardown(() => pollset.close())
  const socket = pollset.connect({ host: HERE, port }, 'b1.socket')
  await until(socket, CONNECTED | CLOSED)
  t.equal(socket.readiness, CLOSED)
  t.equal(socket.fault?.code, 'ECONNREFUSED')
})

t.test('P33: wall time is that of the operating system', async (t) => {
  const pollset = new NodePollset()
  t.teardown(() => pollset.close())
  const before = Date.now()
  const wall = pollset.wallTime()
  t.ok(before <= wall && wall <= Date.now())
})

t.test('P26: a name is not an address', async (t) => {
  const pollset = new NodePollset()
  t.throws(() => pollset.connect({ host: 'localhost', port: 1 }, 'b1'), /not a numeric address/)
  pollset.close()
})

t.test('an address in use', async (t) => {
  const { pollset, listener } = await listening(t)
  const second = pollset.listen(listener.address, 'l2')
  await until(second, LISTENING | LISTEN_FAILED)
  t.equal(second.readiness, LISTEN_FAILED)
  t.equal(second.fault?.code, 'EADDRINUSE')
})

t.test('a listener that has closed is forgotten, and reports no failure', async (t) => {
  const { pollset, listener } = await listening(t)
  const listeners = (pollset as unknown as { listeners: Set<unknown> }).listeners
  t.equal(listeners.size, 1)
  const second = pollset.listen(listener.address, 'l2')
  t.equal(listeners.size, 2)
  second.close()
  t.equal(listeners.size, 1)
  const third = pollset.listen(listener.address, 'l3')
  await until(third, LISTEN_FAILED)
  t.equal(second.readiness, 0, 'the same address failed for both, and the first had closed')
})

t.test('P24: half-close, the peer first', async (t) => {
  const { pair } = await listening(t)
  const { peer, socket } = await pair()
  peer.end('all')
  await until(socket, ENDED)
  t.equal(socket.readiness & CLOSED, 0)
  t.equal(String(takeAll(socket)), 'all', 'what came before can still be taken')
  peer.setEncoding('latin1')
  socket.write(Buffer.from('still here'))
  socket.end()
  let text = ''
  peer.on('data', (chunk) => (text += chunk))
  await once(peer, 'end')
  t.equal(text, 'still here')
  await until(socket, CLOSED)
  t.equal(socket.fault, null)
})

t.test('P24: half-close, ours first', async (t) => {
  const { pair } = await listening(t)
  const { peer, socket } = await pair()
  socket.end()
  peer.resume()
  await once(peer, 'end')
  t.equal(socket.readiness & (ENDED | CLOSED), 0)
  peer.end('the last word')
  t.equal(String(await takeBytes(socket, 13)), 'the last word')
  await until(socket, CLOSED)
  t.equal(socket.readiness & ENDED, ENDED, 'the end before the close')
})

t.test('reset: closed, with the fault', async (t) => {
  const { pair } = await listening(t)
  const { peer, socket } = await pair()
  peer.resetAndDestroy()
  await until(socket, CLOSED)
  t.equal(socket.fault?.code, 'ECONNRESET')
  socket.write(Buffer.from('nobody'))
  socket.end()
  socket.destroy()
  await iterations(10)
  t.equal(socket.fault?.code, 'ECONNRESET', 'P25: nothing more is heard of it')
})

t.test('P22: a paused socket sees its peer end, and reset', async (t) => {
  const { pair } = await listening(t)
  const ending = await pair()
  ending.socket.pause()
  ending.peer.end('bye')
  await until(ending.socket, ENDED)
  t.equal(String(takeAll(ending.socket)), 'bye')
  const reset = await pair()
  reset.socket.pause()
  await iterations(3)
  reset.peer.resetAndDestroy()
  await until(reset.socket, CLOSED)
  t.equal(reset.socket.fault?.code, 'ECONNRESET')
})

const MIB = 1024 * 1024

t.test('F21: paused, it reads one bounded look-ahead and no more; unpaused, all of it', async (t) => {
  const { pair } = await listening(t, { lookAheadBytesMax: 10_000 })
  const { peer, socket } = await pair()
  socket.pause()
  const body = Buffer.alloc(8 * MIB, 'abcdefg')
  peer.end(body)
  await until(socket, READABLE)
  await iterations(300)
  const ahead = takeAll(socket)
  t.ok(ahead.length > 0 && ahead.length <= 10_000 + 65_536, `${ahead.length} octets`)
  socket.unpause()
  const rest = await takeBytes(socket, body.length - ahead.length)
  t.ok(Buffer.concat([ahead, rest]).equals(body))
  await until(socket, ENDED)
})

t.test('what nobody takes is not read without bound', async (t) => {
  const { pair } = await listening(t, { readAheadBytesMax: 100_000 })
  const { peer, socket } = await pair()
  const body = Buffer.alloc(8 * MIB, 'abcdefg')
  peer.end(body)
  await until(socket, READABLE)
  await iterations(300)
  const ahead = takeAll(socket)
  t.ok(ahead.length > 100_000 && ahead.length <= 100_000 + 65_536, `${ahead.length} octets`)
  t.equal(ahead.length + (await takeBytes(socket, body.length - ahead.length)).length, body.length)
})

t.test(
  'P20: a slow reader lowers WRITABLE; what was written arrives unaltered before it rises',
  async (t) => {
    const { pollset, pair } = await listening(t)
    const { peer, socket } = await pair()
    const slab = Buffer.alloc(16 * MIB)
    const sent = createHash('sha256')
    const got = createHash('sha256')
    let gotBytes = 0
    let flushes = 0
    socket.output = {
      flush() {
        flushes++
      },
      crashWith: raise,
    }
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < slab.length; i += 4) slab.writeUInt32LE((i + round * 7_919) >>> 0, i)
      sent.update(slab)
      t.equal(socket.readiness & WRITABLE, WRITABLE)
      socket.write(slab)
      t.equal(socket.readiness & WRITABLE, 0, 'in flight')
      if (round === 0) {
        await iterations(50)
        t.equal(socket.readiness & WRITABLE, 0, 'and stays so while nobody reads')
        peer.on('data', (chunk: Buffer) => {
          gotBytes += chunk.length
          got.update(chunk)
        })
      }
      await until(socket, WRITABLE)
      // It is ours again: a later reader reads wrong octets.
      slab.fill(0xee)
    }
    socket.end()
    await once(peer, 'end')
    t.equal(gotBytes, 3 * slab.length)
    t.equal(got.digest('hex'), sent.digest('hex'))
    await iterations(2)
    t.equal(flushes, 3, 'its output is asked each time it has drained')
    t.ok(pollset.turns > 0)
  },
)

t.test('destroyed with a write in flight: closed, and not writable again', async (t) => {
  const { pair } = await listening(t)
  const { socket } = await pair()
  let flushes = 0
  socket.output = {
    flush() {
      flushes++
    },
    crashWith: raise,
  }
  socket.write(Buffer.alloc(16 * MIB))
  socket.destroy()
  await until(socket, CLOSED)
  await iterations(5)
  t.equal(socket.readiness & WRITABLE, 0)
  t.equal(flushes, 0)
})

t.test('names', async (t) => {
  const pollset = new NodePollset()
  t.teardown(() => pollset.close())
  const numeric = pollset.resolve('192.0.2.7')
  t.equal(numeric.readiness, RESOLVED, 'at once')
  t.strictSame(numeric.addresses, ['192.0.2.7'])
  const local = pollset.resolve('localhost')
  t.equal(local.readiness, 0)
  await until(local, RESOLVED)
  t.ok(local.addresses.includes(HERE) || local.addresses.includes('::1'))
  t.equal(local.fault, null)
  // A label has 63 octets at most (RFC 1035 §2.3.4), so no resolver is asked.
  const none = pollset.resolve('x'.repeat(64))
  await until(none, RESOLVED)
  t.strictSame(none.addresses, [])
  t.type(none.fault?.code, 'string')
})

t.test('commands: in order, bounded, in the next turn', async (t) => {
  const pollset = new NodePollset({ commandsMax: 2 })
  t.teardown(() => pollset.close())
  for (const order of ['one', 'two', 'three']) pollset.commands.give(order)
  t.equal(pollset.commands.readiness, 0, 'P3: only marked')
  await until(pollset.commands, COMMANDED)
  t.equal(pollset.turns, 1)
  t.strictSame(
    [1, 2, 3].map(() => pollset.commands.take()),
    ['one', 'two', null],
  )
  t.equal(pollset.commands.readiness, 0)
  pollset.commands.give('four')
  await until(pollset.commands, COMMANDED)
  t.equal(pollset.commands.take(), 'four')
})

t.test('sockets that nobody accepts are bounded, and go with their listener', async (t) => {
  const { listener, dial } = await listening(t, { acceptQueueMax: 1 })
  const first = dial()
  await until(listener, ACCEPTABLE)
  const second = dial()
  await once(second.resume(), 'end')
  t.notOk(first.readableEnded)
  listener.close()
  await once(first.resume(), 'end')
  t.equal(listener.accept(), null)
})

t.test('P3: callbacks of the operating system only mark: nothing is woken before the turn', async (t) => {
  const { pollset, pair } = await listening(t)
  const { peer, socket } = await pair()
  let inCallback = false
  const { mark } = pollset
  pollset.mark = (target, bits) => {
    inCallback = true
    mark.call(pollset, target, bits)
    inCallback = false
  }
  const woken: boolean[] = []
  const resumed = new Promise<number>((resolve) => {
    socket.interest = READABLE
    socket.waiter = {
      wake: () => {
        woken.push(inCallback)
        pollset.queue(socket.waiter as Waiter)
      },
      resume: () => resolve(pollset.turns),
    }
  })
  const before = pollset.turns
  peer.write('x')
  t.ok((await resumed) > before)
  t.strictSame(woken, [false])
  socket.interest = 0
  socket.waiter = null
})

t.test('P4: one turn an iteration of the loop at most, however often it is asked for', async (t) => {
  const pollset = new NodePollset()
  t.teardown(() => pollset.close())
  const waiter = { wake: () => {}, resume: () => {} }
  for (let at = 0; at < 5; at++) {
    const before = pollset.turns
    for (let i = 0; i < 3; i++) pollset.queue(waiter)
    pollset.commands.give(`${at}`)
    await iterations(1)
    t.ok(pollset.turns - before <= 1)
  }
  await iterations(1)
  t.ok(pollset.turns > 0 && pollset.turns <= 6, `${pollset.turns} turns`)
})

t.test('P19: one timer, for the earliest; none without a deadline', async (t) => {
  const pollset = new NodePollset()
  t.teardown(() => pollset.close())
  const before = timers()
  const { deadlines, commands } = pollset
  /** Something happens: a turn. */
  const turn = async () => {
    commands.give('turn')
    await until(commands, COMMANDED)
    commands.take()
    await iterations(1)
  }
  const far = new Alarm(() => {})
  const alarms = Array.from({ length: 100 }, () => new Alarm(() => {}))
  deadlines.every(60_000).arm(far)
  for (const each of alarms) deadlines.at(each, pollset.now + 30_000)
  await turn()
  t.equal(timers(), before + 1)
  for (const each of [far, ...alarms]) deadlines.disarm(each)
  await turn()
  t.equal(timers(), before)
  const started = pollset.now
  await new Promise<void>((resolve) => {
    deadlines.every(5).arm(new Alarm(resolve))
    commands.give('turn')
  })
  t.ok(pollset.now >= started + 5, 'not before its time')
  await iterations(1)
  t.equal(timers(), before)
})

t.test('P25: closed, from within a turn: no further turn, no timer, nothing listens', async (t) => {
  const { pollset, pair, listener } = await listening(t)
  const { peer, socket } = await pair()
  const before = timers()
  pollset.deadlines.every(60_000).arm(new Alarm(() => {}))
  await new Promise<void>((resolve) => {
    pollset.queue({
      wake() {},
      resume() {
        pollset.close()
        resolve()
      },
    })
  })
  const { turns } = pollset
  await once(peer.resume(), 'end')
  pollset.commands.give('anybody?')
  await iterations(5)
  t.equal(pollset.turns, turns)
  t.equal(socket.readiness & CLOSED, 0, 'not even that is told')
  t.equal(timers(), before)
  const late = new NetSocket()
  late.connect(listener.address.port, HERE)
  const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException]
  t.equal(error.code, 'ECONNREFUSED')
})

t.test(
  'what a connected socket reads lies in buffers that come back when the turn is over (P21)',
  async (t) => {
    const { server, port, peer } = await serving(t)
    const pollset = new NodePollset()
    t.teardown(() => pollset.close())
    const socket = pollset.connect({ host: HERE, port }, 'b1.socket')
    await until(socket, CONNECTED)
    const far = await peer
    const seen = new Set<ArrayBufferLike>()
    const rounds = 10
    for (let round = 0; round < rounds; round++) {
      far.write(`round ${round}`)
      await until(socket, READABLE)
      const chunk = socket.take() as Buffer
      t.equal(String(chunk), `round ${round}`)
      t.equal(socket.arrived.length, 0)
      seen.add(chunk.buffer)
      if (round > 0) continue
      // Put back, it is the socket's again, and survives the turn.
      socket.unread(chunk.subarray(6))
      t.equal(String(Buffer.concat(socket.arrived)), '0', 'looking takes nothing')
      await iterations(3)
      // Another socket reads into the buffer that has come back.
      const accepted = once(server, 'connection') as Promise<[NetSocket]>
      const other = pollset.connect({ host: HERE, port }, 'b2.socket')
      const [otherFar] = await accepted
      t.teardown(() => otherFar.destroy())
      otherFar.on('error', () => {})
      let reused = false
      for (let read = 0; read < rounds; read++) {
        otherFar.write('overwritten')
        await until(other, READABLE)
        reused ||= (other.take() as Buffer).buffer === chunk.buffer
      }
      t.ok(reused, 'the same memory')
      t.equal(String(socket.take()), '0')
    }
    t.ok(seen.size < rounds, `${seen.size} buffers for ${rounds} reads`)
  },
)

t.test(
  'P31: where the peer has ended and nothing waits, ending is told at once, and all that was written arrives',
  async (t) => {
    const { pair } = await listening(t)
    const { peer, socket } = await pair()
    peer.end('request')
    await until(socket, ENDED)
    t.equal(String(takeAll(socket)), 'request')
    socket.write(Buffer.from('response'))
    const closed = once(peer, 'close')
    const chunks: Buffer[] = []
    peer.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.end()
    t.equal(socket.readiness & FINISHED, FINISHED)
    const [hadError] = (await closed) as [boolean]
    t.equal(hadError, false, 'FIN, no reset')
    t.equal(String(Buffer.concat(chunks)), 'response')
    await until(socket, CLOSED)
  },
)
