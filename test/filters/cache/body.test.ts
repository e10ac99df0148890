// The body of a stored response: readers at their own places, while it grows.

import t from 'tap'
import { BodyReader, CachedBody, MOVED } from '../../../src/filters/cache/body.js'
import { BODY, RESET } from '../../../src/http/index.js'

function append(body: CachedBody, bytes: Buffer): void {
  let from = 0
  while (from < bytes.length) {
    const { chunk, at, room } = body.space(bytes.length - from)
    const size = Math.min(room, bytes.length - from)
    bytes.copy(chunk, at, from, from + size)
    body.filled(size)
    from += size
  }
  body.tell()
}

const readAll = (reader: BodyReader, step: number): Buffer => {
  const parts: Buffer[] = []
  while (reader.waitingBytes > 0) {
    const part = Buffer.alloc(step)
    parts.push(part.subarray(0, reader.pull(part, 0, step)))
  }
  return Buffer.concat(parts)
}

const text = Buffer.from(Array.from({ length: 200_000 }, (_, at) => at % 251))

t.test('readers read what has come, and the rest when it comes', async (t) => {
  const body = new CachedBody('c1/f1')
  const early = new BodyReader('r1', body)
  append(body, text.subarray(0, 70_000))
  t.ok(early.readiness & BODY)
  const first = readAll(early, 1_000)
  early.lower(BODY)
  const late = new BodyReader('r2', body)
  t.notOk(early.remoteEnded)
  append(body, text.subarray(70_000))
  body.end()
  t.ok(early.readiness & BODY, 'it is told of more')
  t.ok(early.remoteEnded)
  t.ok(Buffer.concat([first, readAll(early, 777)]).equals(text))
  t.ok(readAll(late, 65_536).equals(text))
  t.ok(readAll(new BodyReader('r3', body, 100_000, 100_010), 7).equals(text.subarray(100_000, 100_010)))
})

t.test('a body that ends early resets its readers, and those who come later', async (t) => {
  const body = new CachedBody('c1/f1')
  const reader = new BodyReader('r1', body)
  append(body, text.subarray(0, 10))
  const fault = { code: 'gone', side: 'backend', scope: 'stream', retry: 'never', message: 'gone' } as const
  body.end(fault)
  t.ok(reader.readiness & RESET)
  t.equal(reader.fault, fault)
  t.notOk(reader.remoteEnded)
  t.equal(new BodyReader('r2', body).fault, fault)
})

t.test('what all readers have read can be dropped, and the slowest counts', async (t) => {
  const body = new CachedBody('c1/f1')
  const slow = new BodyReader('r1', body)
  const quick = new BodyReader('r2', body)
  append(body, text)
  readAll(quick, 65_536)
  body.trim()
  t.equal(body.dropped, 0)
  slow.pull(Buffer.alloc(150_000), 0, 150_000)
  body.trim()
  t.ok(body.dropped > 0 && body.dropped <= 150_000)
  t.ok(readAll(slow, 9_000).equals(text.subarray(150_000)))
})

t.test('a reader that leaves is told to the fill, and once', async (t) => {
  const body = new CachedBody('c1/f1')
  const reader = new BodyReader('r1', body)
  reader.leave()
  t.ok(body.moved.readiness & MOVED)
  t.equal(body.readers.size, 0)
  body.moved.lower(MOVED)
  reader.leave()
  t.notOk(body.moved.readiness & MOVED)
})

t.test('a whole body takes little more memory than its bytes', async (t) => {
  const body = new CachedBody('c1/f1')
  append(body, text.subarray(0, 10))
  body.end()
  t.equal(body.allocated, 10)
})
