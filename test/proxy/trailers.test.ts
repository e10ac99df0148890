// Trailers that frame or route a message (RFC 9110 §6.5.1) reach no peer, in any pair of versions. A request
// with one is malformed, and the backend never sees it whole. A response with one is whole without it.

import t from 'tap'
import { type Field, FieldTable } from '../../src/http/index.js'
import { HpackDecoder } from '../../src/http2/hpack/decoder.js'
import { frame, framesOf, headers, PREFACE, REQUEST } from '../../tools/testbed/frames.js'
import { read } from '../../tools/testbed/http1-wire.js'
import type { FarEnd } from '../../tools/testbed/memory-pollset.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'

const VERSIONS = ['http/1.1', 'h2c'] as const
const FORBIDDEN: [string, string][] = [
  ['content-length', '5'],
  ['host', 'b'],
  ['transfer-encoding', 'chunked'],
  ['connection', 'close'],
  ['te', 'trailers'],
  ['trailer', 'x'],
  ['expect', '100-continue'],
  ['if-match', '"a"'],
  ['max-forwards', '0'],
  ['content-type', 'text/html'],
  ['content-encoding', 'gzip'],
  ['forwarded', 'for=192.0.2.66'],
  ['x-real-ip', '192.0.2.66'],
]
const POST = [[':method', 'POST'], ...REQUEST.slice(1)] as [string, string][]
const STATUS = [[':status', '200']] as [string, string][]
/** RFC 9113 §8.2.2: over HTTP/2 they make a response malformed too. */
const CONNECTION_SPECIFIC = ['transfer-encoding', 'connection']
const GOOD: [string, string] = ['x-sum', '1']

const startLines = { request: 'POST / HTTP/1.1\r\nHost: a\r\n', response: 'HTTP/1.1 200 OK\r\n' }

/** A message with a body and these trailers. */
function message(version: string, kind: 'request' | 'response', trailers: [string, string][]): Buffer {
  const head = kind === 'request' ? POST : STATUS
  if (version === 'h2c')
    return Buffer.concat([
      headers(1, head, false),
      frame(0, 0, 1, Buffer.from('hello')),
      headers(1, trailers),
    ])
  const lines = trailers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.from(
    `${startLines[kind]}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n${lines}\r\n`,
    'latin1',
  )
}

/**
 * Returns true if that message has come whole, with END_STREAM or the last chunk. A client that gets 502 in
 * its place has not got it.
 */
function isWhole(version: string, kind: 'request' | 'response', far: FarEnd | null): boolean {
  if (far === null) return false
  const bytes = far.take()
  if (!bytes.includes('hello')) return false
  if (version === 'http/1.1') return read(bytes, { to: kind === 'request' ? null : 'POST' }).verdict === 'ok'
  const begins = bytes.subarray(0, PREFACE.length).equals(PREFACE)
  const frames = framesOf(begins ? bytes.subarray(PREFACE.length) : bytes)
  return frames.some((each) => each.stream === 1 && each.type <= 1 && (each.flags & 1) !== 0)
}

/** Trailers of the whole response that a client has got; null when it is not whole. */
function http1Trailers(bytes: Buffer): [string, string][] | null {
  const { sink, verdict } = read(bytes, { to: 'POST' })
  const found = sink.events.find((event) => event.kind === 'trailers')
  return verdict === 'ok' && found?.kind === 'trailers' ? found.fields : null
}

function http2Trailers(bytes: Buffer): [string, string][] | null {
  const decoder = new HpackDecoder(new FieldTable(), { tableSizeMax: 4096 })
  let trailers: [string, string][] | null = null
  for (const each of framesOf(bytes).filter((frame) => frame.type === 1)) {
    const fields: Field[] = []
    decoder.decode(each.payload, 0, each.payload.length, fields, 65_536, 256)
    if ((each.flags & 1) !== 0) trailers = fields.map(({ name, value }) => [name, value])
  }
  return trailers
}

function run(clients: (typeof VERSIONS)[number], speaks: (typeof VERSIONS)[number]) {
  const proxy = memoryProxy({}, { clients, speaks })
  const client = proxy.client()
  return {
    proxy,
    client,
    ask(trailers: [string, string][]): FarEnd | null {
      client.send(message(clients, 'request', trailers))
      const backend = proxy.backends.at(0) ?? null
      if (speaks === 'h2c') backend?.send(Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)]))
      return backend
    },
  }
}

for (const clients of VERSIONS) {
  for (const speaks of VERSIONS) {
    t.test(`${clients} to ${speaks}`, async (t) => {
      const { ask, client } = run(clients, speaks)
      const backend = ask([GOOD])
      t.ok(isWhole(speaks, 'request', backend), 'the good ones pass')
      backend?.send(message(speaks, 'response', [GOOD]))
      t.ok(isWhole(clients, 'response', client), 'both ways')
      for (const each of FORBIDDEN) {
        const asked = run(clients, speaks)
        t.notOk(isWhole(speaks, 'request', asked.ask([GOOD, each])), `${each[0]} in a request's`)
        const answered = run(clients, speaks)
        const far = answered.ask([GOOD])
        answered.client.take()
        far?.send(message(speaks, 'response', [each, GOOD]))
        const whole = speaks === 'http/1.1' || !CONNECTION_SPECIFIC.includes(each[0])
        const bytes = answered.client.take()
        const trailers = clients === 'http/1.1' ? http1Trailers(bytes) : http2Trailers(bytes)
        t.strictSame(trailers, whole ? [GOOD] : null, `${each[0]} in a response's`)
        t.equal(answered.proxy.proxy.begun, answered.proxy.proxy.logged)
      }
    })
  }
}
