// Faults as the operator reads them, over sockets: a line each in the process log, which names the bound and
// how to raise it, or the scheme to write; and a client that is told nothing of it.

import { once } from 'node:events'
import * as http from 'node:http'
import * as http2 from 'node:http2'
import * as https from 'node:https'
import { type AddressInfo, connect, createServer, type Server as NetServer } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { Incidents } from '../../src/server/incidents.js'
import { limitsWith, type SomeLimits } from '../../src/server/index.js'
import { defaultLimits } from '../../src/server/limits.js'
import { settingNames } from '../../src/server/setting-names.js'
import { localhost } from '../../tools/testbed/certificates/index.js'
import { type ShortServerOptions, startShortServer } from '../../tools/testbed/short-server.js'
import { soon } from '../world/soon.js'

const LINE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warn|error) (.*)$/

/** A server with this behind it, its lines without their time, and a way to wait for one. */
async function serve(
  t: Test,
  url: string,
  limits: SomeLimits = {},
  options: Partial<ShortServerOptions> = {},
) {
  const lines: string[] = []
  let wake = () => {}
  const server = startShortServer({
    listen: [{ host: '127.0.0.1', port: 0 }],
    routes: [{ host: '', prefix: '/', url }],
    limits,
    log: (line) => {
      const [, level, text] = LINE.exec(line) ?? []
      lines.push(level === undefined ? `not a line: ${line}` : `${level} ${text}`)
      wake()
    },
    ...options,
  })
  const [{ port }] = (await once(server as never, 'listening')) as [{ port: number }]
  const stopped = once(server as never, 'stopped')
  t.teardown(async () => {
    server.command('drain')
    await stopped
  })
  const line = async (sign: RegExp): Promise<string> => {
    for (;;) {
      const found = lines.find((each) => sign.test(each))
      if (found !== undefined) return found
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return { server, port, lines, line, stopped }
}

/** Listens on loopback until the end of the test; its port. */
async function behind(t: Test, server: NetServer | http.Server | http2.Http2Server): Promise<number> {
  const open = new Set<{ destroy(): void }>()
  for (const event of ['connection', 'secureConnection'])
    (server as NetServer).on(event, (socket) => {
      open.add(socket)
      socket.on('error', () => {})
    })
  for (const event of ['tlsClientError', 'sessionError'])
    (server as NetServer).on(event, (_error: Error, socket?: { destroy(): void }) => socket?.destroy())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** Returns everything that comes on a connection until it ends. */
async function said(t: Test, port: number, octets: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
  })
  socket.write(octets)
  // A reset is an end, too.
  await new Promise((resolve) => socket.on('close', resolve))
  return text
}

const GET = 'GET /path?secret=1 HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n'
const OTHER = /x-fermata: other-protocol\r\n[\s\S]*502 other-protocol \(m1\/r1\)\n$/

const ok: http.RequestListener = (_request, response) => void response.end('ok')
const servers = {
  'an HTTP/1.1 server': () => http.createServer(ok),
  'an h2c server': () => http2.createServer((_request, response) => void response.end('ok')),
  'an HTTP/1.1 server over TLS': () => https.createServer(localhost, ok),
  'one that closes': () => createServer((socket) => void socket.on('data', () => socket.end())),
} as const

for (const [scheme, name, answer, line] of [
  [
    'h2c',
    'an HTTP/1.1 server',
    OTHER,
    /error 502 other-protocol .* it seems to speak HTTP\/1\.1: write http:\/\/ in place of h2c:\/\/$/,
  ],
  [
    'http',
    'an h2c server',
    OTHER,
    /error 502 other-protocol .* it seems to speak HTTP\/2: write h2c:\/\/ in place of http:\/\/$/,
  ],
  [
    'h2c',
    'an HTTP/1.1 server over TLS',
    /502 backend-closed/,
    /if it speaks TLS, write h2:\/\/ or https:\/\/\)$/,
  ],
  [
    'http',
    'an HTTP/1.1 server over TLS',
    /502 unanswered/,
    /\(if it speaks TLS, write https:\/\/; .*h2c:\/\/\)$/,
  ],
  ['http', 'one that closes', /502 unanswered/, /\(if it speaks TLS, write https:\/\/; .*h2c:\/\/\)$/],
  ['h2c', 'one that closes', /502 backend-closed/, /\(if it speaks HTTP\/1\.1, write http:\/\/; .*\)$/],
  [
    'https',
    'an HTTP/1.1 server',
    /502 backend-not-connected/,
    /\(it does not speak TLS: write http:\/\/ or h2c:\/\/\)$/,
  ],
  [
    'h2',
    'an HTTP/1.1 server over TLS',
    /502 backend-not-connected/,
    /\(it does not offer HTTP\/2 over TLS: write https:\/\/\)$/,
  ],
] as const) {
  t.test(`${scheme}:// before ${name}`, async (t) => {
    const port = await behind(t, servers[name]())
    const proxy = await serve(t, `${scheme}://127.0.0.1:${port}`, {}, { backendTls: { verify: false } })
    const text = await said(t, proxy.port, GET)
    t.match(text, answer)
    t.notMatch(text, String(port), 'where it is, is not for clients')
    t.notMatch(text, '://', 'nor what is configured')
    t.match(await proxy.line(/ 502 /), line)
    t.match(
      await proxy.line(/ 502 /),
      `from ${scheme}://127.0.0.1:${port}: GET a.test/path (m1/r1): `,
      'no query',
    )
  })
}

t.test('a backend that has answered before is not said to speak something else', async (t) => {
  let requests = 0
  const port = await behind(
    t,
    http.createServer((request, response) => {
      if (++requests === 1) response.end('ok')
      else request.socket.destroy()
    }),
  )
  const proxy = await serve(t, `http://127.0.0.1:${port}`)
  t.match(await said(t, proxy.port, GET), /200 OK/)
  t.match(await said(t, proxy.port, GET.replace('GET', 'POST')), /502 unanswered/)
  t.notMatch(await proxy.line(/ 502 /), 'write https://')
})

/** A server that takes connections and answers nothing. */
const silent = () => createServer((socket) => void socket.resume())

t.test('503 lease-late names the bound that was reached', async (t) => {
  // The requests that are held end with the server.
  const limits = { proxy: { leaseTimeoutMs: 400, headTimeoutMs: 60_000 }, server: { cutMs: 1 } }
  const h2c = () => http2.createServer({ settings: { maxConcurrentStreams: 1 } })
  for (const [scheme, server, more, line] of [
    [
      'http',
      silent(),
      { server: { http1SessionsMax: 1 } },
      /1 connection carries 1 request at a time, and server.http1SessionsMax=1 is reached: raise it with --limit server.http1SessionsMax=N; timeouts\.lease is 400ms \(route \/\)$/,
    ],
    [
      'h2c',
      h2c(),
      { engine: { sessionsMax: 1 } },
      /1 request at a time, as the backend's SETTINGS allow, and engine.sessionsMax=1 is reached: raise it with --limit engine.sessionsMax=N; timeouts\.lease is 400ms \(route \/\)$/,
    ],
    [
      'h2c',
      http2.createServer(),
      { engine: { sessionsMax: 1 }, http2: { backendStreamsMax: 1 } },
      /1 request at a time \(http2.backendStreamsMax=1\), and engine.sessionsMax=1 is reached/,
    ],
    [
      'h2c',
      http2.createServer(),
      { engine: { sessionsMax: 1 }, http2: { backendStreamsMax: 2 } },
      /2 requests at a time \(http2.backendStreamsMax=2\), .*=N, or raise http2.backendStreamsMax; timeouts\.lease is 400ms \(route \/\)$/,
    ],
  ] as const) {
    await t.test(`${scheme} ${JSON.stringify(more)}`, async (t) => {
      const port = await behind(t, server)
      const proxy = await serve(t, `${scheme}://127.0.0.1:${port}`, limitsWith(limits, more), {
        drainTimeoutMs: 1,
      })
      const held = [1, 2].map(() => connect(proxy.port, '127.0.0.1').on('error', () => {}))
      for (const each of held) {
        t.teardown(() => each.destroy())
        each.write(GET)
      }
      const text = await Promise.race([said(t, proxy.port, GET), proxy.line(/lease-late/)])
      if (text.startsWith('HTTP')) t.notMatch(text, 'Max', 'clients are not told of bounds')
      const told = await proxy.line(/lease-late/)
      t.match(told, /^warn 503 lease-late from .*no stream was free in time: .*timeouts\.lease is 400ms/)
      t.match(told, line)
    })
  }
})

t.test('504 connect-late: while no connection is open, timeouts.connect counts', async (t) => {
  const port = await behind(t, silent())
  const proxy = await serve(t, `h2c://127.0.0.1:${port}`, {
    transport: { connectMs: 100 },
    proxy: { leaseTimeoutMs: 10 },
  })
  t.match(await said(t, proxy.port, GET), /504 connect-late/)
  t.match(await proxy.line(/ 504 /), /connect-late .*timeouts\.connect is 100ms \(route \/\)$/)
})

t.test('504, refused connections, handshakes, PROXY headers: a line each', async (t) => {
  const port = await behind(t, silent())
  const url = `http://127.0.0.1:${port}`
  const late = await serve(t, url, { proxy: { headTimeoutMs: 50 } })
  t.match(await said(t, late.port, GET), /504 head-late/)
  t.match(
    await late.line(/504/),
    /^warn 504 head-late from http:\S+: GET a\.test\/path \(m1\/r1\): the backend did not answer in time; timeouts\.head is 50ms \(route \/\)$/,
  )

  const full = await serve(t, url, { server: { connectionsMax: 1 } })
  const first = connect(full.port, '127.0.0.1')
  t.teardown(() => first.destroy())
  await once(first, 'connect')
  await said(t, full.port, GET)
  t.match(
    await full.line(/refused/),
    /^warn client connection refused: 127\.0\.0\.1:\d+: server.connectionsMax=1 are open; raise it with --limit/,
  )

  const each = await serve(t, url, { server: { connectionsPerAddressMax: 1 } })
  const one = connect(each.port, '127.0.0.1')
  t.teardown(() => one.destroy())
  await once(one, 'connect')
  await said(t, each.port, GET)
  t.match(
    await each.line(/refused/),
    /^warn client address refused: 127\.0\.0\.1:\d+: .*server.connectionsPerAddressMax=1/,
  )

  const secure = await serve(
    t,
    url,
    {},
    {
      listen: [{ host: '127.0.0.1', port: 0, secure: true }],
      certificates: () => ({ certificates: [localhost] }),
    },
  )
  const client = connectTls({ port: secure.port, host: '127.0.0.1', ALPNProtocols: ['spdy/3'] })
  client.on('error', () => {})
  t.match(await secure.line(/TLS/), /^warn TLS handshake failed: 127\.0\.0\.1:\d+: ERR_SSL_\w+$/)

  const relayed = await serve(t, url, {}, { acceptProxy: ['127.0.0.1'] })
  t.equal(await said(t, relayed.port, GET), '')
  t.match(
    await relayed.line(/PROXY/),
    /^warn client connection dropped: 127\.0\.0\.1:\d+: no PROXY header came first: .+; --accept-proxy asks for one$/,
  )
})

t.test('a refused CONNECT and a closed tunnel leave one line each', async (t) => {
  const proxy = await serve(
    t,
    'http://127.0.0.1:1',
    { proxy: { tunnelIdleMs: 50 } },
    { connect: ['127.0.0.1:*'] },
  )
  const closed = createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port: nobody } = closed.address() as AddressInfo
  await new Promise((resolve) => closed.close(resolve))
  const connecting = (port: number) => `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`
  t.match(await said(t, proxy.port, connecting(nobody)), /^HTTP\/1\.1 502 [\s\S]*backend-not-connected/)
  t.match(await proxy.line(/of a CONNECT/), /^error 502 backend-not-connected of a CONNECT: /)

  const target = await behind(t, silent())
  t.match(await said(t, proxy.port, connecting(target)), /^HTTP\/1\.1 200/)
  t.match(
    await proxy.line(/tunnel-idle/),
    /^warn tunnel closed, tunnel-idle of a CONNECT: CONNECT 127\.0\.0\.1:/,
  )
  t.strictSame(
    proxy.lines.filter((line) => line.includes('cut short')),
    [],
  )
})

t.test('requests cut at drain, and responses cut short', async (t) => {
  const port = await behind(t, silent())
  const proxy = await serve(t, `http://127.0.0.1:${port}`, { server: { cutMs: 50 } }, { drainTimeoutMs: 50 })
  const client = connect(proxy.port, '127.0.0.1').on('error', () => {})
  t.teardown(() => client.destroy())
  client.write(GET)
  while (proxy.server.proxy.begun === 0) await soon()
  proxy.server.command('drain')
  await proxy.stopped
  t.ok(proxy.lines.includes('warn --drain-timeout=0.05s is over: 1 request was cut'), proxy.lines.join())

  const half = await behind(
    t,
    createServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'))
    }),
  )
  const cut = await serve(t, `http://127.0.0.1:${half}`)
  t.notMatch(await said(t, cut.port, GET), 'half of it is whole')
  t.match(
    await cut.line(/cut short/),
    /^warn response cut short, truncated from http:\S+: GET a\.test\/path \(m1\/r1\): the connection ended/,
  )
})

t.test('what DNS says of endpoints, and what it does not', async (t) => {
  const { server, lines } = await serve(t, 'http://127.0.0.1:1')
  const incidents = new Incidents(server.log, limitsWith(defaultLimits), () =>
    settingNames({ form: 'options' }),
  )
  incidents.discovered('shop', ['192.0.2.1:80', '192.0.2.2:80'], 0)
  const many = Array.from({ length: 12 }, (_, i) => `192.0.2.${i}:80`)
  incidents.discovered('shop', many, 3)
  incidents.undiscovered('shop', 'shop.internal', 'ENODATA', 12)
  incidents.undiscovered('shop', 'shop.internal', 'ETIMEOUT', 0)
  incidents.undiscovered('shop', 'shop.internal', 'ESERVFAIL', 0)
  incidents.rediscovered('shop', 'shop.internal')
  t.strictSame(lines, [
    'info backend shop: endpoints 192.0.2.1:80, 192.0.2.2:80',
    `info backend shop: endpoints ${many.slice(0, 10).join(', ')} and 2 more`,
    'warn backend shop: 3 more endpoints are left out: proxy.discoveredEndpointsMax is reached',
    'error backend shop: shop.internal is not found, its endpoints stay as they are: ENODATA (DNS knows the name, and has no such records for it)',
    'error backend shop: shop.internal is not found, it has no endpoints yet: ETIMEOUT (no DNS server answered)',
    'error backend shop: shop.internal is not found, it has no endpoints yet: ESERVFAIL (the DNS server could not answer)',
    'info backend shop: shop.internal is found again',
  ])
})

t.test('what becomes of the health of endpoints: a line each, in any number', async (t) => {
  const { server, lines } = await serve(t, 'http://127.0.0.1:1')
  const incidents = new Incidents(server.log, limitsWith(defaultLimits), () =>
    settingNames({ form: 'options' }),
  )
  const a = 'http://192.0.2.1:80'
  for (const event of ['down', 'up', 'ejected', 'returned', 'reached'] as const)
    for (let i = 0; i < 3; i++) incidents.health('shop', a, event, event === 'ejected' ? 30_000 : 0)
  for (const event of ['panic', 'calm'] as const) incidents.health('shop', null, event, 0)
  incidents.checked(a, true, '')
  incidents.checked(a, false, 'status 500')
  incidents.checked(a, false, 'no answer')
  server.log.configure({ level: 'debug', format: 'text' })
  incidents.checked(a, true, '')
  server.log.flush()
  t.strictSame(lines, [
    `warn backend shop: ${a} is down: its health checks fail`,
    `info backend shop: ${a} is up: its health checks pass`,
    `warn backend shop: ${a} is ejected: too many of its requests failed; it gets none for 30s`,
    `info backend shop: ${a} is back: its ejection is over`,
    `info backend shop: ${a} is reached again: a connection to it was made`,
    'error backend shop: too few endpoints are healthy: unhealthy ones get requests too (health.panic)',
    'info backend shop: enough endpoints are healthy again: unhealthy ones get no requests',
    `warn health check of ${a} failed: status 500`,
    `debug health check of ${a} passed: it may get requests`,
    `warn backend shop: ${a} is down: 2 more within 10 s`,
    `info backend shop: ${a} is up: 2 more within 10 s`,
    `warn backend shop: ${a} is ejected: 2 more within 10 s`,
    `info backend shop: ${a} is back: 2 more within 10 s`,
    `info backend shop: ${a} is reached again: 2 more within 10 s`,
    `warn health check of ${a} failed: 1 more within 10 s, the last: no answer`,
  ])
})

t.test(
  'a client that is cut off for abuse, and its address; mistakes of clients for whoever debugs',
  async (t) => {
    const proxy = await serve(
      t,
      'http://127.0.0.1:1',
      { http1: { headMs: 50 }, server: { abusesMax: 1 } },
      { processLog: { level: 'debug' } },
    )
    t.match(
      await said(t, proxy.port, 'CONNECT a.test:1 HTTP/1.1\r\nHost: a.test:1\r\nConnection: close\r\n\r\n'),
      /^HTTP\/1\.1 501/,
    )
    t.match(await proxy.line(/^debug/), /^debug 501 [\w-]+: CONNECT a\.test:1 \(m1\/r1\): /)
    t.match(await said(t, proxy.port, 'GET / HT'), /^HTTP\/1\.1 408/)
    t.match(
      await proxy.line(/abuse:/),
      /^warn client connection closed for abuse: 127\.0\.0\.1:\d+: it used up a budget, or left a request unfinished/,
    )
    t.match(
      await proxy.line(/blocked/),
      /^warn client address blocked: 127\.0\.0\.1:\d+: it was cut off server\.abusesMax=1 times, and is refused for 1m$/,
    )
  },
)
