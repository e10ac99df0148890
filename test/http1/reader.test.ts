// The reader as its roles use it: pipelining, stopping, what is kept between chunks, fields by identity, and the writer
// against the reader.

import fc from 'fast-check'
import t from 'tap'
import { FieldTable } from '../../src/http/index.js'
import {
  CHUNK_OVERHEAD,
  FieldDecoder,
  http1Limits,
  RequestReader,
  ResponseReader,
  trailersBytesMax,
  writeChunkEnd,
  writeChunkSize,
  writeLastChunk,
} from '../../src/http1/index.js'
import { cuttings, newDecoder, Recorder, read } from '../../tools/testbed/http1-wire.js'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const POST = 'POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello'
const CHUNKS =
  'POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: 1\r\n\r\n'
const bytes = (text: string) => Buffer.from(text, 'latin1')

t.test('pipelined requests: one at a time, and the offset says where the next begins', (t) => {
  const sink = new Recorder()
  const reader = new RequestReader(sink, newDecoder(), http1Limits, 'http')
  const all = bytes(GET + POST + CHUNKS + GET)
  const ends = [GET, POST, CHUNKS, GET].map((each) => each.length)
  let at = 0
  for (const [n, size] of ends.entries()) {
    t.equal(reader.feed(all, at), at + size, `request ${n} and no more`)
    t.ok(reader.waiting)
    t.equal(sink.events.filter((each) => each.kind === 'end').length, n + 1)
    t.equal(reader.feed(all, at + size), at + size, 'nothing is taken until next')
    at += size
    reader.next()
  }
  t.equal(at, all.length)
  reader.end()
  t.notOk(
    sink.events.some((each) => each.kind === 'error'),
    'leaving between two requests is no fault',
  )
  t.ok(reader.stopped)
  t.end()
})

t.test('next from within messageEnd: a chunk of many requests is read in one go, however cut', (t) => {
  const all = bytes(GET + CHUNKS + POST + CHUNKS + GET)
  const whole = read(all, { pipelined: true })
  t.equal(whole.sink.events.filter((each) => each.kind === 'end').length, 5)
  for (const cuts of cuttings(all.length))
    t.strictSame(read(all, { pipelined: true, cuts }).sink.plain, whole.sink.plain, `cut at ${cuts}`)
  t.end()
})

t.test('behind a request that closes nothing is read', (t) => {
  const { sink, reader, left } = read(bytes(`GET / HTTP/1.0\r\n\r\n${GET}`), { pipelined: true })
  t.strictSame(
    sink.events.map((each) => each.kind),
    ['head', 'end'],
  )
  t.equal(left, GET.length)
  t.throws(() => (reader as RequestReader).next(), 'nor may it be asked for')
  t.end()
})

t.test('stopped in each call, it tells nothing more and keeps nothing', (t) => {
  const wire = bytes(CHUNKS)
  for (const kind of ['head', 'body', 'trailers', 'messageEnd'] as const) {
    for (const cuts of cuttings(wire.length)) {
      const sink = new Recorder()
      const reader = new RequestReader(sink, newDecoder(), http1Limits, 'http')
      const tell = sink[kind].bind(sink) as (...told: unknown[]) => void
      let calls = 0
      sink[kind] = (...told: unknown[]) => {
        calls++
        tell(...told)
        reader.stop()
      }
      let from = 0
      for (const cut of [...cuts, wire.length]) {
        reader.feed(wire.subarray(from, cut))
        from = cut
      }
      reader.end()
      t.equal(calls, 1, kind)
      t.equal(sink.events.at(-1)?.kind, kind === 'messageEnd' ? 'end' : kind, 'it is the last thing told')
      t.equal(reader.bufferedBytes, 0)
    }
  }
  t.end()
})

t.test('begun, inHead: what a time limit goes by', (t) => {
  const reader = new RequestReader(new Recorder(), newDecoder(), http1Limits, 'http')
  const states: [string, boolean, boolean][] = [
    ['', false, false],
    ['\r\n', false, false],
    ['P', true, true],
    ['OST / HTTP/1.1\r\n', true, true],
    ['Host: a\r\nContent-Length: 2\r\n\r', true, true],
    ['\n', true, false],
    ['x', true, false],
    ['y', false, false],
  ]
  for (const [text, begun, inHead] of states) {
    reader.feed(bytes(text))
    t.strictSame([reader.begun, reader.inHead], [begun, inHead], JSON.stringify(text))
  }
  t.end()
})

t.test('S4: a line that is split is kept, and no more; a body is not', (t) => {
  const reader = new RequestReader(new Recorder(), newDecoder(), http1Limits, 'http')
  reader.feed(bytes(`GET /${'a'.repeat(8000)}`))
  t.ok(reader.bufferedBytes >= 8005 && reader.bufferedBytes <= http1Limits.startLineBytesMax)
  reader.feed(bytes(' HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n'))
  t.equal(reader.bufferedBytes, 0)
  reader.feed(Buffer.alloc(500_000))
  t.equal(reader.bufferedBytes, 0)
  reader.feed(Buffer.alloc(500_000))
  t.ok(reader.waiting)
  t.end()
})

t.test('a body is given as it lies in the chunk', (t) => {
  const sink = new Recorder()
  const reader = new RequestReader(sink, newDecoder(), http1Limits, 'http')
  const wire = bytes(POST)
  const seen: unknown[] = []
  sink.body = (buffer, start, end) => seen.push([buffer === wire, start, end])
  reader.feed(wire)
  t.strictSame(seen, [[true, POST.length - 5, POST.length]])
  t.end()
})

t.test('what returns is one object, on all connections of a World; credentials are not', (t) => {
  const table = new FieldTable()
  const decoder = new FieldDecoder(table)
  const wire = bytes(
    'GET /same HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\nCookie: s=1\r\nAuthorization: Basic eA==\r\n\r\n',
  )
  const heads = [1, 2, 3, 4].map(() => {
    const { sink } = read(wire, { decoder })
    const [first] = sink.events
    if (first.kind !== 'head') throw new Error('no head')
    return first.head
  })
  const [, , third, fourth] = heads
  for (const [at, field] of third.fields.entries()) {
    const secret = field.name === 'cookie' || field.name === 'authorization'
    t.equal(fourth.fields[at] === field, !secret, field.name)
  }
  t.equal(table.field('accept', '*/*'), third.find(0), 'and the one of the table')
  t.end()
})

t.test('a response with interim heads, in one chunk or many', (t) => {
  const sink = new Recorder()
  const reader = new ResponseReader(sink, newDecoder(), http1Limits)
  reader.next('POST')
  reader.feed(bytes('HTTP/1.1 100 Continue\r\n\r\n'))
  t.ok(sink.events.length === 1 && !reader.waiting)
  reader.feed(bytes('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n'))
  t.strictSame(
    sink.events.map((each) => (each.kind === 'head' ? each.head.status : each.kind)),
    [100, 103, 204, 'end'],
  )
  t.end()
})

t.test('bounds are those of one message: the next has them anew', (t) => {
  const requests = new Recorder()
  const server = new RequestReader(requests, newDecoder(), http1Limits, 'http')
  const responses = new Recorder()
  const client = new ResponseReader(responses, newDecoder(), http1Limits)
  for (let n = 0; n < 3; n++) {
    server.feed(bytes('\r\n'.repeat(http1Limits.emptyLinesMax) + GET))
    server.next()
    client.next('GET')
    client.feed(bytes('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(100)))
    client.feed(bytes('HTTP/1.1 204 No Content\r\n\r\n'))
  }
  t.equal(requests.events.filter((each) => each.kind === 'end').length, 3)
  t.equal(responses.events.filter((each) => each.kind === 'end').length, 3)
  t.end()
})

t.test('a tunnel begins where its bytes begin', (t) => {
  const wire = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'
  const reader = new ResponseReader(new Recorder(), newDecoder(), http1Limits)
  reader.next('GET', true)
  t.equal(reader.feed(bytes(`${wire}hello`)), wire.length)
  t.ok(reader.tunnelling)
  t.equal(reader.upgrade, 'x')
  t.equal(reader.feed(bytes('more')), 0)
  t.end()
})

t.test('the version of the peer: what is sent to it is framed for it', (t) => {
  for (const version of [0, 1, 9]) {
    const request = read(bytes(`GET / HTTP/1.${version}\r\nHost: a\r\n\r\n`)).reader
    const response = read(bytes(`HTTP/1.${version} 204 No Content\r\n\r\n`), { to: 'GET' }).reader
    t.strictSame([request.version, response.version], [version, version])
  }
  t.end()
})

t.test('what a request asks to switch to', (t) => {
  const asked = (wire: string) => (read(bytes(wire)).reader as RequestReader).upgrade
  t.equal(
    asked('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\r\n'),
    'websocket',
  )
  t.equal(asked('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n'), '', 'not nominated')
  t.equal(
    asked('GET / HTTP/1.0\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
    '',
    'not of 1.0',
  )
  t.end()
})

t.test('chunks written are chunks read', (t) => {
  const table = new FieldTable()
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 70_000 }), { maxLength: 8 }),
      fc.array(fc.constantFrom('x-a', 'x-b', 'content-length', 'host'), { maxLength: 4 }),
      (sizes, names) => {
        const trailers = names.map((name) => table.make(name, '1'))
        const total = sizes.reduce((sum, each) => sum + each + CHUNK_OVERHEAD, 0)
        const b = Buffer.alloc(200 + total + trailersBytesMax(trailers))
        let at = b.write('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n')
        for (const size of sizes) {
          const from = at
          at = writeChunkSize(b, at, size)
          b.fill(0x61, at, at + size)
          at = writeChunkEnd(b, at + size)
          if (at - from > size + CHUNK_OVERHEAD) return false
        }
        const from = at
        at = writeLastChunk(b, at, trailers)
        const { sink, verdict, left } = read(b.subarray(0, at))
        const kept = sink.events.flatMap((each) => (each.kind === 'trailers' ? each.fields : []))
        return (
          at - from <= trailersBytesMax(trailers) &&
          verdict === 'ok' &&
          left === 0 &&
          sink.bodyText.length === sizes.reduce((sum, each) => sum + each, 0) &&
          kept.length === names.filter((name) => name.startsWith('x-')).length
        )
      },
    ),
    { numRuns: 200 },
  )
  for (const size of [1, 15, 16, 255, 256, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff]) {
    const b = Buffer.alloc(CHUNK_OVERHEAD)
    t.equal(b.toString('latin1', 0, writeChunkSize(b, 0, size)), `${size.toString(16)}\r\n`)
  }
  t.end()
})
