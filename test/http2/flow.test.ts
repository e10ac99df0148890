// Credit that goes back, and when, frame by frame (spec/flow-control.md): the test is the client and the backend, and reads
// every WINDOW_UPDATE.

import t from 'tap'
import { http2Limits } from '../../src/http2/index.js'
import { limitsWith, type SomeLimits } from '../../src/server/index.js'
import { type Frame, frame, framesOf, headers, REQUEST, uint32 } from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { answersPing, faced } from '../world/faced.js'

const OK = [[':status', '200']] as const
const DATA = 0
const RST_STREAM = 3
const WINDOW_UPDATE = 8
const PADDED = 8

const data = (stream: number, bytes: number, flags = 0): Buffer =>
  frame(DATA, flags, stream, Buffer.alloc(bytes))
/** SETTINGS_INITIAL_WINDOW_SIZE */
const initialWindow = (bytes: number): Buffer =>
  frame(4, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(bytes)]))
const update = (stream: number, by: number): Buffer => frame(WINDOW_UPDATE, 0, stream, uint32(by))
const updates = (frames: readonly Frame[], stream: number): number[] =>
  frames
    .filter((each) => each.type === WINDOW_UPDATE && each.stream === stream)
    .map((each) => each.payload.readUInt32BE(0))
const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0)
const bytesIn = (frames: readonly Frame[]): number =>
  sum(frames.filter((each) => each.type === DATA).map((each) => each.payload.length))

/** Small windows, so that every frame is worth its credit. */
const SMALL = { http2: { connectionWindow: 65_535, streamWindow: 65_535, streamWindowMax: 65_535 } }

/** A client that takes nothing of its stream, and a backend that has answered it. */
function shut(limits: SomeLimits = {}, streams = 1) {
  const it = faced('client', limitsWith(SMALL, limits), streams)
  it.client.send(initialWindow(0))
  for (let i = 0; i < streams; i++) it.backend.send(headers(2 * i + 1, OK, false))
  it.backend.take()
  it.client.take()
  return it
}

t.test('F1: the credit of a stream waits until its bytes have left for the other side', (t) => {
  const { client, backend } = shut()
  backend.send(Buffer.concat([data(1, 16_000), data(1, 16_000)]))
  t.strictSame(updates(framesOf(backend.take()), 1), [], 'the client takes nothing')
  client.send(update(1, 20_000))
  t.equal(bytesIn(framesOf(client.take())), 20_000)
  client.send(update(1, 20_000))
  t.equal(bytesIn(framesOf(client.take())), 12_000)
  t.ok(sum(updates(framesOf(backend.take()), 1)) <= 32_000, 'no more than has left')
  backend.send(data(1, 8_000))
  t.equal(bytesIn(framesOf(client.take())), 8_000)
  t.end()
})

t.test('F6: below heldBytesSoft the connection has its credit on receipt', (t) => {
  const { backend } = shut()
  backend.send(Buffer.concat([data(1, 16_000), data(1, 16_000), data(1, 16_000)]))
  const frames = framesOf(backend.take())
  t.ok(sum(updates(frames, 0)) >= 32_000, 'though nothing of it has left')
  t.strictSame(updates(frames, 1), [])
  t.end()
})

t.test('F7: above heldBytesSoft the connection has its credit as bytes leave', (t) => {
  const { client, backend } = shut({ transport: { heldBytesSoft: 1, stallMs: 1_000_000 } })
  backend.send(data(1, 16_000))
  backend.take()
  // From here on something is held.
  backend.send(Buffer.concat([data(1, 16_000), data(1, 16_000), data(1, 16_000)]))
  t.strictSame(updates(framesOf(backend.take()), 0), [], 'nothing has left')
  client.send(update(1, 65_535))
  t.equal(bytesIn(framesOf(client.take())), 64_000)
  t.ok(sum(updates(framesOf(backend.take()), 0)) >= 48_000)
  t.end()
})

/** The window of an upload that flows, in the end; another one, of `held` bytes, waits beside it. */
function widened(held: number, limits: SomeLimits = {}) {
  const proxy = memoryProxy(limitsWith({ http2: { streamWindow: 20_000, streamWindowMax: 60_000 } }, limits))
  const client = proxy.client()
  client.send(Buffer.concat([headers(1, REQUEST, false), headers(3, REQUEST, false)]))
  const [backend] = proxy.backends
  backend.send(initialWindow(0))
  proxy.greet(backend)
  backend.send(Buffer.concat([update(0, 1_000_000), update(1, 1_000_000)]))
  for (let left = held; left > 0; left -= 10_000) client.send(data(3, 10_000))
  let window = 20_000
  for (let i = 0; i < 20; i++) {
    const bytes = Math.min(window, 10_000)
    client.send(data(1, bytes))
    window += sum(updates(framesOf(client.take()), 1)) - bytes
  }
  t.equal(bytesIn(framesOf(backend.take())), 200_000, 'all of it has left')
  return window
}

t.test('F10: a stream begins with streamWindow, and widens only while little is held', (t) => {
  const proxy = memoryProxy({ http2: { streamWindow: 20_000 } })
  const socket = proxy.pollset.socket()
  proxy.serve(socket)
  socket.far.send(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0)]))
  const [settings] = framesOf(socket.far.take())
  const told = Array.from({ length: settings.payload.length / 6 }, (_, at) => [
    settings.payload.readUInt16BE(6 * at),
    settings.payload.readUInt32BE(6 * at + 2),
  ])
  t.strictSame(
    told.find(([id]) => id === 4),
    [4, 20_000],
  )
  const limits = { heldBytesSoft: 40_000, heldBytesMax: 40_000, stallMs: 1_000_000 }
  const free = widened(0, { transport: limits })
  t.ok(free > 20_000 && free <= 60_000, `${free}: wider, and no wider than streamWindowMax`)
  t.ok(
    widened(20_000, { transport: limits }) <= 20_000,
    'no wider where more than half of heldBytesSoft is held',
  )
  t.end()
})

t.test('F11: windows may add up to more than heldBytesMax; what is held may not', (t) => {
  const { streamWindow } = SMALL.http2
  const memory = { heldBytesSoft: 150_000, heldBytesMax: 200_000, stallMs: 1 }
  const it = shut({ transport: memory, http2: { connectionWindow: 1_000_000 } }, 10)
  const { memory: held } = it.proxy.world
  for (let id = 1; id < 20; id += 2) {
    it.backend.send(Buffer.concat([data(id, 16_000), data(id, 16_000), data(id, 16_000), data(id, 16_000)]))
    t.ok(held.bytes <= memory.heldBytesMax, `${held.bytes} held`)
  }
  t.ok(10 * streamWindow > memory.heldBytesMax)
  t.ok(held.stalls > 0, 'some paid')
  t.end()
})

t.test('F13: padding and its length octet go back on receipt, and no further', (t) => {
  const { client, backend } = shut()
  const padded = Buffer.alloc(201)
  padded[0] = 200
  backend.send(Buffer.concat(Array.from({ length: 200 }, () => frame(DATA, PADDED, 1, padded))))
  const frames = framesOf(backend.take())
  t.equal(sum(updates(frames, 1)) > 0, true, 'to the stream')
  t.ok(sum(updates(frames, 0)) > 0, 'and to the connection')
  client.send(update(1, 65_535))
  t.equal(bytesIn(framesOf(client.take())), 0)
  t.end()
})

t.test('F14: DATA that is discarded goes back to the connection on receipt', (t) => {
  const { client, backend } = shut()
  client.send(frame(RST_STREAM, 0, 1, uint32(8)))
  t.ok(framesOf(backend.take()).some((each) => each.type === RST_STREAM && each.stream === 1))
  backend.send(Buffer.concat([data(1, 16_000), data(1, 16_000), data(1, 16_000)]))
  const frames = framesOf(backend.take())
  t.ok(sum(updates(frames, 0)) >= 32_000)
  t.strictSame(updates(frames, 1), [])
  t.end()
})

t.test('F16: a stream whose sender has ended or reset it gets no credit', (t) => {
  for (const end of [frame(DATA, 1, 1), frame(RST_STREAM, 0, 1, uint32(8))]) {
    const { client, backend } = shut()
    backend.send(Buffer.concat([data(1, 16_000), data(1, 16_000), data(1, 16_000), end]))
    client.send(update(1, 65_535))
    client.take()
    t.strictSame(updates(framesOf(backend.take()), 1), [])
  }
  t.end()
})

t.test('F19: one WINDOW_UPDATE a turn for a stream, and one for the connection', (t) => {
  const it = faced('client', SMALL)
  it.backend.send(headers(1, OK, false))
  it.client.send(Buffer.concat([update(0, 1_000_000), update(1, 1_000_000)]))
  it.backend.take()
  for (const bytes of [1, 40_000]) {
    const count = bytes === 1 ? 200 : 4
    it.backend.put(Buffer.concat(Array.from({ length: count }, () => data(1, bytes / (bytes === 1 ? 1 : 4)))))
    it.proxy.pollset.one()
    const frames = framesOf(it.backend.take())
    t.ok(updates(frames, 0).length <= 1, `${count} frames`)
    t.ok(updates(frames, 1).length <= 1)
  }
  t.end()
})

t.test('F20: whatever its streams wait for, an HTTP/2 connection is read', (t) => {
  const { client, backend, proxy } = shut({ http2: { connectionWindow: 1_000_000 } }, 5)
  for (let id = 1; id < 10; id += 2)
    backend.send(Buffer.concat([data(id, 16_000), data(id, 16_000), data(id, 16_000), data(id, 16_000)]))
  t.ok(answersPing(backend), 'every stream is full')
  t.ok(answersPing(client))
  client.send(update(3, 65_535))
  t.equal(bytesIn(framesOf(client.take())), 64_000, 'a WINDOW_UPDATE takes effect')
  t.ok(proxy.world.memory.bytes > 0)
  t.end()
})

t.test('F23: what is no longer needed is given back in its turn', (t) => {
  const { client, backend, proxy } = shut({}, 3)
  const { memory: held } = proxy.world
  for (const id of [1, 3, 5]) backend.send(Buffer.concat([data(id, 16_000), data(id, 16_000, 1)]))
  t.ok(held.bytes >= 96_000, `${held.bytes} held`)
  client.send(update(1, 65_535))
  t.ok(held.bytes >= 64_000 && held.bytes < 96_000)
  client.send(frame(RST_STREAM, 0, 3, uint32(8)))
  t.ok(held.bytes < 64_000)
  client.destroy()
  t.equal(held.bytes, 0)
  t.equal(http2Limits.streamWindow, 65_535)
  t.end()
})
