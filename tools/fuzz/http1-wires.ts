// Octets of HTTP/1.1, good and nearly good: pieces of messages put together, some of them damaged; and noise.

import fc from 'fast-check'
import { octets } from './target.js'

const EITHER = [
  '\r\n',
  '\r',
  '\n',
  ' ',
  '\t',
  ':',
  '\0',
  '\xff',
  'Content-Length: 3\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: gzip\r\n',
  'Connection: close\r\n',
  'Connection: keep-alive, x-a\r\n',
  'Connection: upgrade\r\n',
  'Upgrade: x\r\n',
  'X-A: b\r\n',
  'Cookie: a=b\r\n',
  'abc',
  '3\r\nabc\r\n',
  '0\r\n',
  '0\r\n\r\n',
  'a;b=c\r\n',
  'ffffffffffffffff\r\n',
  'HTTP/1.1 200 OK\r\n',
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  '\x16\x03\x01',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
]
const REQUESTS = [
  'GET ',
  '/ ',
  'HTTP/1.1\r\n',
  'HTTP/1.0\r\n',
  'Host: a\r\n',
  'POST / HTTP/1.1\r\nHost: a\r\n',
  'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
  'Expect: 100-continue\r\n',
  'TE: trailers\r\n',
]
const RESPONSES = [
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 304 x\r\n',
  'HTTP/1.1 101 Switching Protocols\r\n',
  'HTTP/1.0 200 OK\r\n',
  'Set-Cookie: a=b\r\n',
]
/** Whole messages, so that the octets between and after them are tested too. */
const WHOLE = {
  request: [
    'GET /a HTTP/1.1\r\nHost: a\r\n\r\n',
    'HEAD /b HTTP/1.1\r\nHost: a\r\n\r\n',
    'POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc',
    'POST /d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n',
    'PUT /e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n',
    'GET http://b/f HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n',
    'GET /g HTTP/1.0\r\n\r\n',
  ],
  response: [
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n',
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n',
    'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc',
    'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n',
  ],
}

export type Kind = keyof typeof WHOLE

const join = (pieces: readonly string[]): Buffer => Buffer.from(pieces.join(''), 'latin1')

export function wires(kind: Kind): fc.Arbitrary<Buffer> {
  const piece = fc.constantFrom(...EITHER, ...(kind === 'request' ? REQUESTS : RESPONSES))
  const whole = fc.constantFrom(...WHOLE[kind])
  const either = fc.oneof({ weight: 1, arbitrary: piece }, { weight: 2, arbitrary: whole })
  const heaps = fc.oneof(
    fc.array(piece, { maxLength: 14 }),
    fc.array(whole, { maxLength: 5 }),
    fc.array(either, { maxLength: 6 }),
  )
  const spoiled = fc
    .tuple(fc.array(either, { minLength: 1, maxLength: 8 }), fc.nat(), fc.nat(255))
    .map(([pieces, at, octet]) => {
      const b = join(pieces)
      b[at % b.length] = octet
      return b
    })
  return fc.oneof(
    { weight: 3, arbitrary: heaps.map(join) },
    { weight: 2, arbitrary: spoiled },
    { weight: 1, arbitrary: octets(60) },
  )
}

/** Returns a wire in a form for people. */
export const shown = (wire: Buffer): string => JSON.stringify(wire.toString('latin1'))
