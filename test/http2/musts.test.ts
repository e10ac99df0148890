// Rules of RFC 9113 and RFC 7541 for a server, a client and an intermediary that no row of a grid can say:
// they take several frames, two sides, or a look at what we send.

import t from 'tap'
import { type Field, FieldTable } from '../../src/http/index.js'
import { ErrorCode } from '../../src/http2/codes.js'
import { HpackDecoder } from '../../src/http2/hpack/decoder.js'
import { block, type Frame, frame, framesOf, headers, REQUEST, uint32 } from '../../tools/testbed/frames.js'
import { memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { answersPing, exchangeOn, faced, saidIn, sessionOf } from '../world/faced.js'

const STATUS: [string, string][] = [[':status', '200']]
const POST = REQUEST.map(([name, value]): [string, string] => [name, name === ':method' ? 'POST' : value])
const ofType = (frames: readonly Frame[], type: number) => frames.filter((each) => each.type === type)

/** The field lines of each HEADERS, as one that shares our encoder's table reads them. */
function headsIn(decoder: HpackDecoder, frames: readonly Frame[]): string[][] {
  return ofType(frames, 1).map((each) => {
    const out: Field[] = []
    decoder.decode(each.payload, 0, each.payload.length, out, 65_536, 256)
    return out.map(({ name, value }) => `${name}=${value}`)
  })
}
const newDecoder = () => new HpackDecoder(new FieldTable(), { tableSizeMax: 4096 })

/** Returns the head that a backend gets when a client sends this one. */
function forwarded(fields: readonly (readonly [string, string])[]): string[] {
  const proxy = memoryProxy()
  const client = proxy.client()
  client.send(headers(1, fields))
  const backend = proxy.backends[0]
  backend.take()
  backend.send(Buffer.concat([frame(4, 0, 0), frame(4, 1, 0)]))
  return headsIn(newDecoder(), framesOf(backend.take()))[0]
}

t.test('§8.3.1: a request is forwarded with :authority, from Host where it had none', (t) => {
  const rest = (fields: string[]) => fields.filter((each) => !/^(via|x-)/.test(each))
  t.same(rest(forwarded(REQUEST)), [':method=GET', ':scheme=http', ':authority=a', ':path=/'])
  const withoutAuthority = REQUEST.filter(([name]) => name !== ':authority')
  const made = rest(forwarded([...withoutAuthority, ['accept', 'x'], ['host', 'example.org:8080']]))
  t.same(made.slice(0, 3).sort(), [':method=GET', ':path=/', ':scheme=http'])
  t.same(made.slice(3), [':authority=example.org:8080', 'accept=x', 'host=example.org:8080'])
  t.same(
    rest(forwarded(withoutAuthority)).sort(),
    [':authority=127.0.0.1:1', ':method=GET', ':path=/', ':scheme=http', 'host=127.0.0.1:1'],
    'without either it is for the address it came to',
  )
  t.end()
})

t.test(':scheme is how the client connected, whatever it says; another scheme is not served', (t) => {
  for (const scheme of ['http', 'https', 'HTTPS', 'Http']) {
    const fields = REQUEST.map(([name, value]) => [name, name === ':scheme' ? scheme : value] as const)
    t.ok(forwarded(fields).includes(':scheme=http'), scheme)
  }
  for (const scheme of ['ftp', 'ws', 'httpx', 'https2']) {
    const proxy = memoryProxy()
    const client = proxy.client()
    client.send(
      headers(
        1,
        REQUEST.map(([name, value]) => [name, name === ':scheme' ? scheme : value] as const),
      ),
    )
    const [head] = headsIn(newDecoder(), framesOf(client.take()))
    t.match(head, [':status=400', /.*/])
    t.ok(head.includes('x-fermata=scheme-not-served'), scheme)
    t.equal(proxy.backends.length, 0)
  }
  t.end()
})

t.test('§8.2.3: cookie crumbs pass as they are, in their order', (t) => {
  const fields = forwarded([...REQUEST, ['cookie', 'a=b'], ['x', '1'], ['cookie', 'c=d']])
  t.same(
    fields.filter((each) => each.startsWith('cookie')),
    ['cookie=a=b', 'cookie=c=d'],
  )
  t.end()
})

t.test('what a client says of itself is not passed on, with whichever strokes', (t) => {
  const said = [
    'x-forwarded-for',
    'x_forwarded_for',
    'x-forwarded_for',
    'x_forwarded_proto',
    'x-forwarded-proto',
    'x-forwarded-host',
    'x_real_ip',
    'x-real-ip',
    'forwarded',
    ...['port', 'prefix', 'ssl', 'scheme', 'server', 'client-cert', 'user'].map(
      (each) => `x-forwarded-${each}`,
    ),
    'x_forwarded_port',
    'x_forwarded-anything',
    'x-forwarded',
    'x-client-ip',
    'x_client-ip',
    'true-client-ip',
    'true_client_ip',
    'x-original-url',
    'x_rewrite_url',
    'front-end-https',
    'front_end-https',
    'content_length',
    'transfer_encoding',
    'keep_alive',
  ]
  const fields = forwarded([
    ...REQUEST,
    ...said.map((name): [string, string] => [name, '192.0.2.66']),
    ['x_a', '1'],
    ['x-forwardedness', '2'],
  ])
  t.same(
    fields.filter((each) => !/^(:|via)/.test(each)),
    ['x_a=1', 'x-forwardedness=2', 'x-forwarded-for=192.0.2.1', 'x-forwarded-proto=http'],
  )
  t.end()
})

t.test('7540 §3.2.1: HTTP2-Settings is for one hop: it goes no further, whatever stands beside it', (t) => {
  const beside = Array.from({ length: 40 }, (_, at): [string, string] => [`x-${at}`, String(at)])
  const fields = forwarded([...REQUEST, ...beside, ['http2-settings', 'AAMAAABk'], ['x-last', '1']])
  t.notOk(fields.some((each) => each.startsWith('http2-settings')))
  t.same(
    fields.filter((each) => /^x-(\d|last)/.test(each)),
    [...beside, ['x-last', '1']].map(([name, value]) => `${name}=${value}`),
    'all else passes, in its order',
  )
  t.end()
})

t.test('O22: 7541 §7.1.3: what came never-indexed leaves so, and credentials always do', (t) => {
  const proxy = memoryProxy()
  const client = proxy.client()
  const never = Buffer.from('10 03 782d61 01 31'.replaceAll(' ', ''), 'hex')
  client.send(frame(1, 5, 1, Buffer.concat([block([...REQUEST, ['authorization', 'secret']]), never])))
  const backend = proxy.backends[0]
  backend.take()
  backend.send(frame(4, 0, 0))
  const [head] = ofType(framesOf(backend.take()), 1)
  const out: Field[] = []
  newDecoder().decode(head.payload, 0, head.payload.length, out, 65_536, 256)
  t.same(
    out.filter((each) => each.neverIndexed).map((each) => each.name),
    ['authorization', 'x-a'],
  )
  t.end()
})

t.test('§4.3: a block is decoded whatever becomes of its stream', (t) => {
  // `x-a: 1`, with incremental indexing; later it is index 62.
  const indexed = Buffer.from('40 03 782d61 01 31'.replaceAll(' ', ''), 'hex')
  const known = Buffer.from([0xbe])
  const request = (id: number, more: Buffer) => frame(1, 5, id, Buffer.concat([block(REQUEST), more]))
  const ways: Readonly<Record<string, (client: ReturnType<typeof faced>) => Buffer>> = {
    'a stream refused': () => request(3, indexed),
    'a malformed request': () => frame(1, 5, 3, indexed),
    'a stream reset by us': () => Buffer.concat([frame(8, 0, 1, uint32(0)), frame(1, 5, 1, indexed)]),
    'a stream reset by its client': () => Buffer.concat([frame(3, 0, 1, uint32(8)), frame(1, 5, 1, indexed)]),
  }
  for (const [name, wire] of Object.entries(ways)) {
    const it = faced('server', { http2: { concurrentStreamsMax: name === 'a stream refused' ? 1 : 100 } })
    it.peer.send(wire(it))
    it.peer.send(frame(3, 0, 1, uint32(8)))
    it.backend.take()
    it.peer.take()
    it.peer.send(request(5, known))
    const { fields } = exchangeOn(it.proxy, 5).request
    t.ok(
      fields.some((each) => each.name === 'x-a' && each.value === '1'),
      name,
    )
  }
  const it = faced('client', {}, 2)
  it.client.send(frame(3, 0, 1, uint32(8)))
  it.peer.send(frame(1, 5, 1, Buffer.concat([block(STATUS), indexed])))
  it.client.take()
  it.peer.send(frame(1, 5, 3, Buffer.concat([block(STATUS), known])))
  t.ok(headsIn(newDecoder(), framesOf(it.client.take()))[0].includes('x-a=1'), 'a late response')
  it.peer.send(frame(1, 5, 1, Buffer.from([0xff, 0xff])))
  t.equal(saidIn(framesOf(it.peer.take())), 'connection:COMPRESSION_ERROR', 'and its errors count')
  t.end()
})

t.test('§8.1.1: a malformed request never reaches the backend as a complete one', (t) => {
  const length = (n: number) => [...POST, ['content-length', String(n)]] as const
  for (const [name, wire] of Object.entries({
    'less than content-length': [headers(1, length(5), false), frame(0, 1, 1, Buffer.alloc(4))],
    'more than content-length': [headers(1, length(5), false), frame(0, 1, 1, Buffer.alloc(6))],
    'more, in two frames': [
      headers(1, length(5), false),
      frame(0, 0, 1, Buffer.alloc(5)),
      frame(0, 1, 1, Buffer.alloc(1)),
    ],
    'trailers too early': [
      headers(1, length(5), false),
      frame(0, 0, 1, Buffer.alloc(1)),
      headers(1, [['x-t', '1']]),
    ],
    'a pseudo-field in trailers': [
      headers(1, POST, false),
      frame(0, 0, 1, Buffer.alloc(5)),
      headers(1, [[':path', '/']]),
    ],
  })) {
    const proxy = memoryProxy()
    const client = proxy.client()
    const [head, ...rest] = wire
    client.send(head)
    const backend = proxy.backends[0]
    proxy.greet(backend)
    for (const each of rest) client.send(each)
    const got = framesOf(backend.take())
    t.notOk(
      got.some((each) => each.type <= 1 && (each.flags & 1) !== 0),
      name,
    )
    t.equal(ofType(got, 3).length, 1, `${name}: it is told`)
    t.equal(saidIn(framesOf(client.take())), 'stream:PROTOCOL_ERROR', name)
  }
  t.end()
})

t.test('§8.1.1: responses that have no content, whatever content-length says', (t) => {
  for (const [method, status, length] of [
    ['HEAD', '200', '5'],
    ['GET', '304', '5'],
    ['GET', '204', null],
    ['HEAD', '404', '70000'],
  ] as const) {
    for (const wire of ['END_STREAM', 'empty DATA', 'trailers', 'DATA']) {
      const proxy = memoryProxy()
      const client = proxy.client()
      client.send(
        headers(
          1,
          REQUEST.map(([name, value]) => [name, name === ':method' ? method : value] as const),
        ),
      )
      const backend = proxy.backends[0]
      proxy.greet(backend)
      const fields: [string, string][] = [[':status', status]]
      if (length !== null) fields.push(['content-length', length])
      client.take()
      backend.send(
        Buffer.concat([
          headers(1, fields, wire === 'END_STREAM'),
          ...(wire === 'DATA' ? [frame(0, 1, 1, Buffer.from('x'))] : []),
          ...(wire === 'empty DATA' ? [frame(0, 1, 1)] : []),
          ...(wire === 'trailers' ? [headers(1, [['x-t', '1']])] : []),
        ]),
      )
      const name = `${method} ${status}, ${wire}`
      const bad = wire === 'DATA'
      t.equal(saidIn(framesOf(backend.take())), bad ? 'stream:PROTOCOL_ERROR' : 'ok', name)
      const got = framesOf(client.take())
      if (bad) continue
      t.equal(saidIn(got), 'ok', name)
      t.equal(
        got.filter((each) => each.type <= 1 && (each.flags & 1) !== 0).length,
        1,
        `${name}: it ends, once`,
      )
    }
  }
  t.end()
})

t.test('§8.1: a whole response stands, though NO_ERROR follows it', (t) => {
  const it = faced('client')
  it.peer.send(
    Buffer.concat([
      headers(1, STATUS, false),
      frame(0, 1, 1, Buffer.from('whole')),
      frame(3, 0, 1, uint32(ErrorCode.NO_ERROR)),
    ]),
  )
  const got = framesOf(it.client.take())
  t.equal(ofType(got, 1).length, 1)
  t.same(
    ofType(got, 0).map((each) => [each.payload.toString(), each.flags & 1]),
    [['whole', 1]],
  )
  t.equal(saidIn(got), 'stream:NO_ERROR', 'and the rest of the request is not wanted')
  t.end()
})

t.test('§5.4.2: RST_STREAM is not answered with RST_STREAM', (t) => {
  for (const role of ['server', 'client'] as const) {
    const it = faced(role, {}, 2)
    for (let i = 0; i < 3; i++) it.peer.send(frame(3, 0, 1, uint32(8)))
    t.equal(ofType(framesOf(it.peer.take()), 3).length, 0, role)
  }
  t.end()
})

t.test('O19: §6.5.3, §6.7: SETTINGS and PING are acknowledged in their order, ACKs are not', (t) => {
  for (const role of ['server', 'client'] as const) {
    const { peer } = faced(role)
    const ping = (text: string, flags = 0) => frame(6, flags, 0, Buffer.from(text))
    peer.send(
      Buffer.concat([
        ping('first...'),
        frame(4, 0, 0),
        frame(4, 1, 0),
        ping('no answr', 1),
        ping('second..'),
        frame(4, 0, 0, Buffer.from('000400001000', 'hex')),
      ]),
    )
    t.same(
      framesOf(peer.take()).map((each) => `${each.type} ${each.flags} ${each.payload}`),
      ['6 1 first...', '4 1 ', '6 1 second..', '4 1 '],
    )
  }
  t.end()
})

t.test('§6.8: the last stream identifier of our GOAWAYs never grows', (t) => {
  const it = faced('server', {}, 2)
  it.proxy.frontends[0].cancel()
  it.proxy.pollset.run()
  it.peer.send(frame(6, 1, 0, Buffer.from('goaway!!')))
  it.peer.send(headers(5, REQUEST))
  it.peer.send(frame(6, 0, 1, Buffer.alloc(8)))
  t.same(
    ofType(framesOf(it.peer.take()), 7).map((each) => each.payload.readUInt32BE(0)),
    [0x7fffffff, 3, 3],
  )
  t.end()
})

t.test(
  '§6.8: after the backend has sent GOAWAY no stream is opened, also not by a lease granted before',
  (t) => {
    const proxy = memoryProxy()
    const client = proxy.client()
    client.send(headers(1, REQUEST, false))
    const first = proxy.backends[0]
    first.send(Buffer.concat([frame(4, 0, 0, Buffer.from('000300000001', 'hex')), frame(4, 1, 0)]))
    client.send(Buffer.concat([headers(3, REQUEST), headers(5, POST, false)]))
    first.take()
    first.send(
      Buffer.concat([
        frame(4, 0, 0, Buffer.from('000300000064', 'hex')),
        frame(7, 0, 0, Buffer.concat([uint32(1), uint32(0)])),
      ]),
    )
    t.equal(ofType(framesOf(first.take()), 1).length, 0)
    const second = proxy.backends[1]
    proxy.greet(second)
    second.send(headers(1, STATUS))
    second.send(headers(3, STATUS))
    first.send(headers(1, STATUS))
    const got = framesOf(client.take())
    t.same(
      ofType(got, 1).map((each) => each.stream),
      [3, 5, 1],
      'they are served by another connection, and the one that ran is served by this',
    )
    t.end()
  },
)

t.test('E27: §5.1.1: the last identifier is used, and those behind it go to another connection', (t) => {
  const proxy = memoryProxy()
  const client = proxy.client()
  client.send(headers(1, REQUEST, false))
  const first = proxy.backends[0]
  proxy.greet(first)
  // Two thousand million streams earlier …
  ;(sessionOf(proxy) as unknown as { nextStreamId: number }).nextStreamId = 0x7ffffffd
  client.send(Buffer.concat([3, 5, 7, 9].map((id) => headers(id, REQUEST))))
  t.same(
    ofType(framesOf(first.take()), 1).map((each) => each.stream),
    [0x7ffffffd, 0x7fffffff],
  )
  const second = proxy.backends[1]
  second.take()
  second.send(frame(4, 0, 0))
  t.same(
    ofType(framesOf(second.take()), 1).map((each) => each.stream),
    [1, 3],
  )
  first.send(headers(0x7fffffff, STATUS))
  t.same(
    ofType(framesOf(client.take()), 1).map((each) => each.stream),
    [5],
    'and what it carries goes on',
  )
  t.ok(answersPing(first))
  t.end()
})

t.test('§5.1.2: a lowered limit holds for those that wait to be written too', (t) => {
  const proxy = memoryProxy({ engine: { sessionsMax: 1 } })
  const client = proxy.client()
  client.send(headers(1, REQUEST, false))
  const backend = proxy.backends[0]
  proxy.greet(backend)
  backend.take()
  backend.reading = false
  // In flight and not read: what comes now waits for its turn to be written.
  client.send(frame(0, 0, 1, Buffer.alloc(10)))
  client.send(Buffer.concat([3, 5, 7].map((id) => headers(id, REQUEST))))
  backend.send(frame(4, 0, 0, Buffer.from('000300000002', 'hex')))
  backend.reading = true
  backend.drain()
  t.same(
    ofType(framesOf(backend.take()), 1).map((each) => each.stream),
    [3],
  )
  backend.send(headers(3, STATUS))
  t.equal(ofType(framesOf(backend.take()), 1).length, 1, 'the next goes when there is room')
  t.same([...proxy.proxy.outcomes], [['ok', 1]], 'none has failed')
  t.end()
})
