// The life of a request to the admin listener, on the simulated network: each of its waits ends ready, late
// and cancelled, the edges seen are those declared, and nothing is left of it. Malformed input is bounded.

import t, { type Test } from 'tap'
import {
  Admin,
  type AdminAnswer,
  type AdminRoute,
  AdminRoutes,
  adminLife,
  json,
} from '../../src/admin/index.js'
import { createWorld } from '../../src/continuation/index.js'
import { createHttpWorld } from '../../src/http/index.js'
import { defaultLimits } from '../../src/server/limits.js'
import { Protocols } from '../../src/server/protocols.js'
import { type FarEnd, MemoryPollset } from '../../tools/testbed/memory-pollset.js'
import { declared, Seen } from '../world/seen.js'

const seen = new Seen()
const { bodyMs, answerMs, bodyBytesMax } = defaultLimits.admin
const TOKEN = 'a-token-of-the-test'

/** A listener with routes that answer at once, never, later, and with much. */
function listening() {
  const pollset = new MemoryPollset()
  const world = createHttpWorld(createWorld(pollset))
  world.scheduler.tracer = seen
  const protocols = new Protocols(world, defaultLimits)
  const later: ((answer: AdminAnswer) => void)[] = []
  const route = (method: string, path: string, answers: AdminRoute['answers'], open = true): AdminRoute => ({
    method,
    path,
    about: '',
    open,
    answers,
  })
  const routes = new AdminRoutes([
    route('GET', '/', (_, done) => done(json('here'))),
    route('POST', '/', ({ body }, done) => done(json({ body }))),
    route('GET', '/later', (_, done) => void later.push(done)),
    route('GET', '/much', (_, done) => done(json('x'.repeat(4_000_000)))),
    route('GET', '/closed', (_, done) => done(json('secret')), false),
  ])
  const options = { hosts: ['a'], token: TOKEN, isSame: (a: string, b: string) => a === b }
  let closed = 0
  const admin = new Admin(world, defaultLimits.admin, options, routes, () => closed++)
  return {
    pollset,
    later,
    client(): FarEnd {
      const socket = pollset.socket()
      protocols.serve(socket, 'http/1.1', admin, { from: socket.remote, to: socket.local })
      return socket.far
    },
    /** Takes the bytes of the newest holder away, as where memory runs short. */
    stall(): void {
      t.ok(world.memory.holders.last?.stall())
      pollset.run()
    },
    /** Asserts that nothing is left. */
    isOver(t: Test, clients: number): void {
      pollset.advance(120_000)
      t.strictSame(
        [...world.scheduler.alive()].map(({ id }) => id),
        [],
      )
      t.equal(closed, clients)
      t.equal(world.memory.bytes, 0)
    },
  }
}

const request = (line: string, ...fields: string[]): Buffer =>
  Buffer.from(`${[`${line} HTTP/1.1`, 'Host: a', ...fields].join('\r\n')}\r\n\r\n`)
const JSON_BODY = 'Content-Type: application/json'
const told = (far: FarEnd): string => far.take().toString('latin1')

t.test('Q5: a body comes in pieces, is late however slowly it comes, or its client leaves', (t) => {
  const { client, pollset, isOver } = listening()
  const whole = client()
  whole.send(request('POST /', JSON_BODY, 'Content-Length: 7'))
  whole.send(Buffer.from('{"a"'))
  t.equal(told(whole), '')
  whole.send(Buffer.from(':1}'))
  t.match(told(whole), /^HTTP\/1\.1 200 [\s\S]*\{"body":\{"a":1\}\}\n$/)
  whole.send(request('GET /nothing'))
  t.match(told(whole), /^HTTP\/1\.1 404 /, 'and the connection goes on')
  whole.end()
  const slow = client()
  slow.send(request('POST /', JSON_BODY, 'Content-Length: 1000'))
  for (let ms = 0; ms < bodyMs; ms += 1000) {
    t.equal(told(slow), '')
    slow.send(Buffer.from(' '))
    pollset.advance(1000)
  }
  t.match(told(slow), /^HTTP\/1\.1 408 [\s\S]*"the body was not whole within 10000 ms"/)
  const leaves = client()
  leaves.send(request('POST /', JSON_BODY, 'Content-Length: 1000'))
  leaves.destroy()
  isOver(t, 3)
  t.end()
})

t.test('Q5: a body that is given up where memory runs short gets 503, whole', (t) => {
  const { client, pollset, stall, isOver } = listening()
  const far = client()
  far.send(request('POST /', JSON_BODY, 'Content-Length: 7'))
  far.send(Buffer.from('{"a"'))
  pollset.advance(1000)
  stall()
  t.match(told(far), /^HTTP\/1\.1 503 [\s\S]*\{"error":"memory ran short while the body came"\}\n$/)
  isOver(t, 1)
  t.end()
})

t.test('an answer is made later, too late, or for nobody; one that nobody reads does not stay', (t) => {
  const { client, pollset, later, isOver } = listening()
  const waits = client()
  waits.send(request('GET /later'))
  pollset.advance(answerMs - 1)
  later[0](json('made'))
  pollset.run()
  t.match(told(waits), /"made"\n$/)
  waits.send(request('GET /later'))
  pollset.advance(answerMs)
  t.match(told(waits), /^HTTP\/1\.1 504 [\s\S]*no answer was made in time/)
  later[1](json('too late'))
  pollset.run()
  t.equal(told(waits), '')
  waits.send(request('GET /later'))
  waits.destroy()
  later[2](json('for nobody'))
  pollset.run()
  const deaf = client()
  deaf.reading = false
  deaf.send(request('GET /much'))
  pollset.advance(answerMs)
  t.ok(deaf.closed, 'it has not read the answer')
  const gone = client()
  gone.reading = false
  gone.send(request('GET /much'))
  gone.destroy()
  isOver(t, 3)
  t.end()
})

t.test(
  'Q2, Q3, Q4, Q5: what is malformed, or comes without end, is answered or cut, and costs nobody else anything',
  (t) => {
    const { client, pollset, isOver } = listening()
    const rows: readonly (readonly [string, Buffer, RegExp])[] = [
      ['another name', Buffer.from('GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n'), /^HTTP\/1\.1 421 /],
      ['no name', Buffer.from('GET / HTTP/1.0\r\n\r\n'), /^HTTP\/1\.[01] 421 /],
      ['two names', Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'), /^HTTP\/1\.1 400 /],
      ['an origin', request('GET /', 'Origin: null'), /^HTTP\/1\.1 403 /],
      ['another site', request('GET /', 'Sec-Fetch-Site: same-site'), /^HTTP\/1\.1 403 /],
      ['no token', request('GET /closed'), /^HTTP\/1\.1 401 /],
      ['a wrong token', request('GET /closed', `Authorization: Bearer ${TOKEN}x`), /^HTTP\/1\.1 401 /],
      [
        'two tokens',
        request('GET /closed', 'Authorization: Bearer x', `Authorization: Bearer ${TOKEN}`),
        /^HTTP\/1\.1 40[01] /,
      ],
      [
        'a body of another type',
        request('POST /', 'Content-Type: text/plain', 'Content-Length: 2'),
        /^HTTP\/1\.1 415 /,
      ],
      ['a body without a type', request('POST /', 'Content-Length: 2'), /^HTTP\/1\.1 415 /],
      [
        'a body that says it is long',
        request('POST /', JSON_BODY, `Content-Length: ${bodyBytesMax + 1}`),
        /^HTTP\/1\.1 413 /,
      ],
      [
        'not JSON',
        Buffer.concat([request('POST /', JSON_BODY, 'Content-Length: 1'), Buffer.from('{')]),
        /^HTTP\/1\.1 400 /,
      ],
      [
        'not UTF-8',
        Buffer.concat([request('POST /', JSON_BODY, 'Content-Length: 1'), Buffer.from([0xff])]),
        /^HTTP\/1\.1 400 /,
      ],
      ['a wrong escape', request('GET /%zz'), /^HTTP\/1\.1 404 /],
      ['no method of its own', request('PURGE /'), /^HTTP\/1\.1 405 /],
      ['CONNECT', Buffer.from('CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'), /^HTTP\/1\.1 40[0-9] /],
      ['every resource', request('OPTIONS *'), /^HTTP\/1\.1 40[0-9] /],
      ['not HTTP', Buffer.from('Content-Length: 2\r\n\r\n{}'), /^HTTP\/1\.1 400 /],
      ['a long line', Buffer.from(`GET /${'x'.repeat(200_000)}`), /^HTTP\/1\.1 4(?:14|31) /],
      [
        'many fields',
        request('GET /', ...Array.from({ length: 20_000 }, (_, at) => `x-${at}: ${at}`)),
        /^HTTP\/1\.1 431 /,
      ],
    ]
    const others = client()
    for (const [title, bytes, expected] of rows) {
      const far = client()
      far.send(bytes)
      t.match(told(far), expected, title)
      others.send(request('GET /'))
      t.match(told(others), /"here"\n$/, 'another one is served')
      far.destroy()
    }
    const endless = client()
    endless.send(request('POST /', JSON_BODY, 'Transfer-Encoding: chunked'))
    const chunk = Buffer.from(`2000\r\n${' '.repeat(0x2000)}\r\n`)
    let sent = 0
    for (; !/^HTTP/.test(endless.received.toString()) && sent < 4 * bodyBytesMax; sent += 0x2000)
      endless.send(chunk)
    t.match(told(endless), /^HTTP\/1\.1 413 /, 'chunks without end')
    const silent = client()
    silent.send(Buffer.from('GET / HT'))
    pollset.advance(120_000)
    t.ok(silent.closed || silent.ended, 'a head that does not come')
    others.destroy()
    endless.destroy()
    silent.destroy()
    isOver(t, rows.length + 3)
    t.end()
  },
)

t.test('the edges seen are the edges declared, and every wait ended in every way', (t) => {
  const { edges } = adminLife
  t.strictSame(seen.taken(edges), declared(edges))
  t.strictSame(seen.waitsEnded(edges), seen.mayEnd(edges))
  t.strictSame(seen.waitsEnded(edges), [
    'answer answer: cancelled, late, ready',
    'ask answer: cancelled, late, ready',
    'receive until: cancelled, late, ready',
  ])
  t.end()
})
