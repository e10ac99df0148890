// The close of connections, on a simulated clock (src/transport/linger.ts): slow readers get the last
// response whole, however much of it the kernels hold. A peer that is silent, or that sends too much, is
// waited for within the limits.

import t from 'tap'
import { createWorld } from '../../src/continuation/index.js'
import { engineLimits } from '../../src/engine/index.js'
import { createHttpWorld } from '../../src/http/index.js'
import { createHttp1, http1Sessions, serveHttp1 } from '../../src/http1/index.js'
import { createHttp2, serveHttp2 } from '../../src/http2/index.js'
import {
  CLOSED,
  ENDED,
  FINISHED,
  noFaults,
  READABLE,
  type SimPeerSocket,
  type SimPeerSocketOwner,
  SimPollset,
  type Socket,
} from '../../src/pollset/index.js'
import { ReverseProxy } from '../../src/proxy/index.js'
import { defaultLimits } from '../../src/server/limits.js'
import { Linger, Transit, transitLimits } from '../../src/transport/index.js'
import { frame, headers, PREFACE, uint32 } from '../../tools/testbed/frames.js'
import { backendOf, routerTo } from '../../tools/testbed/short-server.js'

const BACKEND = { host: '192.0.2.9', port: 9 }
const FRONT = { host: '192.0.2.1', port: 80 }
const CLIENT = { host: '192.0.2.7', port: 7 }

/** An HTTP/1.1 backend that answers each request with this many bytes. */
class Answering implements SimPeerSocketOwner {
  private readonly far: SimPeerSocket
  private readonly bytes: number
  constructor(far: SimPeerSocket, bytes: number) {
    this.far = far
    this.bytes = bytes
    far.owner = this
  }
  received(): void {
    this.far.send(Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${this.bytes}\r\n\r\n`))
    this.far.send(Buffer.alloc(this.bytes, 97))
  }
  ended(): void {
    this.far.end()
  }
  closed(): void {}
}

/** A client that reads this many bytes a second; `says`: what it sends after each read. */
class SlowReader implements SimPeerSocketOwner {
  readonly far: SimPeerSocket
  bytes = 0
  fin = false
  gone = false
  private readonly pollset: SimPollset
  private readonly bytesPerSecond: number
  private readonly says: Buffer | null

  constructor(pollset: SimPollset, far: SimPeerSocket, bytesPerSecond: number, says: Buffer | null) {
    this.pollset = pollset
    this.far = far
    this.bytesPerSecond = bytesPerSecond
    this.says = says
    far.owner = this
  }
  received(bytes: Uint8Array): void {
    this.bytes += bytes.length
    if (this.says !== null) this.far.send(this.says)
    this.far.read(false)
    this.pollset.after((bytes.length * 1_000) / this.bytesPerSecond, () => this.far.read(true))
  }
  ended(): void {
    this.fin = true
    this.far.end()
  }
  closed(): void {
    this.gone = true
  }
}

/** A proxy before that backend, and one client of it. */
function proxied(bodyBytes: number, sendBufferBytes: number, version: 1 | 2, bytesPerSecond: number) {
  const pollset = new SimPollset(1, { ...noFaults, sendBufferBytes })
  const base = createWorld(pollset)
  const world = createHttpWorld(base)
  pollset.serve(BACKEND, (far) => new Answering(far, bodyBytes))
  const http1 = createHttp1(world, {})
  const sessions = http1Sessions(http1, BACKEND)
  const backend = backendOf(world, 'backend', () => sessions, engineLimits)
  const proxy = new ReverseProxy(
    world,
    routerTo(world, [{ host: '', prefix: '/', backend }], defaultLimits.proxy),
    defaultLimits.proxy,
    null,
  )
  const listener = pollset.listen(FRONT, 'l1')
  pollset.step()
  const says = version === 2 ? frame(8, 0, 0, uint32(1)) : null
  const client = new SlowReader(pollset, pollset.dial(FRONT, CLIENT) as SimPeerSocket, bytesPerSecond, says)
  const socket = listener.accept() as Socket
  const connection =
    version === 1 ? serveHttp1(http1, socket, proxy) : serveHttp2(createHttp2(world, {}), socket, proxy)
  return { pollset, client, connection, world }
}

const KIB = 1024
const REQUESTS = {
  'Connection: close': 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  'HTTP/1.0': 'GET / HTTP/1.0\r\n\r\n',
}

// Bytes that wait in the kernel's send buffer: a part of the response, or, where that is large, all of it at
// once.
for (const sendBufferBytes of [64 * KIB, 0]) {
  for (const bodyBytes of [300_000, 700_000, 1_500_000]) {
    const what = `${bodyBytes} bytes, ${sendBufferBytes || 'all'} of them in the send buffer`
    for (const [way, request] of Object.entries(REQUESTS)) {
      t.test(`O25: a reader of 60 KiB a second gets the last response whole: ${way}, ${what}`, async (t) => {
        const { pollset, client, connection } = proxied(bodyBytes, sendBufferBytes, 1, 60 * KIB)
        client.far.send(Buffer.from(request))
        t.ok(
          pollset.runUntil(() => connection.finished, 120_000),
          'and then it closes',
        )
        t.ok(client.bytes > bodyBytes && client.fin, `${client.bytes} bytes, and FIN`)
      })
    }
    t.test(
      `O25: the same of a drained HTTP/2 connection, whatever the client still says: ${what}`,
      async (t) => {
        const { pollset, client, connection } = proxied(bodyBytes, sendBufferBytes, 2, 60 * KIB)
        const wide = frame(4, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(0x7fffffff)]))
        client.far.send(
          Buffer.concat([PREFACE, wide, frame(4, 1, 0), frame(8, 0, 0, uint32(0x7f000000)), REQUEST_ON_1]),
        )
        pollset.runUntil(() => client.bytes > 100_000, 120_000)
        connection.cancel()
        t.ok(
          pollset.runUntil(() => connection.finished, 120_000),
          'and then it closes',
        )
        t.ok(client.bytes > bodyBytes && client.fin, `${client.bytes} bytes, and FIN`)
      },
    )
  }
}

const REQUEST_ON_1 = headers(1, [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'a'],
  [':path', '/'],
])

t.test('O27: told to end while it lingers it lingers on; told again, it closes', async (t) => {
  for (const version of [1, 2] as const) {
    const { pollset, client, connection } = proxied(160 * KIB, 0, version, 1)
    client.far.read(false)
    client.far.send(Buffer.from('nonsense\r\n\r\n'))
    pollset.runUntil(() => connection.stepName === 'linger', 1_000)
    t.equal(connection.stepName, 'linger')
    connection.cancel()
    t.notOk(pollset.runUntil(() => connection.finished, 100))
    connection.cancel()
    t.ok(pollset.runUntil(() => connection.finished, 1))
  }
})

t.test(
  'O26: a client that reads nothing is waited for as long as the slowest reader would take',
  async (t) => {
    const { pollset, client, connection } = proxied(160 * KIB, 0, 1, 1)
    client.far.read(false)
    client.far.send(Buffer.from(REQUESTS['Connection: close']))
    t.notOk(pollset.runUntil(() => connection.finished, 14_900))
    t.ok(
      pollset.runUntil(() => connection.finished, 15_100),
      '160 KiB at 16 KiB a second, and 5 s',
    )
  },
)

// The wait itself

/** A socket, as far as the wait looks at it. */
function waiting(limits: Partial<typeof LIMITS> = {}) {
  const chunks: Buffer[] = []
  const socket = {
    readiness: 0,
    writtenBytes: 0,
    wroteAt: 0,
    take: () => chunks.shift() ?? null,
  }
  const all = { ...LIMITS, ...limits }
  const linger = new Linger(all, new Transit(all), 0)
  return {
    chunks,
    socket,
    goesOn: (now: number) => linger.keepsWaiting(socket as unknown as Socket, now),
    linger,
  }
}
const LIMITS = { ...transitLimits, lingerMs: 5_000, lingerTotalMs: 30_000, lingerBytesMax: 1_000 }

t.test('the time runs from FIN on, not from when the tail was queued', async (t) => {
  const { socket, goesOn, linger } = waiting()
  socket.writtenBytes = 16 * KIB
  t.ok(goesOn(0))
  t.equal(linger.until, 6_000, 'a second for 16 KiB, and the silence')
  t.equal(linger.bits, READABLE | CLOSED | FINISHED)
  socket.readiness = FINISHED
  socket.wroteAt = 4_000
  t.ok(goesOn(4_000))
  t.equal(linger.until, 9_000)
  t.equal(linger.bits, READABLE | CLOSED | ENDED)
  t.notOk(goesOn(9_000))
})

t.test('O26: who keeps talking is heard for the time in all', async (t) => {
  const { chunks, socket, goesOn } = waiting()
  socket.readiness = FINISHED
  for (let now = 0; now < 30_000; now += 1_000) {
    chunks.push(Buffer.alloc(1))
    t.ok(goesOn(now))
  }
  chunks.push(Buffer.alloc(1))
  t.notOk(goesOn(30_000))
})

t.test('O26: and for so many bytes', async (t) => {
  const { chunks, goesOn } = waiting()
  chunks.push(Buffer.alloc(600), Buffer.alloc(400))
  t.ok(goesOn(0))
  chunks.push(Buffer.alloc(1))
  t.notOk(goesOn(1))
})

t.test('O25: the end of the peer ends it, but not before all is handed over', async (t) => {
  const { socket, goesOn, linger } = waiting()
  socket.readiness = ENDED
  t.ok(goesOn(0))
  t.equal(linger.bits & ENDED, 0, 'what is there already is not waited for')
  socket.readiness = ENDED | FINISHED
  t.notOk(goesOn(1))
})

t.test('a socket that is gone is not waited for', async (t) => {
  const { socket, goesOn } = waiting()
  socket.readiness = CLOSED
  t.notOk(goesOn(0))
})
