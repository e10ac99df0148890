// The fields of the access log that HTTP defines: the table of spec/access-log.md, and what lines say of exchanges, of aborted ones too.

import t from 'tap'
import { formatOf, lineText } from '../../src/access-log/index.js'
import { defaultFieldNames, defaultRedaction, exchangeFields, type Redaction } from '../../src/proxy/index.js'
import { frame, headers, REQUEST, tableOf, uint32 } from '../../tools/testbed/frames.js'
import { type MemoryProxyOptions, memoryProxy } from '../../tools/testbed/memory-proxy.js'
import { read } from '../house/source-rules.js'

const HTTP1 = { clients: 'http/1.1', speaks: 'http/1.1' } as const

/** The lines of all exchanges, as data. */
function logged(
  options: MemoryProxyOptions,
  names = defaultFieldNames,
  redact: Redaction = defaultRedaction,
) {
  const it = memoryProxy({}, options)
  const format = formatOf(exchangeFields(redact), 'json', names)
  const lines: Record<string, unknown>[] = []
  it.proxy.measureSteps(it)
  it.proxy.watch({
    endedTogether: (all) => lines.push(...all.map((x) => JSON.parse(lineText(format, x)))),
  })
  return { ...it, logged: lines }
}

t.test('the page has each field, with its kind', async (t) => {
  const { all } = exchangeFields(defaultRedaction)
  t.strictSame(
    tableOf(read('spec/access-log.md'), 'Fields').map(({ field, kind, default: isDefault }) => [
      field,
      kind,
      isDefault,
    ]),
    all.map(({ name, kind }) => [
      name,
      kind.replace('clf-', ''),
      defaultFieldNames.includes(name) ? 'yes' : 'no',
    ]),
  )
})

t.test('a request that was answered', async (t) => {
  const it = logged(HTTP1)
  it.client().send(Buffer.from('POST /a?token=1 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc'))
  it.pollset.advance(20)
  it.backends[0].send(Buffer.from('HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nbody'))
  const [line] = it.logged
  const { time, ...rest } = line
  t.equal(typeof time, 'string')
  t.strictSame(rest, {
    id: 'm1/r1',
    client: '192.0.2.1',
    protocol: 'HTTP/1.1',
    method: 'POST',
    host: 'a.test',
    path: '/a?token=***',
    status: 201,
    outcome: 'ok',
    route: 'h2c://backend',
    backend: 'h2c://backend',
    endpoint: 'h2c://backend',
    session: 'b1',
    sessionReused: false,
    bytesIn: 3,
    bytesOut: 4,
    ms: 20,
    steps: { awaitHead: 20 },
  })
})

t.test('one that its client left, one that its backend reset, one that went elsewhere', async (t) => {
  const it = logged({ endpoints: 2 })
  const client = it.client()
  client.send(headers(1, REQUEST))
  it.pollset.advance(10)
  client.send(frame(3, 0, 1, uint32(8)))
  t.match(it.logged[0], { status: 0, outcome: 'client-gone', side: 'frontend', protocol: 'HTTP/2', ms: 10 })
  for (const id of [3, 5]) client.send(headers(id, REQUEST))
  for (const far of [...it.backends, ...it.beside]) {
    it.greet(far)
    far.send(frame(3, 0, 1, uint32(2)))
    far.send(frame(3, 0, 3, uint32(2)))
  }
  t.ok(it.logged.length >= 2)
  t.match(it.logged[1], { status: 502, outcome: 'reset', side: 'backend' })
  const [attempt] = it.logged[1].attempts as { outcome: string; session: string }[]
  t.match(attempt, { outcome: 'reset' })
  t.match(attempt.session, /^b\d+$/)

  const refused = logged({ endpoints: 2 })
  refused.refuse()
  const other = refused.client()
  for (const id of [1, 3, 5, 7, 9, 11]) other.send(headers(id, REQUEST))
  refused.pollset.advance(1_000)
  for (const far of refused.beside) {
    refused.greet(far)
    for (let id = 1; id < 13; id += 2) far.send(headers(id, [[':status', '204']]))
  }
  const moved = refused.logged.find(({ attempts }) => (attempts as unknown[]).length > 1)
  t.match(moved, {
    status: 204,
    endpoint: 'h2c://beside',
    attempts: [
      { endpoint: 'h2c://backend', outcome: 'backend-not-connected' },
      { endpoint: 'h2c://beside', outcome: 'ok' },
    ],
  })
})

t.test('fields of requests and responses: credentials are hidden, and queries of URLs', async (t) => {
  const names = [
    'request.cookie',
    'request.authorization',
    'request.referer',
    'request.x-key',
    'request.none',
    'response.set-cookie',
    'response.location',
    'path',
    'status.clf',
    'steps.awaitHead',
  ]
  const ask = (redact: Redaction): Record<string, unknown> => {
    const it = logged(HTTP1, names, redact)
    it.client().send(
      Buffer.from(
        'GET /?a=b HTTP/1.1\r\nHost: a\r\nCookie: s=1\r\nAuthorization: Basic x\r\nReferer: http://a/?q=1\r\nX-Key: k\r\nX-Key: \xfe\r\n\r\n',
        'latin1',
      ),
    )
    it.pollset.advance(5)
    it.backends[0].send(
      Buffer.from('HTTP/1.1 302 Found\r\nContent-Length: 0\r\nSet-Cookie: s=2\r\nLocation: /?r=1\r\n\r\n'),
    )
    return it.logged[0]
  }
  t.strictSame(ask(defaultRedaction), {
    'request.cookie': '***',
    'request.authorization': '***',
    'request.referer': 'http://a/?q=***',
    'request.x-key': 'k, \xfe',
    'response.set-cookie': '***',
    'response.location': '/?r=***',
    path: '/?a=***',
    'status.clf': 302,
    'steps.awaitHead': 5,
  })
  t.match(ask({ query: 'none', fields: ['x-key'] }), {
    'request.cookie': 's=1',
    'request.referer': 'http://a/?q=1',
    'request.x-key': '***',
    path: '/?a=b',
  })
  for (const name of ['request.', 'request.A', 'request.a b', 'steps.nope', 'nope'])
    t.equal(exchangeFields(defaultRedaction).find(name), null, name)
})

t.test('a request that was refused, and a tunnel', async (t) => {
  const it = logged({ ...HTTP1, prefix: '/x' })
  it.client().send(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
  t.match(it.logged[0], { status: 404, outcome: 'no-route', side: 'frontend', bytesIn: 0 })
  t.notOk('attempts' in it.logged[0])
  t.notOk('endpoint' in it.logged[0])
  const tunnels = logged({ ...HTTP1, connect: ['*:*'] })
  tunnels.client().send(Buffer.from('CONNECT 192.0.2.9:9 HTTP/1.1\r\nHost: 192.0.2.9:9\r\n\r\n'))
  tunnels.pollset.advance(1)
  tunnels.backends[0].send(Buffer.from('hello'))
  tunnels.pollset.advance(30)
  tunnels.backends[0].end()
  tunnels.pollset.advance(1)
  tunnels.backends[0].destroy()
  tunnels.pollset.advance(1)
  t.match(tunnels.logged[0], { method: 'CONNECT', status: 200, endpoint: 'tcp://192.0.2.9:9', bytesOut: 5 })
  t.ok((tunnels.logged[0].steps as Record<string, number>).tunnel >= 30)
})
