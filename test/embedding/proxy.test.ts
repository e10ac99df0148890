// A proxy in a program of Node's: requests, bodies, WebSockets, targets and the end.

import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { createProxy, type ProxyOptions } from '../../src/server/index.js'
import { run } from '../../tools/testbed/programs.js'
import { ask, asked, http1Backend, http2Backend, mounted, portOf, proxyFor, until } from './servers.js'

const MIB = 1024 * 1024

t.test('V1, V2: requests of many clients share one session of HTTP/2', async (t) => {
  const backend = await http2Backend(t)
  const port = await mounted(t, proxyFor(t, { target: backend.url }))
  const all = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(port, { path: `/a?n=${n}` })))
  t.strictSame(
    all.map((each) => asked(each).url),
    Array.from({ length: 20 }, (_, n) => `/a?n=${n}`),
  )
  t.equal(backend.sessions(), 1)
})

t.test('V2: bodies pass both ways, to backends of both versions', async (t) => {
  for (const url of [await http1Backend(t), (await http2Backend(t)).url]) {
    const port = await mounted(t, proxyFor(t, { target: url }))
    const body = 'x'.repeat(3 * MIB)
    const told = await ask(port, { method: 'POST', body })
    t.equal(asked(told).body.length, body.length, url)
    const chunked = await ask(port, {
      method: 'POST',
      body: 'ab',
      headers: { 'transfer-encoding': 'chunked' },
    })
    t.equal(asked(chunked).body, 'ab')
    t.equal(asked(chunked).headers['transfer-encoding'] ?? 'none', url.startsWith('h2c') ? 'none' : 'chunked')
  }
})

t.test('V3: a client that does not read holds up its own backend only, within bounds', async (t) => {
  let sent = 0
  const url = await http1Backend(t, (_asked, reply) => {
    const chunk = Buffer.alloc(64 * 1024)
    const more = (): void => {
      while (sent < 64 * MIB) {
        sent += chunk.length
        if (!reply.write(chunk)) {
          reply.once('drain', more)
          return
        }
      }
      reply.end()
    }
    more()
  })
  const proxy = proxyFor(t, { target: url })
  const port = await mounted(t, proxy)
  const socket = connect(port, '127.0.0.1').pause()
  t.teardown(() => socket.destroy())
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  await until(() => sent > 0)
  // Nothing more comes once all buffers on the way are full.
  for (let before = -1; before !== sent; ) {
    before = sent
    for (let turn = 0; turn < 2_000; turn++) await new Promise(setImmediate)
  }
  t.ok(sent < 32 * MIB, `${sent} bytes were taken`)
  t.match(proxy.exchanges(), [{ step: 'exchange.transfer', method: 'GET' }])
  socket.destroy()
  await until(() => proxy.exchanges().length === 0)
})

t.test(
  'V4: a client that leaves ends its exchange; a response that is cut does not look whole',
  async (t) => {
    let gone = 0
    const url = await http1Backend(t, (asked, reply) => {
      reply.on('close', () => gone++)
      if (asked.url === '/cut') {
        reply.writeHead(200, { 'content-length': '10' })
        reply.write('half')
        setImmediate(() => reply.destroy())
      }
    })
    const proxy = proxyFor(t, { target: url })
    const port = await mounted(t, proxy)
    const resets: string[] = []
    proxy.on('econnreset', (error) => resets.push(error.outcome))
    const errors: string[] = []
    proxy.on('error', (error) => errors.push(error.outcome ?? error.message))
    const leaving = request({ port, host: '127.0.0.1', path: '/slow' }).on('error', () => {})
    leaving.end()
    await until(() => proxy.exchanges()[0]?.step === 'exchange.awaitHead')
    leaving.destroy()
    await until(() => gone === 1)
    await until(() => resets.length === 1)
    t.strictSame(resets, ['client-gone'])
    const cut = await ask(port, { path: '/cut' })
    t.notOk(cut.complete)
    await until(() => errors.length === 1)
    t.match(errors, [/truncated|closed|reset/])
  },
)

t.test('P39, V6: WebSockets pass to HTTP/1.1, and as extended CONNECT to HTTP/2', async (t) => {
  const program = createServer()
  const sockets = new WebSocketServer({ server: program })
  sockets.on('connection', (socket) => socket.on('message', (text) => socket.send(`echo ${text}`)))
  program.listen(0, '127.0.0.1')
  await once(program, 'listening')
  t.teardown(() => {
    sockets.close()
    program.close()
  })
  const proxy = proxyFor(t, { target: `ws://127.0.0.1:${portOf(program)}` })
  const seen: string[] = []
  proxy.on('proxyReqWs', (outgoing) => void outgoing.setHeader('x-seen', 'yes'))
  proxy.on('open', () => seen.push('open'))
  proxy.on('close', () => seen.push('close'))
  proxy.on('exchange', ({ method, status }) => seen.push(`${method} ${status}`))
  const port = await mounted(t, proxy)
  const client = new WebSocket(`ws://127.0.0.1:${port}/chat`)
  await once(client, 'open')
  client.send('hi')
  const [text] = (await once(client, 'message')) as [Buffer]
  t.equal(String(text), 'echo hi')
  client.close()
  await once(client, 'close')
  await until(() => seen.length === 3)
  t.strictSame(seen, ['open', 'close', 'GET 101'], 'as its client has seen it')

  const http2 = await http2Backend(t)
  const other = await mounted(t, proxyFor(t, { target: http2.url }))
  const raw = connect(other, '127.0.0.1')
  t.teardown(() => raw.destroy())
  // The bytes behind the handshake come with the program's `upgrade` event.
  raw.write(
    'GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\nearly',
  )
  let got = ''
  raw.on('data', (chunk) => (got += chunk))
  await until(() => got.includes('early'))
  t.match(got, /^HTTP\/1\.1 101 /)
  raw.write(' late')
  await until(() => got.endsWith('early late'))
})

t.test('V6: what is no WebSocket, or has no backend, is answered on its socket', async (t) => {
  const proxy = proxyFor(t, { target: 'http://127.0.0.1:1' })
  const errors: string[] = []
  proxy.on('error', (error) => errors.push(error.code ?? ''))
  const port = await mounted(t, proxy)
  const said = async (upgrade: string): Promise<string> => {
    const socket = connect(port, '127.0.0.1')
    socket.write(
      `GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: ${upgrade}\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
    )
    let got = ''
    socket.on('data', (chunk) => (got += chunk))
    await once(socket, 'close')
    return got
  }
  t.match(await said('h2c'), /^HTTP\/1\.1 400 /)
  t.match(await said('websocket'), /^HTTP\/1\.1 502 [\s\S]*x-fermata: backend-not-connected/)
  t.strictSame(errors, ['ECONNREFUSED'])
})

t.test('V6: an extended CONNECT of node:http2 is a WebSocket too', async (t) => {
  const backend = await http1Backend(t)
  const proxy = proxyFor(t, { target: backend })
  const server = createHttp2Server({ settings: { enableConnectProtocol: true } }, (asked, reply) =>
    proxy.web(asked, reply),
  )
  server.on('connect', (asked, reply) => proxy.web(asked, reply))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => session.destroy())
  await once(session, 'remoteSettings')
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': '/x',
    ':authority': 'a',
    ':scheme': 'http',
    'sec-websocket-version': '13',
  })
  const [head] = (await once(stream, 'response')) as [Record<string, unknown>]
  t.equal(head[':status'], 200)
  stream.write('ping')
  const [back] = (await once(stream, 'data')) as [Buffer]
  t.equal(String(back), 'ping')
  stream.end()
  stream.resume()
  await once(stream, 'close')
})

t.test('V9: a function may name the target; private addresses only where they are allowed', async (t) => {
  const url = await http1Backend(t)
  const follow = (t2: typeof t, options: ProxyOptions) =>
    mounted(t2, proxyFor(t2, { errors: 'detailed', ...options }))
  const guarded = proxyFor(t, { errors: 'detailed', target: () => url })
  const told: string[] = []
  guarded.on('error', (error) => told.push(error.message))
  const closed = await mounted(t, guarded)
  t.match(await ask(closed), { status: 502, headers: { 'x-fermata': 'backend-not-connected' } })
  t.match(told, [/: a private address, which allowPrivate does not allow$/])
  const named = await follow(t, { target: async () => url.replace('127.0.0.1', 'localhost') })
  t.match(await ask(named), { status: 502 }, 'by its name neither')
  const open = await follow(t, { target: async () => url, allowPrivate: ['127.0.0.0/8'] })
  t.equal((await ask(open)).status, 200)
  const wrong = await follow(t, {
    target: () => Promise.reject(new Error('nobody knows')),
    allowPrivate: true,
  })
  t.match(await ask(wrong), { status: 500, headers: { 'x-fermata': 'event-failed' } })
  const none = await follow(t, {})
  t.match(await ask(none), { status: 500, headers: { 'x-fermata': 'no-target' } })
  t.throws(() => createProxy({ allowPrivate: ['x'] }), { name: 'ConfigError', message: /allowPrivate/ })
})

t.test('V9: targets that a function names keep their connections up to a bound', async (t) => {
  const urls = await Promise.all([http1Backend(t), http1Backend(t), http1Backend(t)])
  const proxy = proxyFor(t, {
    target: ({ url = '' }) => urls[Number(url.slice(1))],
    allowPrivate: true,
    limits: { node: { targetsMax: 2 } },
  })
  const port = await mounted(t, proxy)
  for (const n of [0, 1, 0, 2]) t.equal((await ask(port, { path: `/${n}` })).status, 200)
  await until(() => proxy.describe()['sessions'] === 2)
  t.equal((await ask(port, { path: '/1' })).status, 200, 'one that had to go comes again')
})

t.test('V12: closing waits for what runs, then cuts', async (t) => {
  let finish: (() => void) | null = null
  const url = await http1Backend(t, (_asked, reply) => {
    finish = () => void reply.end('done')
  })
  const proxy = createProxy({ target: url })
  const port = await mounted(t, proxy)
  const running = ask(port)
  await until(() => finish !== null)
  const closing = proxy.close()
  t.match(await ask(port), { status: 503, headers: { 'x-fermata': 'closing' } }, 'no more are taken')
  ;(finish as unknown as () => void)()
  t.match(await running, { status: 200, body: 'done' })
  await closing
  const cut = createProxy({ target: url })
  const second = await mounted(t, cut)
  const hanging = ask(second)
  await until(() => cut.exchanges()[0]?.step === 'exchange.awaitHead')
  await cut.close({ timeoutMs: 1 })
  t.match(await hanging, { status: 503 })
})

t.test('P40, V12: a program ends by itself, though its proxy is open and has idle connections', async (t) => {
  const url = await http1Backend(t)
  const text = `
    import { createServer, get } from 'node:http'
    import { createProxy } from ${JSON.stringify(new URL('../../src/server/index.js', import.meta.url).href)}
    const proxy = createProxy({ target: ${JSON.stringify(url)} })
    const server = createServer((request, reply) => proxy.web(request, reply)).listen(0, () => {
      get({ port: server.address().port, agent: false }, (reply) => {
        reply.resume().on('end', () => server.close(() => console.log('ends')))
      })
    })`
  const { stdout, code } = await run(process.execPath, ['--input-type=module', '-e', text])
  t.strictSame([stdout, code], ['ends\n', 0])
})

t.test('V13: fields of both heads pass as they should', async (t) => {
  const url = await http1Backend(t, (asked, reply) => {
    if (asked.url === '/gzip') reply.setHeader('content-encoding', 'gzip').end(gzipSync('zipped'))
    else if (asked.url === '/none') reply.writeHead(204).end()
    else if (asked.url === '/trailers') {
      reply.writeHead(200, { trailer: 'x-sum' })
      reply.write('body')
      reply.addTrailers({ 'x-sum': '4' })
      reply.end()
    } else {
      reply.writeHead(200, { 'set-cookie': ['a=1', 'b=2'], 'x-names': Object.keys(asked.headers).join(' ') })
      reply.end(asked.headers['x-forwarded-for'])
    }
  })
  const proxy = proxyFor(t, { target: url })
  const port = await mounted(t, proxy, (asked, reply) => {
    reply.setHeader('x-powered-by', 'tests')
    asked.headers['x-user'] = 'me'
    proxy.web(asked, reply)
  })
  const headers = { 'x-forwarded-for': '192.0.2.1', connection: 'x-hop', 'x-hop': '1', te: 'trailers' }
  const told = await ask(port, { headers })
  t.match(told.headers, { 'set-cookie': ['a=1', 'b=2'], 'x-powered-by': 'tests' })
  t.match(told.headers['x-names'], /x-user/, 'what middleware has set goes with it')
  t.notMatch(told.headers['x-names'], /x-hop/)
  t.equal(told.body, '192.0.2.1', 'without xfwd the fields of a client pass')
  t.match(await ask(port, { path: '/gzip' }), { headers: { 'content-encoding': 'gzip' } })
  t.match(await ask(port, { path: '/none' }), { status: 204, body: '' })
  t.match((await ask(port, { method: 'HEAD' })).body, '')
  t.match(await ask(port, { path: '/trailers' }), { body: 'body', trailers: { 'x-sum': '4' } })
  const telling = await mounted(t, proxyFor(t, { target: url, xfwd: true }))
  t.equal((await ask(telling, { headers })).body, '192.0.2.1,127.0.0.1')
  const trusting = proxyFor(t, {
    target: url,
    trustedProxies: { addresses: ['127.0.0.1'], fields: ['x-forwarded-for'] },
  })
  t.equal((await ask(await mounted(t, trusting), { headers })).body, '192.0.2.1, 127.0.0.1')
  const strict = proxyFor(t, {
    target: url,
    trustedProxies: { addresses: ['192.0.2.9'], fields: ['x-forwarded-for'] },
  })
  t.equal((await ask(await mounted(t, strict), { headers })).body, '127.0.0.1')
})
