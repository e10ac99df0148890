// The findings of the fuzzer, each once, in its smallest form.

import t from 'tap'
import { ErrorCode } from '../../../src/http2/codes.js'
import { FrameReader } from '../../../src/http2/frame-reader.js'
import { serveHttp2 } from '../../../src/http2/index.js'
import { http2Limits } from '../../../src/http2/limits.js'
import { type EveryFrame, toOne } from '../../../tools/testbed/frame-sinks.js'
import { frame, framesOf, headers, PREFACE, REQUEST } from '../../../tools/testbed/frames.js'
import { memoryProxy } from '../../../tools/testbed/memory-proxy.js'

const OK = [[':status', '200']] as const

t.test('a reader that is stopped by an empty DATA frame reads no further', async (t) => {
  const told: string[] = []
  const note = (name: string) => () => told.push(name)
  const sink = new Proxy({} as EveryFrame, {
    get: (_, name) => (name === 'idleFrame' ? () => reader.stop() : note(String(name))),
  })
  const reader = new FrameReader(toOne(sink), http2Limits)
  reader.feed(Buffer.concat([frame(4, 0, 0), frame(0, 0, 1), frame(6, 0, 0, Buffer.alloc(8))]))
  t.ok(reader.stopped)
  t.strictSame(told, ['settingsEnd'])
})

t.test('O21: nothing is behind GOAWAY with an error', async (t) => {
  t.test('no RST_STREAM of the stream error that was one too many', async (t) => {
    const proxy = memoryProxy({ http2: { resetsBurst: 0 } })
    const far = proxy.client()
    far.send(headers(1, [...REQUEST, ['connection', 'close']]))
    t.strictSame(
      framesOf(far.take()).map((each) => each.type),
      [7],
    )
    t.ok(far.ended)
  })
  t.test('no credit that was due', async (t) => {
    const proxy = memoryProxy({ http2: { connectionWindow: 65_535 } })
    const far = proxy.client()
    far.send(
      Buffer.concat([
        headers(1, REQUEST, false),
        frame(0, 0, 1, Buffer.alloc(16_384)),
        frame(0, 0, 1, Buffer.alloc(16_384)),
        frame(0, 0, 0),
      ]),
    )
    const answers = framesOf(far.take())
    t.strictSame(
      answers.map((each) => each.type),
      [7],
    )
    t.equal(answers[0].payload.readUInt32BE(4), ErrorCode.PROTOCOL_ERROR)
    t.ok(far.ended)
  })
})

t.test('an HTTP/1 request is told so, however it is split', async (t) => {
  for (const text of ['GET / HTTP/1.1\r\n\r\n', 'POST /a HTTP/1.1\r\n\r\n', 'PRI * HTTP/1.1\r\n\r\n']) {
    for (const size of [1, 2, 3, 4, 5, 8, 99]) {
      for (const turns of [true, false]) {
        const proxy = memoryProxy()
        const socket = proxy.pollset.socket()
        serveHttp2(proxy.http2, socket, proxy.proxy)
        const bytes = Buffer.from(text)
        for (let at = 0; at < bytes.length; at += size) {
          socket.far.put(bytes.subarray(at, at + size))
          if (turns) proxy.pollset.run()
        }
        proxy.pollset.run()
        t.match(socket.far.take().toString(), /^HTTP\/1\.1 505 /, `${text.slice(0, 4)} in pieces of ${size}`)
      }
    }
  }
  const proxy = memoryProxy()
  const socket = proxy.pollset.socket()
  serveHttp2(proxy.http2, socket, proxy.proxy)
  for (const octet of Buffer.concat([PREFACE, frame(4, 0, 0)])) socket.far.send(Buffer.from([octet]))
  t.strictSame(
    framesOf(socket.far.take()).map((each) => each.type),
    [4, 8, 4],
    'the preface octet by octet',
  )
})

t.test('a stream that runs dry is counted once, and its session keeps the streams of others', async (t) => {
  const proxy = memoryProxy({ http2: { backendResetsBurst: 1, backendResetsReserve: 0 } })
  const stays = proxy.client()
  stays.send(headers(1, REQUEST))
  const backend = proxy.backends[0]
  proxy.greet(backend)
  const leaves = proxy.client()
  leaves.send(Buffer.concat([headers(1, REQUEST), headers(3, REQUEST, false)]))
  backend.take()
  leaves.destroy()
  t.strictSame(
    framesOf(backend.take()).map((each) => [each.type, each.stream]),
    [[3, 3]],
    'one stream is reset, the unfinished one runs dry',
  )
  t.equal(proxy.http2.counts.discarded, 1)
  backend.send(headers(1, OK))
  t.strictSame(
    framesOf(stays.take()).map((each) => [each.type, each.stream]),
    [[1, 1]],
  )
  t.equal(proxy.backends.length, 1)
})

t.test('a stream that stalled is not taken for one that runs dry, and its session closes', async (t) => {
  const proxy = memoryProxy({ transport: { connectionHeldBytesMax: 16_384 } })
  const slow = proxy.client()
  slow.send(Buffer.concat([frame(4, 0, 0, Buffer.from('000400000000', 'hex')), headers(1, REQUEST)]))
  const backend = proxy.backends[0]
  proxy.greet(backend)
  backend.send(Buffer.concat([headers(1, OK, false), frame(0, 0, 1, Buffer.alloc(16_384))]))
  backend.send(frame(0, 0, 1, Buffer.alloc(16_384)))
  t.equal(proxy.world.memory.stalls, 1)
  t.notOk(backend.ended)
  backend.send(frame(7, 0, 0, Buffer.from('0000000100000000', 'hex')))
  t.ok(backend.ended, 'with GOAWAY and no streams it parts')
})
